//! Controllers for the engine's containers on a pure v2 host: what the root of cgroup2 hands down.
//!
//! The real root hands controllers down whoever lives in it. Any other cgroup (the root that an engine inside a container
//! sees) does so only when no process lives in it; where this engine itself does, it makes room by moving those processes
//! to a leaf, as every supervisor in a delegated cgroup must.

use super::hierarchies::{Hierarchies, Mode};
use super::{CgroupError, v2};
use std::fs;
use std::io;
use std::path::Path;

/// The v2 controllers that limits need.
const CONTROLLERS: [&str; 5] = ["cpu", "cpuset", "io", "memory", "pids"];

/// Where processes go that stood in the way.
const LEAF: &str = "init";

/// How often a process may appear while the others are moved.
const ROUNDS: usize = 5;

impl Hierarchies {
    /// On a v2 host: switches the controllers on for the directories below the root. What cannot be switched on is
    /// logged, and its limits become warnings.
    pub fn delegate(&self) {
        if self.mode() != Mode::V2 {
            return;
        }
        let wanted = self.wanted_v2();
        for _ in 0..ROUNDS {
            match v2::write(&self.unified().join("cgroup.subtree_control"), &wanted.join(" ")) {
                Err(error) if error.raw_os_error() == Some(nix::libc::EBUSY) && self.lives_in_root() => {
                    if let Err(error) = make_room(self.unified()) {
                        tracing::warn!(%error, "processes keep the cgroup's controllers from containers");
                        break;
                    }
                }
                Ok(()) => return,
                Err(_) => break,
            }
        }
        subtree_control(self.unified(), &wanted);
    }

    /// The controllers that this host has, as `cgroup.subtree_control` takes them.
    pub(super) fn wanted_v2(&self) -> Vec<String> {
        CONTROLLERS.iter().filter(|c| self.has_v2(c)).map(|c| format!("+{c}")).collect()
    }
}

/// All at once in the common case. Where one is refused (`cpu` while realtime processes run) the others are had nevertheless;
/// limits of the missing one become warnings.
///
/// Where processes live in this very cgroup all are refused, and stay so: the kernel would take some of them by themselves,
/// and with that make it a threaded cgroup, below which no container can live.
pub(super) fn subtree_control(dir: &Path, enable: &[String]) {
    let path = dir.join("cgroup.subtree_control");
    match v2::write(&path, &enable.join(" ")) {
        Ok(()) => return,
        Err(error) if error.raw_os_error() == Some(nix::libc::EBUSY) => {
            tracing::warn!(path = %path.display(), "processes live in it: no limits below");
            return;
        }
        Err(_) => {}
    }
    for controller in enable {
        if let Err(error) = v2::write(&path, controller) {
            tracing::warn!(path = %path.display(), controller, %error, "no limits by this controller");
        }
    }
}

/// Moves every process of a cgroup into a leaf of it.
fn make_room(dir: &Path) -> Result<(), CgroupError> {
    let leaf = dir.join(LEAF);
    match fs::create_dir(&leaf) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(CgroupError::file("create", &leaf, e)),
        _ => {}
    }
    let (from, to) = (dir.join("cgroup.procs"), leaf.join("cgroup.procs"));
    let pids = fs::read_to_string(&from).map_err(|e| CgroupError::file("read", &from, e))?;
    for pid in pids.lines() {
        match v2::write(&to, pid) {
            // It has ended meanwhile.
            Err(e) if e.raw_os_error() == Some(nix::libc::ESRCH) => {}
            other => other.map_err(|e| CgroupError::file("write", &to, e))?,
        }
    }
    Ok(())
}
