//! The seam between a container's owner task and the machinery that runs it.
//!
//! The real one is [`super::launch::ShimRuntime`]: cgroups, network, overlay, a shim. Lifecycle tests use a fake,
//! so that they need neither root nor a kernel's patience.

use super::attach::Relay;
use super::error::Kind;
use super::exec::ExecSpec;
use super::model::Container;
use super::shim::Connection;
use super::spec::Joins;
use super::state::Exit;
use crate::ids::ContainerId;
use crate::networks::{Counters, Endpoint};
use crate::time::Time;
use futures_util::future::BoxFuture;
use hull_runtime::cgroup::{self, Driver};
use hull_runtime::features::Features;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io;

/// Runs containers.
pub trait Runtime: Send + Sync + 'static {
    /// Makes everything that the container needs and runs its init; where there is no log, its output goes to these clients. When it fails
    /// nothing is left behind.
    fn start<'a>(
        &'a self,
        container: &'a Container,
        joins: Joins,
        clients: Vec<Relay>,
    ) -> BoxFuture<'a, Result<Live, StartError>>;

    /// Finds a container again that ran under an earlier daemon.
    fn adopt<'a>(&'a self, container: &'a Container) -> BoxFuture<'a, Adopted>;

    /// Sends a signal to the init, or to an exec.
    fn signal<'a>(
        &'a self,
        container: &'a Container,
        exec: Option<&'a str>,
        signal: u32,
    ) -> BoxFuture<'a, io::Result<()>>;

    /// Resizes the terminal of the init, or of an exec.
    fn resize<'a>(
        &'a self,
        container: &'a Container,
        exec: Option<&'a str>,
        size: TerminalSize,
    ) -> BoxFuture<'a, io::Result<()>>;

    /// Freezes or thaws every process of the container.
    fn freeze<'a>(&'a self, container: &'a Container, frozen: bool) -> BoxFuture<'a, io::Result<()>>;

    /// Applies the limits in the container's host configuration to its running processes; answers with warnings.
    fn update<'a>(&'a self, container: &'a Container) -> BoxFuture<'a, io::Result<Vec<String>>>;

    /// Attaches to the init: its stdin, and notice of its end.
    fn attach<'a>(&'a self, container: &'a Container, stdin: bool) -> BoxFuture<'a, io::Result<Connection>>;

    /// Runs another process in the container.
    fn exec<'a>(&'a self, container: &'a Container, exec: &'a ExecSpec) -> BoxFuture<'a, Result<ExecLive, StartError>>;

    /// Looks for an exec that an earlier daemon has started; `None`: it does not run.
    fn find_exec<'a>(&'a self, container: &'a Container, exec: &'a str) -> BoxFuture<'a, io::Result<Option<ExecLive>>>;

    /// The container has ended: gives back its cgroup, its network and its run directory, in the background.
    fn ended(&self, container: &Container);

    /// Takes the container's files out of sight, durably; they are deleted in the background, after `unused` (somebody may still read the log). Blocking.
    ///
    /// # Errors
    /// When the file system refuses; the container then stays.
    fn discard(&self, container: &Container, unused: BoxFuture<'static, ()>) -> io::Result<()>;

    /// What this host has, for checking requests.
    fn features(&self) -> &Features;

    /// Who makes containers' cgroups.
    fn cgroup_driver(&self) -> &Driver;

    /// The cgroup of a live container.
    fn cgroup(&self, id: &ContainerId) -> Option<cgroup::Handle>;

    /// Traffic of a container's link.
    fn traffic(&self, endpoint: &Endpoint) -> Option<Counters>;

    /// Traffic of all links of the host by their names ([`Endpoint::host_link`]), read at once.
    fn all_traffic(&self) -> HashMap<String, Counters>;

    /// The id of a network that every engine has: `host`, `none`.
    fn network_id(&self, name: &str) -> Option<String> {
        // A runtime without networks tells nothing of them.
        let _ = name;
        None
    }

    /// Finds what earlier daemons left behind and takes it away in the background: everything of this engine's that is neither of a
    /// `known` container nor in use by a `live` one. Blocking.
    ///
    /// # Errors
    /// When a directory cannot be listed.
    fn reap_orphans(&self, known: &[ContainerId], live: &[ContainerId]) -> io::Result<()>;

    /// How much the background still has to take away.
    fn pending(&self) -> usize;
}

/// A terminal's size in characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// Height.
    pub rows: u16,
    /// Width.
    pub cols: u16,
}

impl TerminalSize {
    /// From the API's pair of height and width. The kernel knows no terminal beyond 65535.
    pub fn from_api([height, width]: [u32; 2]) -> Self {
        let cells = |n: u32| u16::try_from(n).unwrap_or(u16::MAX);
        Self { rows: cells(height), cols: cells(width) }
    }
}

/// An init that runs.
pub struct Live {
    /// Its pid where the engine runs.
    pub pid: u32,
    /// Since when.
    pub started_at: Time,
    /// Its place on the bridge.
    pub endpoint: Option<Endpoint>,
    /// Inode of its cgroup2 directory.
    pub cgroup_id: Option<u64>,
    /// Resolves when it has ended.
    pub exit: BoxFuture<'static, Exit>,
}

/// What became of a container while no daemon looked.
pub enum Adopted {
    /// It runs.
    Running {
        /// Resolves when it has ended.
        exit: BoxFuture<'static, Exit>,
        /// It is frozen now, whatever was last written down about it.
        frozen: bool,
    },
    /// It has ended.
    Ended(Exit),
}

/// An exec whose program runs.
pub struct ExecLive {
    /// Its pid where the engine runs.
    pub pid: u32,
    /// Output comes from it, stdin goes to it, and it tells the end.
    pub connection: Connection,
}

/// Why a process could not be run.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StartError {
    /// Docker's words.
    pub message: String,
    /// 126, 127, or 128 when it was not the command's fault.
    pub code: u8,
    /// What a client is to make of it.
    pub kind: Kind,
}

impl StartError {
    /// The engine or the system failed.
    pub fn system(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 128, kind: Kind::System }
    }
}
