//! The log of real processes: rotated, and cut off by a crash.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use hull_plan::{Frame, Step};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use support::{Came, Channel, Recipe, Scratch, Shim, eventually};

fn plan(scratch: &Scratch, max_size: u64, max_files: u32, script: &str) -> Vec<u8> {
    Recipe::shim_side(scratch)
        .step(Step::Log { path: &scratch.c_path("log"), max_size, max_files })
        .step(Step::LogAttributes { json: c"{\"who\":\"test\"}" })
        .step(Step::Namespaces { flags: support::NAMESPACES })
        .root(scratch)
        .step(Step::PivotRoot)
        .sh(script)
        .bytes()
}

fn file(scratch: &Scratch, number: u32) -> PathBuf {
    scratch.path(&if number == 0 { "log".to_owned() } else { format!("log.{number}") })
}

/// The texts of all files' whole records, oldest first; how many lines are no record.
fn texts(scratch: &Scratch) -> (Vec<String>, usize) {
    let (mut texts, mut damaged) = (Vec::new(), 0);
    for number in (0..100).rev() {
        let Ok(text) = fs::read_to_string(file(scratch, number)) else { continue };
        for line in text.lines() {
            match serde_json::from_str::<serde_json::Value>(line) {
                Ok(record) => {
                    assert_eq!(record["attrs"]["who"], "test");
                    texts.push(record["log"].as_str().unwrap().to_owned());
                }
                Err(_) => damaged += 1,
            }
        }
    }
    (texts, damaged)
}

#[test]
fn a_log_is_rotated_between_lines_and_its_end_is_kept() {
    let scratch = Scratch::new("log-rotated");
    Shim::run(&plan(&scratch, 50_000, 4, "i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done"));
    let (texts, damaged) = texts(&scratch);
    assert_eq!(damaged, 0);
    let first = 5000 - texts.len();
    assert!(texts.len() > 1000 && first > 0, "{} lines are left", texts.len());
    for (number, text) in (first..5000).zip(&texts) {
        assert_eq!(*text, format!("line {number}\n"));
    }
    assert!((1..4).all(|number| file(&scratch, number).exists()) && !file(&scratch, 4).exists());
}

#[test]
fn a_shim_that_is_killed_tears_no_line_and_the_next_run_goes_on() {
    let scratch = Scratch::new("log-killed");
    let forever = "i=0; while :; do echo line $i; i=$((i+1)); done";
    let mut runs = 0;
    for _ in 0..8 {
        let mut shim = Shim::start(&plan(&scratch, 200_000, 100, forever));
        let pid = shim.channel.started();
        // Into a new file at least once, and on.
        let rotated = || fs::metadata(file(&scratch, 1)).map_or(0, |meta| meta.ino());
        let before = rotated();
        eventually("it writes", || (rotated() != before).then_some(()));
        shim.process.kill().unwrap();
        shim.process.wait().unwrap();
        // What the kernel leaves of it: an init whose parent has gone.
        let _ = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status();
        runs += 1;
    }
    Shim::run(&plan(&scratch, 200_000, 100, "echo last"));
    let (texts, damaged) = texts(&scratch);
    assert!(damaged <= runs, "{damaged} torn lines after {runs} crashes");
    assert_eq!(texts.last().unwrap(), "last\n");
    // Each run counts from 0 without a gap.
    let number = |text: &str| text.strip_prefix("line ").unwrap().trim_end().parse::<u64>().unwrap();
    let mut expected = number(&texts[0]);
    for text in &texts[..texts.len() - 1] {
        let number = number(text);
        assert!(number == expected || number == 0, "{number} after {expected}");
        expected = number + 1;
    }
}

#[test]
fn an_attached_client_is_told_where_the_log_goes_on_after_rotation() {
    let scratch = Scratch::new("log-attach");
    let script = "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done; echo ready >&2; sleep 1000";
    let mut shim = Shim::start(&plan(&scratch, 20_000, 3, script));
    shim.channel.started();
    eventually("all is written", || texts(&scratch).0.iter().any(|text| text == "ready\n").then_some(()));
    let mut client = Channel::connect(&scratch);
    let came = client.send(&Frame::Attach { stdin: false }).receive();
    let newest = fs::metadata(file(&scratch, 0)).unwrap();
    assert_eq!(came, Came::Attached(newest.ino(), newest.len()));
}
