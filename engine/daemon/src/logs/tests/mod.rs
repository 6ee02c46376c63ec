//! Reading logs that are being written, rotated and compressed.

mod compression;
mod dress;
mod property;
mod reading;

use super::*;
use crate::time::Time;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

const BOTH: Selection = Selection {
    stdout: true,
    stderr: true,
    since: None,
    until: None,
    timestamps: false,
    details: false,
    frames: false,
};

fn time(second: u64) -> Time {
    Time::from_nanos(1_700_000_000_500_000_000 + second * 1_000_000_000)
}

/// A record as the shim writes it.
fn line(text: &str, stream: &str, second: u64) -> String {
    let time = time(second).to_string().replace('Z', "00000000Z");
    format!("{{\"log\":{},\"stream\":\"{stream}\",\"time\":\"{time}\"}}\n", serde_json::to_string(text).unwrap())
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

/// As the shim does, keeping six files.
fn rotate(path: &Path) {
    let next = PathBuf::from(format!("{}.next", path.display()));
    let _ = fs::File::create(&next).unwrap();
    for packed in [false, true] {
        for number in (1..5).rev() {
            let _ = fs::rename(chain::numbered(path, number, packed), chain::numbered(path, number + 1, packed));
        }
    }
    fs::rename(path, chain::numbered(path, 1, false)).unwrap();
    fs::rename(next, path).unwrap();
}

fn read_on(reader: &mut LogReader) -> String {
    let mut text = String::new();
    loop {
        let batch = reader.read().unwrap();
        for chunk in batch.chunks {
            text.push_str(std::str::from_utf8(&chunk.bytes).unwrap());
        }
        if batch.at_end || batch.over {
            return text;
        }
    }
}

fn read_all(path: &Path, selection: Selection, start: Start) -> String {
    read_on(&mut LogReader::new(path, selection, start))
}

fn numbers(range: impl Iterator<Item = u64>) -> String {
    range.map(|n| format!("{n}\n")).collect()
}

/// Three files: records 0-9 oldest, 10-19, 20-29 newest.
fn three_files() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x-json.log");
    for file in 0..3 {
        if file > 0 {
            rotate(&path);
        }
        for n in 0..10 {
            append(
                &path,
                &line(&format!("{}\n", file * 10 + n), if n % 2 == 0 { "stdout" } else { "stderr" }, file * 10 + n),
            );
        }
    }
    (directory, path)
}
