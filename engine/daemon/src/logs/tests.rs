//! Reading a log that is being written: follow, tail, times, cut-off lines.

use super::*;
use crate::time::Time;
use futures_util::{FutureExt, StreamExt};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

const BOTH: Selection =
    Selection { stdout: true, stderr: true, since: None, until: None, timestamps: false, details: false };

fn line(text: &str, stream: &str, second: u64) -> String {
    let time = Time::from_nanos(1_700_000_000_500_000_000 + second * 1_000_000_000);
    format!("{{\"log\":{},\"stream\":\"{stream}\",\"time\":\"{time}\"}}\n", serde_json::to_string(text).unwrap())
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

fn rotate(path: &Path) {
    let numbered = |n: u32| PathBuf::from(format!("{}.{n}", path.display()));
    for n in (1..5).rev() {
        let _ = fs::rename(numbered(n), numbered(n + 1));
    }
    fs::rename(path, numbered(1)).unwrap();
}

fn read_all(path: &Path, selection: Selection, start: Start) -> String {
    let mut reader = LogReader::new(path.to_owned(), selection, start);
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

fn numbers(range: impl Iterator<Item = u64>) -> String {
    range.map(|n| format!("{n}\n")).collect()
}

#[test]
fn rotated_files_read_as_one() {
    let (_guard, path) = three_files();
    assert_eq!(read_all(&path, BOTH, Start::Oldest), numbers(0..30));
    let stderr = Selection { stdout: false, ..BOTH };
    assert_eq!(read_all(&path, stderr, Start::Oldest), numbers((0..30).filter(|n| n % 2 == 1)));
}

#[test]
fn a_tail_reaches_over_rotation() {
    let (_guard, path) = three_files();
    for count in [1, 9, 10, 11, 25, 30] {
        assert_eq!(read_all(&path, BOTH, Start::Tail(count)), numbers(30 - count..30), "{count}");
    }
    assert_eq!(read_all(&path, BOTH, Start::Tail(0)), "");
    assert_eq!(read_all(&path, BOTH, Start::Tail(1000)), numbers(0..30));
}

#[test]
fn pieces_of_a_line_are_one_line_and_get_one_timestamp() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    for (text, second) in [("first\n", 0), ("pro", 1), ("mpt> ", 2), ("ls\n", 3), ("last\n", 4), ("$ ", 5)] {
        append(&path, &line(text, "stdout", second));
    }
    assert_eq!(read_all(&path, BOTH, Start::Tail(3)), "prompt> ls\nlast\n$ ");
    assert_eq!(read_all(&path, BOTH, Start::Tail(2)), "last\n$ ");
    let stamped = Selection { timestamps: true, ..BOTH };
    assert_eq!(
        read_all(&path, stamped, Start::Tail(3)),
        "2023-11-14T22:13:21.500000000Z prompt> ls\n2023-11-14T22:13:24.500000000Z last\n2023-11-14T22:13:25.500000000Z $ "
    );
}

#[test]
fn since_and_until_are_inclusive_and_damage_is_passed_over() {
    let (_guard, path) = three_files();
    let at = |second: u64| Some(Time::from_nanos(1_700_000_000_500_000_000 + second * 1_000_000_000));
    append(&path, "{\"log\":\"half a rec\n\0\0\0\n");
    append(&path, &line("30\n", "stdout", 30));
    append(&path, "{\"log\":\"unfinished");
    assert_eq!(read_all(&path, Selection { since: at(28), ..BOTH }, Start::Oldest), numbers(28..31));
    assert_eq!(read_all(&path, Selection { until: at(3), ..BOTH }, Start::Oldest), numbers(0..4));
}

#[tokio::test]
async fn following_goes_on_over_rotation_and_ends_with_the_writer() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    append(&path, &line("0\n", "stdout", 0));
    let watcher = LogWatcher::new().unwrap();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let follow = Follow { changes: watcher.subscribe(directory.path()).unwrap(), ended: ended.map(|_| ()).boxed() };
    let mut chunks = stream(LogReader::new(path.clone(), BOTH, Start::Oldest), Some(follow));
    assert_eq!(chunks.next().await.unwrap().unwrap().bytes, "0\n");
    assert!(tokio::time::timeout(Duration::from_millis(20), chunks.next()).await.is_err(), "waits at the end");
    append(&path, &line("1\n", "stdout", 1));
    assert_eq!(chunks.next().await.unwrap().unwrap().bytes, "1\n");
    append(&path, &line("2\n", "stdout", 2));
    rotate(&path);
    append(&path, &line("3\n", "stdout", 3));
    rotate(&path);
    append(&path, &line("4\n", "stdout", 4));
    let mut text = String::new();
    while text.len() < 6 {
        text.push_str(std::str::from_utf8(&chunks.next().await.unwrap().unwrap().bytes).unwrap());
    }
    assert_eq!(text, "2\n3\n4\n");
    append(&path, &line("5\n", "stderr", 5));
    end.send(()).unwrap();
    let last = chunks.next().await.unwrap().unwrap();
    assert_eq!((last.stream, &last.bytes[..]), (StreamKind::Stderr, &b"5\n"[..]));
    assert!(chunks.next().await.is_none());
    drop(chunks);
}

#[test]
fn a_place_in_a_file_is_found_wherever_rotation_moved_it() {
    use std::os::unix::fs::MetadataExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    append(&path, &line("before\n", "stdout", 0));
    let meta = fs::metadata(&path).unwrap();
    append(&path, &line("after\n", "stdout", 1));
    rotate(&path);
    append(&path, &line("newest\n", "stdout", 2));
    let start = Start::At { inode: meta.ino(), offset: meta.len() };
    assert_eq!(read_all(&path, BOTH, start), "after\nnewest\n");
}

#[test]
fn a_short_tail_does_not_read_the_whole_log() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    // A terabyte of nothing in front: who reads it all does not come back.
    File::create(&path).unwrap().set_len(1 << 40).unwrap();
    append(&path, "\n");
    (0..20).for_each(|number| append(&path, &line(&format!("{number}\n"), "stdout", number)));
    let tail: Vec<String> = (10..20).map(|number| format!("{number}\n")).collect();
    assert_eq!(read_all(&path, BOTH, Start::Tail(10)), tail.concat());
}
