//! Hull's own: which processes a container has, in every namespace level, and what presses on it.

use serde::{Deserialize, Serialize};

use crate::wire::is_default;

/// Answer of `GET /containers/{id}/pids`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PidsResponse {
    pub id: String,
    pub name: String,
    /// The container's cgroup in the cgroup2 tree: what eBPF calls the cgroup id.
    pub cgroup_id: u64,
    /// Where the list comes from: `ebpf`, or `proc` when the programs are not active.
    pub source: String,
    /// Of the container's init.
    pub namespaces: Namespaces,
    pub processes: Vec<Process>,
}

/// Inode numbers, as in `/proc/PID/ns/*`; 0 where the kernel lacks the kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Namespaces {
    pub pid: u64,
    pub mnt: u64,
    pub net: u64,
    pub uts: u64,
    pub ipc: u64,
    pub cgroup: u64,
    pub user: u64,
    pub time: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Process {
    /// Its PID where the engine runs.
    pub host_pid: u32,
    /// Its PID in every level, outermost (the engine's) first, as `NSpid` of `/proc/PID/status`.
    pub namespace_pids: Vec<u32>,
    /// Its parent's PID where the engine runs.
    pub parent_pid: u32,
    pub command: String,
    /// RFC 3339.
    pub started_at: String,
    pub cgroup_id: u64,
    /// Task-seconds that its threads stood still because the cgroup's CPU quota was used up. `None`: not observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttled_seconds: Option<f64>,
}

/// Answer of `GET /containers/{id}/pressure`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Pressure {
    pub id: String,
    pub name: String,
    /// Lengths of the stalls by the CPU quota.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttle: Option<Histogram>,
    /// Waits for a CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_queue: Option<Histogram>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<PressureStall>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<PressureStall>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub io: Option<PressureStall>,
    pub breaches: Vec<LimitBreach>,
}

/// A Prometheus-like histogram, in seconds; the counts are cumulative.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Histogram {
    pub count: u64,
    pub sum: f64,
    pub buckets: Vec<Bucket>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Bucket {
    pub upper_bound: f64,
    pub count: u64,
}

/// The kernel's pressure stall information for one resource: total seconds in which some, or all, tasks waited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PressureStall {
    pub some: f64,
    pub full: f64,
}

/// How often a limit was hit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct LimitBreach {
    /// `memory`, `oom`, `pids`, `cpu`.
    pub resource: String,
    pub count: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub last_at: String,
}
