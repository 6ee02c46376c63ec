//! `tests/compat/*.txt`: the tests of a suite that must pass, one a line.

use super::results::{Outcome, Results};
use crate::command::workspace;
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A list.
#[derive(Debug)]
pub(crate) struct Expected {
    file: PathBuf,
    /// The lines above the names: what the list is.
    head: String,
    names: BTreeSet<String>,
}

/// What a run says about the list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// They pass and are not listed.
    pub(crate) new: Vec<String>,
    /// They are listed and don't pass, and how they end.
    pub(crate) broken: Vec<(String, String)>,
    pub(crate) passed: usize,
    pub(crate) total: usize,
}

impl Expected {
    /// The list of a suite.
    pub(crate) fn read(suite: &str) -> Result<Self> {
        let file = workspace().join("tests/compat").join(format!("{suite}.txt"));
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(Self::parse(file, &text))
    }

    fn parse(file: PathBuf, text: &str) -> Self {
        let (head, names): (Vec<&str>, Vec<&str>) =
            text.lines().map(str::trim).filter(|line| !line.is_empty()).partition(|line| line.starts_with('#'));
        let head = head.into_iter().map(|line| format!("{line}\n")).collect();
        Self { file, head, names: names.into_iter().map(str::to_owned).collect() }
    }

    pub(crate) fn file(&self) -> &Path {
        self.file.strip_prefix(workspace()).unwrap_or(&self.file)
    }

    /// Tests that were not run, because a filter left them out, say nothing.
    pub(crate) fn compare(&self, results: &Results) -> Verdict {
        let passes = |(name, outcome): (&str, &Outcome)| (*outcome == Outcome::Passed).then(|| name.to_owned());
        let fails = |name: &String| match results.get(name) {
            None | Some(Outcome::Passed) => None,
            Some(outcome) => Some((name.clone(), outcome.to_string())),
        };
        Verdict {
            new: results.iter().filter_map(passes).filter(|name| !self.names.contains(name)).collect(),
            broken: self.names.iter().filter_map(fails).collect(),
            passed: results.iter().filter_map(passes).count(),
            total: results.iter().count(),
        }
    }

    /// Writes more names into the file.
    pub(crate) fn add(&mut self, names: &[String]) -> Result<()> {
        self.names.extend(names.iter().cloned());
        let mut text = self.head.clone();
        for name in &self.names {
            text.push_str(name);
            text.push('\n');
        }
        fs::write(&self.file, text).with_context(|| format!("cannot write {}", self.file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results() -> Results {
        let mut results = Results::default();
        results.add("f::good".to_owned(), Outcome::Passed);
        results.add("f::bad".to_owned(), Outcome::Failed("it broke".to_owned()));
        results.add("f::left_out".to_owned(), Outcome::Skipped("no network".to_owned()));
        results
    }

    #[test]
    fn what_passes_is_to_be_listed_and_what_is_listed_is_to_pass() {
        let list = Expected::parse(PathBuf::new(), "# head\nf::bad\nf::left_out\nf::elsewhere\n");
        let verdict = list.compare(&results());
        assert_eq!(verdict.new, ["f::good"]);
        let broken: Vec<&str> = verdict.broken.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(broken, ["f::bad", "f::left_out"]);
        assert_eq!(verdict.broken[0].1, "failed: it broke");
        assert_eq!((verdict.passed, verdict.total), (1, 3));
    }

    #[test]
    fn a_list_that_is_added_to_keeps_its_head_and_its_order() {
        let file = std::env::temp_dir().join(format!("expected-{}.txt", std::process::id()));
        let mut list = Expected::parse(file.clone(), "# head\n# more\n\nb\n");
        list.add(&["a".to_owned()]).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "# head\n# more\na\nb\n");
        fs::remove_file(&file).unwrap();
    }
}
