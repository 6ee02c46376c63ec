//! The table for people.

use super::samples::{Samples, Summary};
use crate::command::workspace;
use anyhow::{Context, Result};
use std::fmt::Write;
use std::fs;

const OPEN: &str = "<!-- bench: written by cargo xtask bench -->";
const CLOSE: &str = "<!-- bench: end -->";

/// Rows against engines: median (min-max), and the ratio to Hull's median.
pub(crate) fn table(samples: &Samples, absent: &[String], rounds: usize) -> String {
    let mut text = host(rounds);
    let engines = samples.engines();
    let _ = writeln!(text, "| median (min-max), x Hull | {} |", engines.join(" | "));
    let _ = writeln!(text, "| --- |{}", " --- |".repeat(engines.len()));
    for row in samples.rows() {
        let hull = samples.summary("hulld", row).map(|summary| summary.median);
        let cell = |engine: &&str| {
            samples.summary(engine, row).map_or_else(String::new, |s| cell(s, hull, *engine == "hulld"))
        };
        let _ = writeln!(text, "| {row} | {} |", engines.iter().map(cell).collect::<Vec<_>>().join(" | "));
    }
    for why in absent {
        let _ = writeln!(text, "\nNot measured: {why}.");
    }
    text
}

fn cell(summary: Summary, hull: Option<f64>, is_hull: bool) -> String {
    let mut text = number(summary.median);
    if summary.min < summary.max {
        let _ = write!(text, " ({}-{})", number(summary.min), number(summary.max));
    }
    match hull {
        Some(hull) if !is_hull && hull > 0.0 => {
            let _ = write!(text, ", x{}", number(summary.median / hull));
        }
        _ => {}
    }
    text
}

/// Three significant digits are what such a measurement carries.
fn number(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

fn host(rounds: usize) -> String {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = kernel.split('-').next().unwrap_or_default().trim().to_owned();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let pure = fs::exists("/sys/fs/cgroup/cgroup.controllers").unwrap_or(false);
    let cgroups = if pure { "cgroup v2" } else { "hybrid cgroups" };
    format!("{cores} cores, kernel {release}, {cgroups}; {rounds} interleaved rounds.\n\n")
}

/// Puts the table between its markers in `docs/benchmarks.md`.
///
/// # Errors
/// When the page or its markers are missing.
pub(crate) fn write(table: &str) -> Result<()> {
    let path = workspace().join("docs/benchmarks.md");
    let page = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let (head, rest) = page.split_once(OPEN).with_context(|| format!("{} lacks {OPEN}", path.display()))?;
    let (_, tail) = rest.split_once(CLOSE).with_context(|| format!("{} lacks {CLOSE}", path.display()))?;
    fs::write(&path, format!("{head}{OPEN}\n{table}{CLOSE}{tail}"))?;
    println!("written: docs/benchmarks.md");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_have_the_median_the_range_and_the_ratio() {
        let summary = Summary { min: 1.0, median: 20.0, max: 300.4 };
        assert_eq!(cell(summary, Some(2.0), false), "20.0 (1.00-300), x10.0");
        assert_eq!(cell(summary, Some(20.0), true), "20.0 (1.00-300)");
        assert_eq!(cell(Summary { min: 5.0, median: 5.0, max: 5.0 }, None, false), "5.00");
    }
}
