//! The engine's own cgroup: where shims live, so that a container is not charged for its shim and a stop of the
//! daemon's service does not take the shims with it.

use super::hierarchies::{Controller, Hierarchies};
use super::{CgroupError, create, tree};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A cgroup beside the containers', a leaf (v2 allows no processes above other cgroups).
#[derive(Debug, Clone)]
pub struct ShimCgroup {
    procs: Vec<PathBuf>,
}

impl ShimCgroup {
    /// Makes it, or takes the one that is there: in cgroup2 always, and in systemd's hierarchy where that is in use.
    /// The v1 controllers' hierarchies are left out: a shim inherits the daemon's place in them, which is neither limited
    /// by a container nor a reason to kill it.
    ///
    /// # Errors
    /// When a directory cannot be made.
    pub fn create(hierarchies: &Hierarchies, engine_id: &str) -> Result<Self, CgroupError> {
        let unified = tree::engine_dir(hierarchies.unified(), engine_id);
        create::make_v2_parent(hierarchies, &unified)?;
        let mut dirs = vec![unified.join(tree::SHIMS)];
        if let Some(root) = hierarchies.v1_root(Controller::Systemd) {
            dirs.push(tree::engine_dir(root, engine_id).join(tree::SHIMS));
        }
        for dir in &dirs {
            make(dir)?;
        }
        Ok(Self { procs: dirs.iter().map(|dir| dir.join("cgroup.procs")).collect() })
    }

    /// The `cgroup.procs` files that a shim writes itself to.
    pub fn procs(&self) -> &[PathBuf] {
        &self.procs
    }
}

fn make(dir: &Path) -> Result<(), CgroupError> {
    match fs::create_dir_all(dir) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(CgroupError::file("create", dir, e)),
        _ => Ok(()),
    }
}
