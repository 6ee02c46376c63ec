//! What a Plan needs and an OCI spec has no field for.

use crate::cgroup::{Cgroup, Controller, Mode};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// Beside the OCI spec, for a container's init. The spec's `root`, `linux.seccomp` and `linux.cgroupsPath` are not
/// read: what stands here takes their place.
#[derive(Debug, Clone)]
pub struct Extras {
    /// The root filesystem.
    pub rootfs: Rootfs,
    /// The container's cgroup.
    pub cgroup: CgroupPlace,
    /// `cgroup.procs` files where the shim puts itself.
    pub shim_procs: Vec<PathBuf>,
    /// File with the `oom_kill` count.
    pub oom_file: Option<PathBuf>,
    /// The shim's socket.
    pub control_socket: PathBuf,
    /// Where the exit is written down.
    pub exit_record: PathBuf,
    /// Where output goes; `None`: to attached connections only.
    pub log: Option<LogFile>,
    /// What the process reads.
    pub stdin: Stdin,
    /// The connection that starts the container is attached from its first byte on.
    pub attach_on_start: bool,
    /// `[user][:group]` as typed; looked up in the container.
    pub user: String,
    /// Supplementary groups, names or numbers; looked up in the container.
    pub groups: Vec<String>,
    /// Fresh volumes to be filled with what the image has there.
    pub copy_up: Vec<CopyUp>,
    /// Binds whose source is not simply a path on the host.
    pub special_binds: Vec<SpecialBind>,
    /// PID 1 is the engine's own init, and the process its child.
    pub init: bool,
    /// Compiled seccomp filters, in the order in which they are loaded.
    pub seccomp: Vec<Arc<[u8]>>,
}

/// Beside the OCI process, for an exec.
#[derive(Debug, Clone)]
pub struct ExecExtras {
    /// `CLONE_NEW*` flags of what the container does not share with the host, see [`super::namespace_kinds`].
    pub namespaces: u64,
    /// The container's cgroup.
    pub cgroup: CgroupPlace,
    /// Where the exit is written down.
    pub exit_record: Option<PathBuf>,
    /// What the process reads.
    pub stdin: Stdin,
    /// `[user][:group]` as typed.
    pub user: String,
    /// Supplementary groups.
    pub groups: Vec<String>,
    /// Compiled seccomp filters.
    pub seccomp: Vec<Arc<[u8]>>,
}

/// Where `/` comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rootfs {
    /// An overlay. Lower directories are relative to `layers`, top first: the kernel takes one page of options, and
    /// 127 absolute paths do not fit there.
    Overlay {
        /// Where relative lower paths start. Nothing that is bound may lie below it.
        layers: PathBuf,
        /// The image's layers, top first.
        lower: Vec<PathBuf>,
        /// What the container changes.
        upper: PathBuf,
        /// Beside `upper`, for the kernel.
        work: PathBuf,
    },
    /// This directory.
    Directory(PathBuf),
    /// The host's own files (`MntMode=host`).
    Host,
}

/// The cgroup that was made for the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CgroupPlace {
    /// The kind of host.
    pub mode: Mode,
    /// The cgroup2 directory.
    pub unified: PathBuf,
    /// The v1 directories with their controllers' names.
    pub v1: Vec<(Vec<Controller>, PathBuf)>,
}

impl From<&Cgroup> for CgroupPlace {
    fn from(cgroup: &Cgroup) -> Self {
        Self {
            mode: cgroup.mode(),
            unified: cgroup.unified().to_owned(),
            v1: cgroup.v1_dirs().map(|(controllers, dir)| (controllers.to_vec(), dir.to_owned())).collect(),
        }
    }
}

/// A json-file log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile {
    /// The current file.
    pub path: PathBuf,
    /// Bytes, 0: no limit.
    pub max_size: u64,
    /// With the current one.
    pub max_files: u32,
    /// A JSON object that every record carries.
    pub attributes: Option<String>,
}

/// What a process reads from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stdin {
    /// `/dev/null`.
    #[default]
    Null,
    /// A pipe that stays open when clients leave.
    Open,
    /// A pipe that closes when the first client leaves.
    Once,
}

/// A fresh volume at `target`, whose data is at `source` on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyUp {
    /// On the host.
    pub source: PathBuf,
    /// In the container: the destination of a bind mount.
    pub target: PathBuf,
}

/// A bind mount at `target` that takes its source in a way that OCI has no words for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecialBind {
    /// In the container: the destination of a bind mount.
    pub target: PathBuf,
    /// What is special.
    pub from: SpecialSource,
}

/// See [`SpecialBind`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpecialSource {
    /// The mount's source is a path in this mount namespace (an nsfs file).
    Namespace(PathBuf),
    /// What lies here below the mount's source.
    Beneath(PathBuf),
    /// An overlay, for which the mount's source lends a place.
    Overlay {
        /// Its layers, top first.
        lower: Vec<PathBuf>,
        /// What the container changes.
        upper: PathBuf,
        /// Beside `upper`, for the kernel.
        work: PathBuf,
    },
}
