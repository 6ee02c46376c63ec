//! Walking and removing directories of cgroups.

use super::{CgroupError, Hierarchies};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The roots below which an engine has directories.
pub(super) trait Made {
    /// Every hierarchy's root, cgroup2's last.
    fn roots(&self) -> Vec<&Path>;
}

/// Name of the directory for the engine's own processes, beside its containers'.
pub(super) const SHIMS: &str = "shims";

pub(super) fn engine_dir(root: &Path, engine_id: &str) -> PathBuf {
    root.join(format!("hull-{engine_id}"))
}

/// The containers that have a directory of this engine in any hierarchy: those that no live container claims are
/// to be killed and removed by the start-up reaper.
///
/// # Errors
/// When a hierarchy cannot be read.
pub fn orphans(hierarchies: &Hierarchies, engine_id: &str) -> Result<BTreeSet<String>, CgroupError> {
    let mut found = BTreeSet::new();
    for root in hierarchies.roots() {
        let names = children(&engine_dir(root, engine_id))?.into_iter();
        found.extend(names.filter_map(|dir| dir.file_name()?.to_str().map(str::to_owned)));
    }
    found.remove(SHIMS);
    Ok(found)
}

/// Removes the engine's own directories, where no container and no shim is left in them.
///
/// # Errors
/// The first failure that is not "still in use".
pub fn remove_engine_dirs(hierarchies: &Hierarchies, engine_id: &str) -> Result<(), CgroupError> {
    let mut first = Ok(());
    for root in hierarchies.roots() {
        let dir = engine_dir(root, engine_id);
        for dir in [dir.join(SHIMS), dir] {
            match remove_one(&dir) {
                Err(e) if !e.is_busy() && e.errno() != Some(nix::libc::ENOTEMPTY) => first = first.and(Err(e)),
                _ => {}
            }
        }
    }
    first
}

/// Removes a cgroup and all below it, deepest first.
pub(super) fn remove(dir: &Path) -> Result<(), CgroupError> {
    // Nearly always there is nothing nested, and one call does it.
    match remove_one(dir) {
        Err(e) if e.is_busy() => {}
        done => return done,
    }
    for child in children(dir)? {
        remove(&child)?;
    }
    remove_one(dir)
}

fn remove_one(dir: &Path) -> Result<(), CgroupError> {
    match fs::remove_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(|e| CgroupError::file("remove", dir, e)),
    }
}

/// Pids in a cgroup2 directory and below.
pub(super) fn procs(dir: &Path) -> Result<Vec<u32>, CgroupError> {
    let path = dir.join("cgroup.procs");
    let text = match fs::read_to_string(&path) {
        // A threaded cgroup: its processes are listed in the domain above it.
        Err(e) if e.raw_os_error() == Some(nix::libc::EOPNOTSUPP) => String::new(),
        other => other.map_err(|e| CgroupError::file("read", &path, e))?,
    };
    // A process of an outer PID namespace reads as 0.
    let mut pids: Vec<u32> = text.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid != 0).collect();
    for child in children(dir)? {
        pids.extend(procs(&child).or_else(|e| match e.errno() {
            Some(nix::libc::ENOENT | nix::libc::ENODEV) => Ok(Vec::new()),
            _ => Err(e),
        })?);
    }
    Ok(pids)
}

fn children(dir: &Path) -> Result<Vec<PathBuf>, CgroupError> {
    let failed = |e| CgroupError::file("list", dir, e);
    let entries = match fs::read_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(failed)?,
    };
    let mut dirs = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        if entry.file_type().map_err(failed)?.is_dir() {
            dirs.push(entry.path());
        }
    }
    Ok(dirs)
}
