//! A container inside a systemd scope: systemd's is the scope itself, ours what is below it (`Delegate=yes`).
//!
//! ```text
//!  system.slice/hull-<container>.scope    systemd's
//!      shim                               the scope's first process, a leaf of its own: v2 allows no processes above others
//!      container                          limits, device rules, the id that eBPF sees
//! ```

use super::hierarchies::Hierarchies;
use super::{Cgroup, CgroupError, v2};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The leaf of the shim.
const SHIM: &str = "shim";
/// The container's directory.
const CONTAINER: &str = "container";

impl Cgroup {
    /// The cgroup for a container in the scope that this process, its shim, is in; the shim makes room for it. The id is 0.
    ///
    /// # Errors
    /// When the process has ended, or its cgroup cannot be written.
    pub fn layout_in_scope(hierarchies: &Hierarchies, shim: u32) -> Result<Self, CgroupError> {
        let scope = cgroup_of(hierarchies, shim)?;
        let leaf = scope.join(SHIM);
        fs::create_dir(&leaf).map_err(|e| CgroupError::file("create", &leaf, e))?;
        let procs = leaf.join("cgroup.procs");
        v2::write(&procs, &shim.to_string()).map_err(|e| CgroupError::file("write", &procs, e))?;
        Ok(Self { mode: hierarchies.mode(), v1: Vec::new(), unified: scope.join(CONTAINER), id: 0 })
    }
}

/// A process's directory in cgroup2, cgroups(7).
fn cgroup_of(hierarchies: &Hierarchies, pid: u32) -> Result<PathBuf, CgroupError> {
    let file = PathBuf::from(format!("/proc/{pid}/cgroup"));
    let text = fs::read_to_string(&file).map_err(|e| CgroupError::file("read", &file, e))?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"));
    let path = path.filter(|path| !Path::new(path).components().any(|part| part == std::path::Component::ParentDir));
    let missing = || CgroupError::file("read", &file, io::ErrorKind::InvalidData.into());
    path.map(|path| hierarchies.unified().join(path)).ok_or_else(missing)
}
