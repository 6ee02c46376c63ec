//! Test programs that rustc's own harness runs: what they offer, and how one test ends.

use super::results::{Outcome, first_line};
use crate::up;
use anyhow::{Context, Result};
use std::fs::File;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Longest life of one test: some wait for an event that does not come.
const PATIENCE: Duration = Duration::from_secs(60);

/// The names in what `--list --format terse` prints.
pub(crate) fn names(list: &str) -> impl Iterator<Item = &str> {
    list.lines().filter_map(|line| line.strip_suffix(": test"))
}

/// Runs one test, with its output in a file: a full pipe that nobody reads would stop it.
pub(crate) fn run(command: &mut Command, name: &str, log: &Path) -> Result<Outcome> {
    let output = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    command.args(["--exact", name, "--test-threads=1", "--nocapture"]);
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    let mut child = command.spawn().with_context(|| format!("cannot run {name}"))?;
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            return Ok(Outcome::Failed(format!("still running after {} s", PATIENCE.as_secs())));
        }
        up::pause();
    };
    let text = std::fs::read(log).with_context(|| format!("cannot read {}", log.display()))?;
    Ok(outcome(status, &String::from_utf8_lossy(&text)))
}

fn outcome(status: ExitStatus, text: &str) -> Outcome {
    if !status.success() {
        return Outcome::Failed(panic_message(text));
    }
    if text.contains("test result: ok. 0 passed; 0 failed; 1 ignored") {
        return Outcome::Skipped("ignored by its authors".to_owned());
    }
    Outcome::Passed
}

/// The line below `thread '..' panicked at ..:`.
fn panic_message(text: &str) -> String {
    let after = text.split_once(" panicked at ").map_or(text, |(_, rest)| rest);
    first_line(after.split_once('\n').map_or(after, |(_, message)| message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn only_tests_are_listed() {
        assert_eq!(names("a::b: test\nc: test\nd: benchmark\n\n").collect::<Vec<_>>(), ["a::b", "c"]);
    }

    #[test]
    fn a_failure_is_told_by_its_panic() {
        let text = "running 1 test\nthread 'x' (12) panicked at tests/x.rs:5:10:\ncalled `unwrap()`: 404\nnote: more\n";
        assert_eq!(outcome(ExitStatus::from_raw(101 << 8), text), Outcome::Failed("called `unwrap()`: 404".to_owned()));
    }

    #[test]
    fn an_ignored_test_is_not_a_passed_one() {
        let text = "test result: ok. 0 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.00s";
        assert!(matches!(outcome(ExitStatus::from_raw(0), text), Outcome::Skipped(_)));
    }
}
