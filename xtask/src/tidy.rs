//! `cargo xtask tidy`: what reviews forget.

use crate::command::{cargo, output, run as run_command, workspace};
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Which crates a crate may use: the arrows of ARCHITECTURE.md. Test and task crates are free.
const ARROWS: &[(&str, &[&str])] = &[
    ("hull-api", &[]),
    ("hull-plan", &[]),
    ("hull-runtime", &["hull-plan"]),
    ("hull-ebpf-types", &[]),
    ("hulld", &["hull-api", "hull-plan", "hull-runtime", "hull-ebpf-types"]),
    ("hull-cli", &["hull-api"]),
    ("hull-hello", &[]),
    ("hull-guest", &[]),
];

/// Longest source file, in lines; longer ones want rooms of their own.
const LONGEST: usize = 700;

/// Options of `tidy`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave clippy out, which takes the longest
    #[arg(long)]
    quick: bool,
}

/// Runs the task.
///
/// # Errors
/// Lists everything that is untidy.
pub(crate) fn run(args: Args) -> Result<()> {
    formatting()?;
    own_rules()?;
    if !args.quick {
        lints()?;
    }
    println!("tidy: fine");
    Ok(())
}

/// All checks.
///
/// # Errors
/// As [`run`].
pub(crate) fn check() -> Result<()> {
    run(Args { quick: false })
}

fn formatting() -> Result<()> {
    run_command(cargo().args(["fmt", "--all", "--check"]))?;
    for apart in ["engine/shim", "ebpf/programs"] {
        run_command(cargo().args(["fmt", "--all", "--check"]).current_dir(workspace().join(apart)))?;
    }
    Ok(())
}

fn lints() -> Result<()> {
    run_command(cargo().args(["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

/// Everything that is read off the tracked files at once, so that one run tells all.
fn own_rules() -> Result<()> {
    let files = output(Command::new("git").args(["ls-files", "-z"]).current_dir(workspace()))?;
    let mut faults = Vec::new();
    for name in files.split('\0').filter(|name| !name.is_empty()) {
        let Ok(text) = fs::read_to_string(workspace().join(name)) else { continue };
        if name.ends_with(".rs") {
            source(name, &text, &mut faults);
        }
        if name.ends_with(".md") {
            links(name, &text, &mut faults);
        }
        if name.ends_with("Cargo.toml") {
            manifest(name, &text, &mut faults);
        }
    }
    faults.extend(arrows()?);
    if faults.is_empty() { Ok(()) } else { bail!("untidy:\n  {}", faults.join("\n  ")) }
}

/// Rules for one source file.
fn source(name: &str, text: &str, faults: &mut Vec<String>) {
    let lines = text.lines().count();
    if lines > LONGEST {
        faults.push(format!("{name}: {lines} lines, more than {LONGEST}"));
    }
    let unsafe_home = name.contains("/sys/") || name.ends_with("/sys.rs") || name.starts_with("ebpf/");
    // Written apart so that this file is not its own fault.
    let block = ["unsafe", " {"].concat();
    if !unsafe_home && text.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(&block)) {
        faults.push(format!("{name}: unsafe outside sys/ and ebpf/"));
    }
    let ignored = ["#[", "ignore"].concat();
    if text.contains(&ignored) {
        faults.push(format!("{name}: an ignored test"));
    }
    if !text.trim_start().starts_with("//!") && !text.trim_start().starts_with("#!") {
        faults.push(format!("{name}: does not open with what it is for (//!)"));
    }
}

/// A crate inherits the lints; a workspace of its own has nothing to inherit and sets its own.
fn manifest(name: &str, text: &str, faults: &mut Vec<String>) {
    let is_root = text.lines().any(|line| line.starts_with("[workspace"));
    if !is_root && !text.contains("[lints]") {
        faults.push(format!("{name}: does not inherit the lints ([lints] workspace = true)"));
    } else if is_root && !text.contains("lints.") {
        faults.push(format!("{name}: sets no lints"));
    }
}

/// Relative links of a Markdown page lead somewhere.
fn links(name: &str, text: &str, faults: &mut Vec<String>) {
    let folder = Path::new(name).parent().unwrap_or(Path::new(""));
    for rest in text.split("](").skip(1) {
        let Some(target) = rest.split(')').next() else { continue };
        let file = target.split('#').next().unwrap_or_default();
        if file.is_empty() || target.contains("://") || target.contains(' ') {
            continue;
        }
        if !workspace().join(folder).join(file).exists() {
            faults.push(format!("{name}: links to {file}, which is not there"));
        }
    }
}

/// No crate uses one that the architecture does not let it.
fn arrows() -> Result<Vec<String>> {
    let metadata = output(cargo().args(["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata).context("cargo metadata")?;
    let packages = metadata["packages"].as_array().context("cargo metadata has no packages")?;
    let ours: BTreeSet<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut faults = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(allowed) = allowed.get(name) else { continue };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let other = dependency["name"].as_str().unwrap_or_default();
            let built_in = dependency["kind"].as_str() != Some("dev");
            if built_in && ours.contains(other) && !allowed.contains(&other) {
                faults.push(format!("{name} uses {other}: no such arrow in ARCHITECTURE.md"));
            }
        }
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(name: &str, text: &str) -> usize {
        let mut faults = Vec::new();
        source(name, text, &mut faults);
        faults.len()
    }

    #[test]
    fn unsafe_lives_in_sys() {
        let text = ["//! x\nfn f() { unsafe", " { g() } }"].concat();
        assert_eq!(faults("engine/runtime/src/cgroup.rs", &text), 1);
        assert_eq!(faults("engine/runtime/src/sys/bpf.rs", &text), 0);
    }

    #[test]
    fn lints_are_inherited_or_set() {
        let faults = |text| {
            let mut found = Vec::new();
            manifest("cli/Cargo.toml", text, &mut found);
            found.len()
        };
        assert_eq!(faults("[package]\n[lints]\nworkspace = true\n"), 0);
        assert_eq!(faults("[package]\n"), 1);
        assert_eq!(faults("[workspace]\n[package]\n[lints.clippy]\n"), 0);
        assert_eq!(faults("[workspace]\n[package]\n"), 1);
    }

    #[test]
    fn a_dead_link_is_a_fault() {
        let mut found = Vec::new();
        links("README.md", "[a](Cargo.toml) [b](no-such-page.md#x) [c](https://example.org/x)", &mut found);
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
