//! What was measured, by row and by engine.

use std::collections::BTreeMap;

/// Figures of one run.
#[derive(Default)]
pub(crate) struct Samples {
    rows: Vec<&'static str>,
    engines: Vec<&'static str>,
    values: BTreeMap<(&'static str, &'static str), Vec<f64>>,
}

/// A row's figures of one engine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Summary {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Samples {
    /// One more figure.
    pub(crate) fn add(&mut self, engine: &'static str, row: &'static str, value: f64) {
        if !self.rows.contains(&row) {
            self.rows.push(row);
        }
        if !self.engines.contains(&engine) {
            self.engines.push(engine);
        }
        self.values.entry((row, engine)).or_default().push(value);
    }

    pub(crate) fn rows(&self) -> &[&'static str] {
        &self.rows
    }

    pub(crate) fn engines(&self) -> &[&'static str] {
        &self.engines
    }

    /// Minimum, median and maximum; none where the engine has no such row.
    pub(crate) fn summary(&self, engine: &str, row: &str) -> Option<Summary> {
        let (_, values) = self.values.iter().find(|((r, e), _)| *r == row && *e == engine)?;
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        Some(Summary { min: *sorted.first()?, median: median(&sorted), max: *sorted.last()? })
    }
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) { f64::midpoint(sorted[middle - 1], sorted[middle]) } else { sorted[middle] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_the_least_the_middle_and_the_most() {
        let mut samples = Samples::default();
        for value in [4.0, 1.0, 3.0, 2.0] {
            samples.add("hulld", "row", value);
        }
        assert_eq!(samples.summary("hulld", "row"), Some(Summary { min: 1.0, median: 2.5, max: 4.0 }));
        assert_eq!(samples.summary("dockerd", "row"), None);
    }
}
