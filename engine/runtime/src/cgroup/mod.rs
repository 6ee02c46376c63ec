//! Control groups: where a container is accounted, limited, frozen and killed.
//!
//! ```text
//!  v1 (one for each hierarchy)   /sys/fs/cgroup/memory/hull-<engine>/<container>   limits, accounting
//!  cgroup2 (always)              <unified>/hull-<engine>/<container>               the id eBPF sees, freeze, kill,
//!                                                                                  on v2 hosts also the limits
//!                                <unified>/hull-<engine>/shims                     the engine's own processes
//! ```
//! Whole processes are counted, frozen and killed through the cgroup2 directory on every kind of host: it has
//! events to wait on and a race-free kill, which the v1 freezer lacks. v1 limits go through `cgroups-rs`; what that
//! crate does not know (hybrid hosts, v2 devices, fast reading) is here.

mod create;
mod delegate;
mod device;
mod device_program;
#[cfg(test)]
mod device_tests;
mod driver;
mod group;
mod hierarchies;
#[cfg(test)]
mod kill_tests;
mod limits;
mod parent;
mod parse;
mod real_time;
mod scope;
mod shims;
mod stats;
mod tree;
mod v1;
mod v2;
mod warning;

pub use device::{Access, DeviceKind, DevicePolicy, DeviceRule};
pub use driver::{Driver, Slice};
pub use group::{Cgroup, Handle};
pub use hierarchies::{Controller, Hierarchies, Mode, V1Mount};
pub use parent::{BadParent, ParentPath};
pub use parse::Directory;
pub use shims::ShimCgroup;
pub use stats::{BlkioEntry, BlkioStats, CpuStats, LimitHits, MemoryStats, OomCounts, PidsStats, Stats, Throttling};
pub use tree::{orphans, remove_engine_dirs};
pub use warning::Warning;

use std::io;
use std::path::{Path, PathBuf};

/// Why something could not be done to a cgroup.
#[derive(Debug, thiserror::Error)]
pub enum CgroupError {
    /// A pure v1 host, and nobody has mounted cgroup2 yet.
    #[error("cgroup2 is not mounted anywhere")]
    NoCgroup2,
    /// A file or directory of a cgroup.
    #[error("{operation} {path}", path = path.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel has this limit but refuses the value.
    #[error("set {limit} to {value}")]
    Limit {
        /// Docker's word for it.
        limit: &'static str,
        /// What was written.
        value: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// A device rule could not be raised. A wall, so the container does not start.
    #[error("device rule {rule}")]
    Device {
        /// The rule, as in `devices.allow`.
        rule: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The processes did not reach the state in time.
    #[error("{path} was not {state} within {waited_ms} ms", path = path.display())]
    TooSlow {
        /// `frozen`, `thawed` or `empty`.
        state: &'static str,
        /// The cgroup.
        path: PathBuf,
        /// How long that was awaited.
        waited_ms: u128,
    },
}

impl CgroupError {
    pub(crate) fn file(operation: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File { operation, path: path.to_owned(), source }
    }

    /// The kernel's error number, where there is one.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::File { source, .. } | Self::Limit { source, .. } | Self::Device { source, .. } => {
                source.raw_os_error()
            }
            Self::NoCgroup2 | Self::TooSlow { .. } => None,
        }
    }

    /// What was named cannot be a cgroup, or cannot have one below it: a control file, say.
    pub fn is_no_place(&self) -> bool {
        use nix::libc::{EEXIST, EINVAL, ENAMETOOLONG, ENOTDIR};
        let making = matches!(self, Self::File { operation: "create", .. });
        making && matches!(self.errno(), Some(EEXIST | EINVAL | ENAMETOOLONG | ENOTDIR))
    }

    /// Processes are still in it: try again when they are reaped.
    pub fn is_busy(&self) -> bool {
        self.errno() == Some(nix::libc::EBUSY)
    }
}
