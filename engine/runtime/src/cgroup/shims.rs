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
        create::make_v2_parent(hierarchies, &tree::engine_dir(hierarchies.unified(), engine_id))?;
        for dir in dirs(hierarchies, engine_id) {
            make(&dir)?;
        }
        Ok(Self::layout(hierarchies, engine_id))
    }

    /// Where it is, whether it exists or not.
    pub fn layout(hierarchies: &Hierarchies, engine_id: &str) -> Self {
        Self { procs: dirs(hierarchies, engine_id).map(|dir| dir.join("cgroup.procs")).collect() }
    }

    /// The `cgroup.procs` files that a shim writes itself to.
    pub fn procs(&self) -> &[PathBuf] {
        &self.procs
    }
}

fn dirs<'a>(hierarchies: &'a Hierarchies, engine_id: &'a str) -> impl Iterator<Item = PathBuf> + 'a {
    let roots = [Some(hierarchies.unified()), hierarchies.v1_root(Controller::Systemd)];
    roots.into_iter().flatten().map(|root| tree::engine_dir(root, engine_id).join(tree::SHIMS))
}

fn make(dir: &Path) -> Result<(), CgroupError> {
    match fs::create_dir_all(dir) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(CgroupError::file("create", dir, e)),
        _ => Ok(()),
    }
}
