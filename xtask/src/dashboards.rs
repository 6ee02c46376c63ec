//! `cargo xtask dashboards`: alert rules through Debian's promtool, Grafana's JSON through checks of our own.
//!
//! Prometheus is downloaded and unpacked under `target/`, not installed: its package starts a server.

mod grafana;
mod names;

use crate::command::{output, target, workspace};
use crate::setup;
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Check the dashboards and the alert rules.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Runs the task.
///
/// # Errors
/// As [`check`].
pub(crate) fn run(_: Args) -> Result<()> {
    check()
}

/// Checks everything under `dashboards/`.
///
/// # Errors
/// When a rule or a dashboard is wrong, or promtool cannot be had.
pub(crate) fn check() -> Result<()> {
    let families = families()?;
    let dashboards = files(&workspace().join("dashboards/grafana"), "json")?;
    for path in &dashboards {
        let problems = grafana::problems(&read(path)?, &families)?;
        if !problems.is_empty() {
            bail!("{}:\n  {}", path.display(), problems.join("\n  "));
        }
    }
    let prometheus = workspace().join("dashboards/prometheus");
    let rules = read(&prometheus.join("alerts.yml"))?;
    rules_know_their_families(&rules, &families)?;
    runbooks_exist(&rules)?;
    let tests = files(&prometheus.join("tests"), "yml")?;
    every_alert_is_tested(&rules, &tests)?;

    let promtool = promtool()?;
    let run = |arguments: &[&str], paths: &[PathBuf]| {
        output(Command::new(&promtool).args(arguments).args(paths).current_dir(&prometheus))
    };
    run(&["check", "rules", "--lint=all", "--lint-fatal"], &[prometheus.join("alerts.yml")])?;
    run(&["check", "config"], &[prometheus.join("prometheus.yml")])?;
    run(&["test", "rules"], &tests)?;
    println!("dashboards: {} dashboards, alert rules and {} test files are right", dashboards.len(), tests.len());
    Ok(())
}

/// Debian's promtool, downloaded the first time.
fn promtool() -> Result<PathBuf> {
    let prefix = target("prometheus")?;
    let promtool = prefix.join("usr/bin/promtool");
    if output(Command::new(&promtool).arg("--version")).is_err() {
        println!("dashboards: downloading Debian's prometheus for promtool");
        setup::fetch(&["prometheus"], &prefix)?;
        output(Command::new(&promtool).arg("--version"))?;
    }
    Ok(promtool)
}

/// The families that the catalogue page lists; a test of hulld's keeps that page equal to what is served.
fn families() -> Result<BTreeSet<String>> {
    let page = read(&workspace().join("docs/metrics.md"))?;
    let mut families: BTreeSet<String> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next().map(str::to_owned)).collect();
    families.retain(|name| names::is_ours(name));
    if families.is_empty() {
        bail!("docs/metrics.md lists no family");
    }
    Ok(families)
}

fn rules_know_their_families(rules: &str, families: &BTreeSet<String>) -> Result<()> {
    // Names in annotations are for people and must be right as well.
    match names::unknown(rules, families).first() {
        Some(name) => bail!("alerts.yml names {name}, which hulld does not serve"),
        None => Ok(()),
    }
}

/// What follows a key at each of its lines.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    text.lines().filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix(key)).map(str::trim).collect()
}

fn runbooks_exist(rules: &str) -> Result<()> {
    let page = read(&workspace().join("docs/alerts.md"))?;
    let headings: BTreeSet<String> = values(&page, "## ").into_iter().map(str::to_lowercase).collect();
    let links = values(rules, "runbook_url:");
    if links.len() != values(rules, "alert:").len() {
        bail!("an alert in alerts.yml has no runbook_url");
    }
    for link in links {
        let anchor =
            link.strip_prefix("docs/alerts.md#").with_context(|| format!("{link} is not in docs/alerts.md"))?;
        if !headings.contains(anchor) {
            bail!("docs/alerts.md has no heading for {link}");
        }
    }
    Ok(())
}

/// Each alert has a test in which it fires and one in which it is quiet.
fn every_alert_is_tested(rules: &str, tests: &[PathBuf]) -> Result<()> {
    let tests: String = tests.iter().map(|path| read(path)).collect::<Result<_>>()?;
    let blocks: Vec<&str> = tests.split("- eval_time:").collect();
    for alert in values(rules, "alert:") {
        let of = |quiet: bool| {
            blocks
                .iter()
                .any(|block| values(block, "alertname:").contains(&alert) && block.contains("exp_alerts: []") == quiet)
        };
        if !of(false) || !of(true) {
            bail!("{alert} lacks a test in which it fires, or one in which it is quiet");
        }
    }
    Ok(())
}

fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|it| it == extension));
    paths.sort();
    if paths.is_empty() {
        bail!("{} has no {extension} files", folder.display());
    }
    Ok(paths)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_in_lists_and_maps() {
        let text = "  - alert: A\n    expr: x\n  - alert: B\n    runbook_url: docs/alerts.md#b\n";
        assert_eq!(values(text, "alert:"), ["A", "B"]);
        assert_eq!(values(text, "runbook_url:"), ["docs/alerts.md#b"]);
    }

    #[test]
    fn an_alert_that_is_never_quiet_in_its_tests_is_noticed() {
        let folder = std::env::temp_dir().join(format!("hull-xtask-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("a.yml");
        let fires = "- eval_time: 1m\n  alertname: A\n  exp_alerts:\n    - exp_labels: {}\n";
        std::fs::write(&path, fires).unwrap();
        let paths = [path.clone()];
        assert!(every_alert_is_tested("- alert: A", &paths).is_err());
        std::fs::write(&path, format!("{fires}- eval_time: 2m\n  alertname: A\n  exp_alerts: []\n")).unwrap();
        assert!(every_alert_is_tested("- alert: A", &paths).is_ok());
        assert!(every_alert_is_tested("- alert: B", &paths).is_err());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
