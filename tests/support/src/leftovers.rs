//! Counts what containers can leave behind on a host.

use crate::NetworkNamespace;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A census; two equal ones mean that nothing was left behind between them.
#[derive(Debug, PartialEq, Eq)]
pub struct Leftovers {
    mounts: usize,
    cgroups: BTreeSet<String>,
    links: usize,
    shims: usize,
    entries: BTreeSet<String>,
}

impl Leftovers {
    /// What the engine with these roots has outside its process.
    pub fn count(engine_id: &str, roots: &[&Path], netns: &NetworkNamespace, hulld: u32) -> Self {
        let mut cgroups = BTreeSet::new();
        for hierarchy in fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten() {
            folders(&hierarchy.path().join(format!("hull-{engine_id}")), &mut cgroups);
        }
        folders(&Path::new("/sys/fs/cgroup").join(format!("hull-{engine_id}")), &mut cgroups);
        let mut entries = BTreeSet::new();
        for root in roots {
            folders(root, &mut entries);
        }
        // By number: the pool's namespaces are prepared anew, so their links' names change.
        let links = netns.ip(&["-o", "link", "show"]).lines().count();
        // Its own: the host's namespace has those of other engines too.
        let table = fs::read_to_string(format!("/proc/{hulld}/mountinfo")).unwrap_or_default();
        let is_own = |line: &&str| roots.iter().any(|root| line.contains(&root.display().to_string()));
        let mounts = table.lines().filter(is_own).count();
        Self { mounts, cgroups, links, shims: shims(roots, hulld), entries }
    }
}

impl Leftovers {
    /// How many supervisors of containers there are.
    pub fn shims(&self) -> usize {
        self.shims
    }
}

/// All folders below, by path.
fn folders(path: &Path, found: &mut BTreeSet<String>) {
    if !path.is_dir() || path.is_symlink() {
        return;
    }
    found.insert(path.display().to_string());
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        folders(&entry.path(), found);
    }
}

/// Flag of a socket in `/proc/net/unix` that listens (`__SO_ACCEPTCON`); connections to it stand under the same path.
const LISTENS: &str = "00010000";

/// Each shim listens on a socket below the exec root, in the daemon's network namespace.
fn shims(roots: &[&Path], hulld: u32) -> usize {
    let sockets = fs::read_to_string(format!("/proc/{hulld}/net/unix")).unwrap_or_default();
    sockets
        .lines()
        .filter(|line| line.split_whitespace().nth(3) == Some(LISTENS))
        .filter(|line| line.ends_with("/ctl") && roots.iter().any(|root| line.contains(&root.display().to_string())))
        .count()
}
