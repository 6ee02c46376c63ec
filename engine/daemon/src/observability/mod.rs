//! What the engine sees of its containers: processes, stalls and limit breaches, each with a name.
//!
//! ```text
//!  ContainerSource (containers/) --samples--+
//!                                           v
//!  eBPF maps --> Observability --> Collector --> /metrics      (everything is read at scrape, nothing on a timer)
//!  cgroup files ------^   |
//!                         +--> processes(), oom_events()       (REST: `hull pids`, events)
//! ```
//!
//! Starting never fails. Each eBPF program is loaded by itself; one that does not load leaves a fallback (reading the
//! cgroup's files when asked) and a line in `engine_ebpf_program_attached` that says so.

mod book;
pub mod ebpf;
mod events;
pub mod metrics;
mod proc;
mod processes;
mod registry;
mod sample;
mod tracking;

pub use processes::ProcessRecord;
pub use registry::registry;
pub use sample::{ContainerSample, ContainerSource, Health, Limits, State};

use crate::ids::ContainerId;
use book::Book;
use ebpf::{Hook, Loaded};
use hull_ebpf_types::Program;
use hull_runtime::{cgroup, locked_memory};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{broadcast, watch};

/// The longest that a container waits for the programs: loading them takes a tenth of this on a loaded host.
const LOADING: Duration = Duration::from_secs(5);

/// Events that a slow listener may be behind.
const OOM_BACKLOG: usize = 256;

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
    options: Options,
    source: OnceLock<Arc<dyn ContainerSource>>,
    oom: broadcast::Sender<OomVictim>,
    /// Set once loading has ended: with the programs, or without.
    kernel: OnceLock<Option<Loaded>>,
    loaded: watch::Sender<bool>,
    book: Mutex<Book>,
    metrics: metrics::Metrics,
}

impl Observability {
    /// Loads the eBPF programs in the background and returns at once. Never fails: what
    /// cannot be had is reported by the log, by `engine_ebpf_program_attached` and by [`Observability::hooks`].
    pub fn start(options: Options) -> Arc<Self> {
        let this = Arc::new(Self {
            options,
            source: OnceLock::new(),
            oom: broadcast::channel(OOM_BACKLOG).0,
            kernel: OnceLock::new(),
            loaded: watch::channel(false).0,
            book: Mutex::new(Book::default()),
            metrics: metrics::Metrics::default(),
        });
        this.metrics.register(&this);
        if !this.options.ebpf {
            this.finish_loading(None);
            return this;
        }
        // A thread of its own: it stays, listening to the kernel, and a pool's thread should not.
        let background = Arc::clone(&this);
        if let Err(error) = std::thread::Builder::new().name("ebpf".to_owned()).spawn(move || background.run()) {
            tracing::warn!(%error, "no thread to load eBPF on");
            this.finish_loading(None);
        }
        this
    }

    fn run(self: Arc<Self>) {
        match locked_memory::limit_kept(|| ebpf::load(crate::artifacts::BPF)) {
            Ok(loaded) => {
                self.finish_loading(Some(loaded));
                events::listen(self);
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                tracing::warn!(%cause, "no eBPF, only what cgroups and /proc say: {error}");
                self.finish_loading(None);
            }
        }
    }

    /// Publishes the programs, then enrols who came in the meantime; `track` does it the other way round, so that between
    /// the two nobody is missed.
    fn finish_loading(&self, loaded: Option<Loaded>) {
        let kernel = self.kernel.get_or_init(|| loaded);
        if let Some(loaded) = kernel {
            let early: Vec<_> = self.book().live.iter().map(|(id, live)| (*id, live.clone())).collect();
            for (id, live) in early {
                tracking::enrol(&loaded.maps, id, &live);
            }
        }
        self.loaded.send_replace(true);
    }

    fn kernel(&self) -> Option<&Loaded> {
        self.kernel.get()?.as_ref()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Every change under this lock is one insertion or removal.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the list of containers comes from; set once, after the container service stands.
    pub fn set_source(&self, source: Arc<dyn ContainerSource>) {
        let _ = self.source.set(source);
    }

    /// Returns when the programs are loaded, or cannot be, or take too long.
    pub async fn ready(&self) {
        let mut loaded = self.loaded.subscribe();
        let _ = tokio::time::timeout(LOADING, loaded.wait_for(|loaded| *loaded)).await;
    }

    /// Every program and what does its work.
    pub fn hooks(&self) -> Vec<Hook> {
        match self.kernel() {
            Some(loaded) => loaded.hooks.clone(),
            None => Hook::fallbacks(),
        }
    }

    fn attached(&self, program: Program) -> bool {
        self.kernel().is_some_and(|it| it.hooks.iter().any(|hook| hook.program == program && hook.attached))
    }

    /// Whether the map of processes is kept by eBPF.
    fn maps_processes(&self) -> bool {
        self.attached(Program::ProcessFork) && self.attached(Program::ProcessExit)
    }

    /// OOM victims from now on; none without eBPF, where the cgroup's own counter has to do.
    pub fn oom_events(&self) -> broadcast::Receiver<OomVictim> {
        self.oom.subscribe()
    }
}
