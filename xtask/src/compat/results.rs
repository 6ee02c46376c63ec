//! What came of the tests of a suite.

use std::collections::BTreeMap;
use std::fmt;

/// How a test ended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    Passed,
    /// Why, in one line. A test that is known to its authors to fail is skipped as well.
    Skipped(String),
    /// What it said, in one line.
    Failed(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => f.write_str("passed"),
            Self::Skipped(why) => write!(f, "skipped: {why}"),
            Self::Failed(why) => write!(f, "failed: {why}"),
        }
    }
}

/// Outcomes by name. A name begins with its file: `exec_test::integration_test_start_exec`.
#[derive(Debug, Default)]
pub(crate) struct Results {
    outcomes: BTreeMap<String, Outcome>,
}

/// Passed, failed, skipped.
type Counts = [usize; 3];

impl Results {
    /// Adds an outcome; of two for one test (its body and its cleaning up) the worse counts.
    pub(crate) fn add(&mut self, name: String, outcome: Outcome) {
        let known = self.outcomes.entry(name).or_insert_with(|| outcome.clone());
        if *known < outcome {
            *known = outcome;
        }
    }

    /// Takes in what another run of the suite gave.
    pub(crate) fn merge(&mut self, other: Self) {
        other.outcomes.into_iter().for_each(|(name, outcome)| self.add(name, outcome));
    }

    /// What another run gave counts instead.
    pub(crate) fn replace(&mut self, later: Self) {
        self.outcomes.extend(later.outcomes);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Outcome)> {
        self.outcomes.iter().map(|(name, outcome)| (name.as_str(), outcome))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Outcome> {
        self.outcomes.get(name)
    }

    fn by_file(&self) -> BTreeMap<&str, Counts> {
        let mut files: BTreeMap<&str, Counts> = BTreeMap::new();
        for (name, outcome) in self.iter() {
            let counts = files.entry(name.split("::").next().unwrap_or(name)).or_default();
            counts[match outcome {
                Outcome::Passed => 0,
                Outcome::Failed(_) => 1,
                Outcome::Skipped(_) => 2,
            }] += 1;
        }
        files
    }
}

/// The failures, each with what it said, and the table.
impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, outcome) in self.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Failed(_))) {
            writeln!(f, "{name}: {outcome}")?;
        }
        let files = self.by_file();
        let width = files.keys().map(|file| file.len()).max().unwrap_or_default().max("total".len());
        writeln!(f, "\n{:width$}  passed  failed  skipped", "file")?;
        let row = |f: &mut fmt::Formatter<'_>, name: &str, [passed, failed, skipped]: Counts| {
            writeln!(f, "{name:width$}  {passed:6}  {failed:6}  {skipped:7}")
        };
        let mut total = Counts::default();
        for (file, counts) in &files {
            row(f, file, *counts)?;
            (0..total.len()).for_each(|at| total[at] += counts[at]);
        }
        row(f, "total", total)
    }
}

/// The first line that says something, not too long for a terminal.
pub(crate) fn first_line(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no word");
    line.chars().take(240).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worse_of_two_outcomes_counts() {
        let mut results = Results::default();
        results.add("a::t".to_owned(), Outcome::Passed);
        results.add("a::t".to_owned(), Outcome::Failed("teardown".to_owned()));
        results.add("a::t".to_owned(), Outcome::Passed);
        assert_eq!(results.get("a::t"), Some(&Outcome::Failed("teardown".to_owned())));
    }

    #[test]
    fn the_table_counts_by_file() {
        let mut results = Results::default();
        results.add("exec_test::a".to_owned(), Outcome::Passed);
        results.add("exec_test::b".to_owned(), Outcome::Failed("no".to_owned()));
        results.add("x::c".to_owned(), Outcome::Skipped("root only".to_owned()));
        let text = results.to_string();
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0], ["exec_test::b:", "failed:", "no"]);
        assert_eq!(lines[3], ["exec_test", "1", "1", "0"]);
        assert_eq!(lines[5], ["total", "1", "1", "1"]);
    }
}
