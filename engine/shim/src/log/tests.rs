//! The log as a whole, on real files.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::ffi::CString;
use std::path::{Path, PathBuf};

/// A directory of this test's own.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hull-log-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("x.log")
    }

    fn open(&self, max_size: u64, max_files: u32) -> Log {
        self.open_with(max_size, max_files, c"")
    }

    fn open_with(&self, max_size: u64, max_files: u32, attributes: &CStr) -> Log {
        let path = CString::new(self.file().into_os_string().into_encoded_bytes()).unwrap();
        Log::open(&Setup { path: &path, max_size, max_files, attributes }).unwrap()
    }

    /// The newest file, or a rotated one.
    fn rotated(&self, suffix: &str) -> PathBuf {
        PathBuf::from(format!("{}{suffix}", self.file().display()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn records(path: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            let field = |name: &str| record[name].as_str().unwrap().to_owned();
            assert!(field("time").ends_with('Z'));
            (field("stream"), field("log"))
        })
        .collect()
}

mod rotation;

fn pair(stream: &str, log: &str) -> (String, String) {
    (stream.to_owned(), log.to_owned())
}

#[test]
fn lines_become_records_and_an_unfinished_one_waits_for_its_end() {
    let scratch = Scratch::new("lines");
    let mut log = scratch.open(0, 1);
    log.append(Stream::Stdout, b"one\ntw", 1);
    log.append(Stream::Stderr, b"oops", 2);
    log.append(Stream::Stdout, b"o\n", 3);
    log.write_out();
    assert_eq!(records(&scratch.file()), [pair("stdout", "one\n"), pair("stdout", "two\n")]);
    log.end_line(Stream::Stderr, 4, true);
    log.end_line(Stream::Stdout, 4, true);
    log.write_out();
    assert_eq!(records(&scratch.file()).last(), Some(&pair("stderr", "oops")), "and no empty record for stdout");
}

#[test]
fn a_record_is_exactly_as_docker_writes_it() {
    let scratch = Scratch::new("exact");
    let mut log = scratch.open(0, 1);
    log.append(Stream::Stdout, b"<hi>\n", 1_767_323_045_123_456_789);
    log.write_out();
    assert_eq!(
        std::fs::read_to_string(scratch.file()).unwrap(),
        "{\"log\":\"\\u003chi\\u003e\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-02T03:04:05.123456789Z\"}\n"
    );
}

#[test]
fn attributes_stand_in_every_record() {
    let scratch = Scratch::new("attributes");
    let mut log = scratch.open_with(0, 1, c"{\"a\":\"b\"}");
    log.append(Stream::Stderr, b"hi\n", 1_767_323_045_123_456_789);
    log.append(Stream::Stdout, &vec![0; MAX_LINE], 1);
    log.write_out();
    let text = std::fs::read_to_string(scratch.file()).unwrap();
    let first = "{\"log\":\"hi\\n\",\"stream\":\"stderr\",\"attrs\":{\"a\":\"b\"},\"time\":\"2026-01-02T03:04:05.123456789Z\"}\n";
    assert!(text.starts_with(first), "{text:.300}");
    let longest: serde_json::Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    assert_eq!(longest["log"].as_str().unwrap().len(), MAX_LINE);
    let too_long = CString::new(vec![b'x'; Step::MAX_LOG_ATTRIBUTES + 1]).unwrap();
    assert!(Attributes::new(&too_long).is_err());
}

#[test]
fn long_lines_are_split_at_16_kib_but_not_inside_a_character() {
    let scratch = Scratch::new("split");
    let mut log = scratch.open(0, 1);
    // 16383 bytes, then a character of three bytes across the boundary.
    let mut line = "x".repeat(MAX_LINE - 1);
    line.push('☃');
    line.push_str(&"y".repeat(10));
    line.push('\n');
    for chunk in line.as_bytes().chunks(5000) {
        log.append(Stream::Stdout, chunk, 1);
    }
    log.append(Stream::Stdout, line.as_bytes(), 1);
    log.write_out();
    let logs: Vec<String> = records(&scratch.file()).into_iter().map(|(_, log)| log).collect();
    let lengths: Vec<usize> = logs.iter().map(String::len).collect();
    assert_eq!(lengths, [MAX_LINE - 1, 14, MAX_LINE - 1, 14]);
    assert_eq!(logs.concat(), line.repeat(2));
}

#[test]
fn an_attached_terminal_gets_its_prompt_but_no_half_characters() {
    let scratch = Scratch::new("prompt");
    let mut log = scratch.open(0, 1);
    log.append(Stream::Stdout, b"$ \xe2\x98", 1);
    log.end_line(Stream::Stdout, 1, false);
    log.write_out();
    log.append(Stream::Stdout, b"\x83", 1);
    log.end_line(Stream::Stdout, 1, false);
    log.append(Stream::Stdout, b"\xf0\x9f", 1);
    log.end_line(Stream::Stdout, 1, false);
    log.end_line(Stream::Stdout, 1, true);
    log.write_out();
    let logs: Vec<String> = records(&scratch.file()).into_iter().map(|(_, log)| log).collect();
    assert_eq!(logs, ["$ ", "☃", "\u{fffd}\u{fffd}"]);
}

#[test]
fn a_line_of_nothing_but_bad_bytes_is_split_too() {
    let scratch = Scratch::new("bad");
    let mut log = scratch.open(0, 1);
    log.append(Stream::Stdout, &vec![0xff; MAX_LINE * 2], 1);
    log.write_out();
    assert_eq!(records(&scratch.file()).len(), 2);
}

#[test]
fn the_position_is_the_end_of_what_is_written() {
    let scratch = Scratch::new("position");
    let mut log = scratch.open(0, 1);
    log.append(Stream::Stdout, b"a\nunfinished", 1);
    let (inode, offset) = log.position(1);
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(scratch.file()).unwrap();
    assert_eq!((inode, offset), (metadata.ino(), metadata.len()));
    assert_eq!(records(&scratch.file()).len(), 2);
    drop(log);
    // The next start of the container goes on at the end.
    let mut log = scratch.open(0, 1);
    assert_eq!(log.position(1).1, offset);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However text is cut by the pipe, by prompts and by the 16 KiB rule, its records join to what was written.
    #[test]
    fn no_byte_of_text_is_lost_or_moved(
        pieces in vec(("[a-z☃😀é\\n\"\\\\<\\r\\x01]{0,40}", 1usize..900, 1usize..50_000, any::<bool>()), 1..8),
    ) {
        let scratch = Scratch::new("any-text");
        std::fs::remove_file(scratch.file()).ok();
        let mut log = scratch.open(0, 1);
        let mut written = String::new();
        for (text, times, cut, attached) in pieces {
            let text = text.repeat(times);
            for chunk in text.as_bytes().chunks(cut) {
                log.append(Stream::Stdout, chunk, 1);
                if attached {
                    log.end_line(Stream::Stdout, 1, false);
                }
            }
            written.push_str(&text);
        }
        log.end_line(Stream::Stdout, 2, true);
        log.write_out();
        let records = records(&scratch.file());
        prop_assert!(records.iter().all(|(_, log)| log.len() <= MAX_LINE && !log.trim_end_matches('\n').contains('\n')));
        let joined: String = records.into_iter().map(|(_, log)| log).collect();
        prop_assert!(joined == written);
    }
}
