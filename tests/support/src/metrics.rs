//! The daemon's metrics, as Prometheus would read them.

use std::collections::BTreeMap;

/// One scrape.
#[derive(Debug)]
pub struct Metrics {
    samples: Vec<Sample>,
}

#[derive(Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Metrics {
    /// Reads the text format.
    ///
    /// # Panics
    /// When a line is not in that format.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self { samples: lines.map(sample).collect() }
    }

    /// The sum of a family's samples that carry these labels; `None` where there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let matching = |sample: &&Sample| {
            sample.name == name
                && labels.iter().all(|(key, value)| sample.labels.get(*key).is_some_and(|has| has == value))
        };
        let values: Vec<f64> = self.samples.iter().filter(matching).map(|sample| sample.value).collect();
        (!values.is_empty()).then(|| values.iter().sum())
    }

    /// As [`Metrics::sum`], for what must be there.
    ///
    /// # Panics
    /// When there is no such sample.
    #[track_caller]
    pub fn get(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.sum(name, labels).unwrap_or_else(|| panic!("no sample {name}{labels:?} among {}", self.names()))
    }

    /// The values that a label takes in a family's samples.
    pub fn values(&self, name: &str, label: &str, labels: &[(&str, &str)]) -> Vec<(String, f64)> {
        let matching = |sample: &&Sample| {
            sample.name == name
                && labels.iter().all(|(key, value)| sample.labels.get(*key).is_some_and(|has| has == value))
        };
        let value = |sample: &Sample| Some((sample.labels.get(label)?.clone(), sample.value));
        self.samples.iter().filter(matching).filter_map(value).collect()
    }

    fn names(&self) -> String {
        let names: std::collections::BTreeSet<&str> = self.samples.iter().map(|sample| sample.name.as_str()).collect();
        names.into_iter().collect::<Vec<_>>().join(" ")
    }
}

fn sample(line: &str) -> Sample {
    let (head, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("not a sample: {line}"));
    let (name, labels) = match head.split_once('{') {
        Some((name, rest)) => (name, pairs(rest.trim_end_matches('}'))),
        None => (head, BTreeMap::new()),
    };
    let value = value.parse().unwrap_or_else(|_| panic!("not a number: {line}"));
    Sample { name: name.to_owned(), labels, value }
}

/// `a="x",b="y"`; values with escaped quotes do not occur in what the tests read.
fn pairs(text: &str) -> BTreeMap<String, String> {
    text.split("\",")
        .filter_map(|pair| pair.split_once("=\""))
        .map(|(name, value)| (name.to_owned(), value.trim_end_matches('"').to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_found_by_their_labels() {
        let metrics = Metrics::parse("# HELP x y\na{n=\"1\",m=\"x y\"} 2\na{n=\"2\",m=\"x y\"} 3.5\nb 1e3\n");
        assert_eq!(metrics.sum("a", &[("n", "2")]), Some(3.5));
        assert_eq!(metrics.sum("a", &[("m", "x y")]), Some(5.5));
        assert_eq!(metrics.sum("a", &[("n", "3")]), None);
        assert_eq!(metrics.get("b", &[]), 1000.0);
    }
}
