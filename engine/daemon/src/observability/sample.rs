//! What the collector asks of the container service: a list of plain values, taken at scrape.

use crate::ids::ContainerId;
use crate::networks::Counters;
use hull_runtime::cgroup;
use std::collections::BTreeMap;

/// Gives the containers of the engine. `containers/` implements it; called once for each scrape, on a blocking thread.
pub trait ContainerSource: Send + Sync {
    /// All containers, running or not.
    fn containers(&self) -> Vec<ContainerSample>;

    /// What the background reaper still has to do.
    fn reaper_pending(&self) -> usize;
}

/// One container at one moment.
#[derive(Debug, Clone)]
pub struct ContainerSample {
    /// Its id.
    pub id: ContainerId,
    /// Its name, without a slash.
    pub name: String,
    /// The image as it was named when the container was made.
    pub image: String,
    /// Labels of the container; only those of an allow-list reach `container_info`.
    pub labels: BTreeMap<String, String>,
    /// Where in its life it is.
    pub state: State,
    /// Of the last run; `None` before its end.
    pub exit_code: Option<i32>,
    /// Of its health check; `None` where it has none.
    pub health: Option<Health>,
    /// How often the restart policy started it again.
    pub restarts: u64,
    /// Seconds since 1970 of its creation.
    pub created_at: f64,
    /// Seconds since 1970 of its last start; `None` before the first.
    pub started_at: Option<f64>,
    /// Its cgroup while it runs.
    pub cgroup: Option<cgroup::Handle>,
    /// Host PID of its init while it runs.
    pub pid: Option<u32>,
    /// Its own interfaces with their traffic; none with `--net=host`, whose interfaces are the host's.
    pub interfaces: Vec<(String, Counters)>,
    /// What it may use.
    pub limits: Limits,
}

/// Docker's states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum State {
    Created,
    Running,
    Paused,
    Restarting,
    Removing,
    Exited,
    Dead,
}

impl State {
    /// All of them, in the order of a container's life.
    pub const ALL: [Self; 7] =
        [Self::Created, Self::Running, Self::Paused, Self::Restarting, Self::Removing, Self::Exited, Self::Dead];

    /// As Docker writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Removing => "removing",
            Self::Exited => "exited",
            Self::Dead => "dead",
        }
    }
}

/// What the health check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Health {
    Starting,
    Healthy,
    Unhealthy,
}

/// Limits in the units of the metrics; `None` where there is none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Limits {
    /// CFS quota in microseconds a period.
    pub cpu_quota: Option<i64>,
    /// CFS period in microseconds.
    pub cpu_period: Option<u64>,
    /// CPU weight by cgroup v1's scale.
    pub cpu_shares: Option<u64>,
    /// Bytes.
    pub memory: Option<u64>,
    /// Bytes of memory and swap together.
    pub memory_swap: Option<u64>,
    /// Bytes of the soft limit.
    pub memory_reservation: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u64>,
}
