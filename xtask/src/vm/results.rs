//! What the guest says, read line by line.

use crate::test::Totals;

/// Of one kernel.
#[derive(Debug, Default)]
pub(super) struct Results {
    /// Tests, as the programs count them.
    pub(super) totals: Totals,
    /// Names of those that failed.
    pub(super) failed: Vec<String>,
    /// Reasons why tests had nothing to test.
    pub(super) skipped: Vec<String>,
    /// Programs that ended badly, with their exit status.
    pub(super) broken: Vec<String>,
    /// The program that is running.
    running: Option<String>,
    /// Whether the guest came to its end.
    pub(super) done: bool,
}

impl Results {
    /// Takes a line; whether a person wants to see it.
    pub(super) fn take(&mut self, line: &str) -> bool {
        if let Some(name) = line.strip_prefix("@begin ") {
            self.running = Some(name.to_owned());
        } else if let Some(end) = line.strip_prefix("@end ") {
            self.running = None;
            match end.rsplit_once(' ') {
                Some((_, "0")) => {}
                _ => self.broken.push(end.to_owned()),
            }
        } else if line == "@done" {
            self.done = true;
        } else if let Some(reason) = line.trim_start().strip_prefix("skipped: ") {
            self.skipped.push(reason.to_owned());
        } else if let Some(name) = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED")) {
            self.failed.push(name.to_owned());
        }
        self.totals.add(line);
        line.starts_with('@') || line.starts_with("test ") || self.running.is_none()
    }

    /// Passed, failed and skipped: a test that found nothing to test has not passed.
    pub(super) fn counts(&self) -> [usize; 3] {
        let skipped = self.skipped.len().min(self.totals.passed);
        [self.totals.passed - skipped, self.totals.failed, skipped + self.totals.ignored]
    }

    /// A program that began and never ended.
    pub(super) fn cut_short(&self) -> Option<&str> {
        self.running.as_deref()
    }

    /// Whether everything ran, and well.
    pub(super) fn is_good(&self) -> bool {
        self.done && self.broken.is_empty() && self.running.is_none() && self.totals.failed == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Results {
        let mut results = Results::default();
        text.lines().for_each(|line| {
            results.take(line);
        });
        results
    }

    #[test]
    fn a_good_run() {
        let results = read(
            "@up 6.1\n@begin e2e\ntest a::b ... ok\nskipped: no docker\n\
             test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured\n@end e2e 0\n@done\n",
        );
        assert!(results.is_good());
        assert_eq!((results.counts(), results.skipped.as_slice()), ([0, 0, 1], ["no docker".to_owned()].as_slice()));
    }

    #[test]
    fn what_never_ended_is_not_good() {
        let results = read("@begin e2e\ntest a ... ok\n");
        assert!(!results.is_good());
        assert_eq!(results.cut_short(), Some("e2e"));
        assert!(!read("@begin e2e\n@end e2e 0\n").is_good(), "no @done");
    }

    #[test]
    fn failures_have_names() {
        let results = read(
            "@begin e2e\ntest a::b ... FAILED\ntest result: FAILED. 0 passed; 1 failed; 0 ignored\n@end e2e 101\n@done\n",
        );
        assert!(!results.is_good());
        assert_eq!(
            (results.failed.as_slice(), results.broken.as_slice()),
            (["a::b".to_owned()].as_slice(), ["e2e 101".to_owned()].as_slice())
        );
    }
}
