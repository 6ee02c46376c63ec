//! Debian packages as building material: which ones, in which versions, unpacked.

use crate::command::{output, target};
use crate::setup;
use anyhow::{Context, Result};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Packages of an image.
pub(super) struct Closure {
    /// Sorted.
    pub(super) names: Vec<String>,
    /// `name version`, one a line: what an image's stamp compares.
    pub(super) versions: String,
}

/// The packages and the libraries that they depend on. Other dependencies (an init's helpers, debconf, perl) serve the
/// installation or an administrator, and an image has neither; the recipes check that nothing is missing that is loaded.
pub(super) fn closure(packages: &[&str]) -> Result<Closure> {
    let mut names: BTreeSet<String> = BTreeSet::new();
    let mut next: Vec<String> = packages.iter().map(|&name| name.to_owned()).collect();
    while !next.is_empty() {
        let new: Vec<String> = next.into_iter().filter(|name| names.insert(name.clone())).collect();
        next = if new.is_empty() { Vec::new() } else { dependencies(&new, packages)? };
    }
    let names: Vec<String> = names.into_iter().collect();
    let shown = apt_cache(&names, &["show", "--no-all-versions"])?;
    let field = |line: &str, name: &str| line.strip_prefix(name).map(str::to_owned);
    let mut versions = BTreeSet::new();
    let mut package = String::new();
    for line in shown.lines() {
        if let Some(name) = field(line, "Package: ") {
            package = name;
        } else if let Some(version) = field(line, "Version: ") {
            versions.insert(format!("{package} {version}\n"));
        }
    }
    Ok(Closure { names, versions: versions.into_iter().collect() })
}

/// Libraries that these packages depend on, and further parts of what was asked for.
fn dependencies(names: &[String], asked: &[&str]) -> Result<Vec<String>> {
    let only =
        ["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"].map(|kind| format!("--no-{kind}"));
    let arguments: Vec<&str> = ["depends"].into_iter().chain(only.iter().map(String::as_str)).collect();
    let text = apt_cache(names, &arguments)?;
    let wanted = |name: &&str| {
        let part = |asked: &&str| name.starts_with(asked.split('-').next().unwrap_or(asked));
        name.starts_with("lib") || name.starts_with("zlib") || asked.iter().any(part)
    };
    // Virtual packages stand in angle brackets, and no library is one.
    let named = text
        .lines()
        .filter_map(|line| line.trim_start_matches([' ', '|']).split_once("epends: ").map(|(_, name)| name));
    Ok(named.filter(|name| !name.starts_with('<')).filter(wanted).map(str::to_owned).collect())
}

/// A new machine has no package lists; then they are fetched, once.
fn apt_cache(names: &[String], arguments: &[&str]) -> Result<String> {
    let ask = || output(Command::new("apt-cache").args(arguments).args(names).env("LC_ALL", "C"));
    match ask() {
        Ok(text) if !text.is_empty() => Ok(text),
        _ => {
            setup::update_lists()?;
            ask()
        }
    }
}

/// Downloads and unpacks into an empty directory below `target/`.
pub(super) fn unpack(image: &str, closure: &Closure) -> Result<PathBuf> {
    let folder = target("packages")?.join(image);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    let names: Vec<&str> = closure.names.iter().map(String::as_str).collect();
    setup::fetch(&names, &folder)?;
    Ok(folder)
}

/// When the newest of the packages was built: they carry their files' times.
pub(super) fn newest(unpacked: &Path) -> Result<Timestamp> {
    let mut newest = 0;
    let mut folders = vec![unpacked.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                newest = newest.max(entry.metadata()?.mtime());
            }
        }
    }
    Ok(Timestamp::from_second(newest)?)
}
