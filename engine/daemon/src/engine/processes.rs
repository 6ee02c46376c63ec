//! Hull's own questions about a container: which processes it has in every namespace level, and what presses on it.

use super::Engine;
use crate::containers::{Container, ContainerError};
use crate::observability::ProcessRecord;
use crate::time::Time;
use hull_api::{Bucket, Histogram, LimitBreach, Namespaces, PidsResponse, Pressure, PressureStall, Process};
use hull_ebpf_types::{self as ebpf, Program, RUNQUEUE_BOUNDS, STALL_BOUNDS};
use hull_runtime::cgroup::LimitHits;
use rustix::time::{ClockId, clock_gettime};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

impl Engine {
    /// All processes of a running container.
    ///
    /// # Errors
    /// When there is no such container, or it doesn't run.
    pub async fn pids(&self, key: &str) -> Result<PidsResponse, ContainerError> {
        let container = self.containers.get(key)?;
        let run = container.state.run().ok_or_else(|| ContainerError::not_running(&container.id))?;
        let records = self.processes_of(&container).await?;
        let boot = boot_time();
        let cgroup_id = container.cgroup_id.unwrap_or(0);
        let process = |record: ProcessRecord| Process {
            host_pid: record.pid,
            namespace_pids: record.ns_pids,
            parent_pid: record.ppid,
            command: if record.command.is_empty() { format!("[{}]", record.comm) } else { record.command },
            started_at: Time::from_nanos(boot + record.start_ns).to_string(),
            cgroup_id,
            throttled_seconds: record.throttled_ns.map(seconds),
        };
        Ok(PidsResponse {
            id: container.id.to_string(),
            name: container.name.clone(),
            cgroup_id,
            source: self.process_source().to_owned(),
            namespaces: namespaces(run.pid),
            processes: records.into_iter().map(process).collect(),
        })
    }

    /// The processes, read on a blocking thread: each is a few files in `/proc`.
    pub(super) async fn processes_of(&self, container: &Arc<Container>) -> Result<Vec<ProcessRecord>, ContainerError> {
        let Some(cgroup_id) = container.cgroup_id else { return Ok(Vec::new()) };
        let observability = self.observability.clone();
        let records = tokio::task::spawn_blocking(move || observability.processes(cgroup_id)).await;
        records.map_err(|panic| ContainerError::BadParameter(panic.to_string()))
    }

    /// Where the list of processes comes from now.
    fn process_source(&self) -> &'static str {
        let hooks = self.observability.hooks();
        let attached = |program| hooks.iter().any(|hook| hook.program == program && hook.attached);
        if attached(Program::ProcessFork) && attached(Program::ProcessExit) { "ebpf" } else { "proc" }
    }

    /// What presses on a running container: stalls, waits for a CPU, the kernel's pressure files, limits that were hit.
    ///
    /// # Errors
    /// When there is no such container, or it doesn't run.
    pub async fn pressure(&self, key: &str) -> Result<Pressure, ContainerError> {
        let container = self.containers.get(key)?;
        let not_running = || ContainerError::not_running(&container.id);
        let cgroup_id = container.cgroup_id.filter(|_| container.state.run().is_some()).ok_or_else(not_running)?;
        let cgroup = self.containers.cgroup(&container.id).ok_or_else(not_running)?;
        let stats = cgroup.stats().map_err(|_| not_running())?;
        let counters = self.observability.counters(cgroup_id);
        let psi = |file| pressure_stall(&std::fs::read_to_string(cgroup.unified().join(file)).ok()?);
        Ok(Pressure {
            id: container.id.to_string(),
            name: container.name.clone(),
            throttle: counters.as_ref().map(|counters| histogram(&counters.queue_stalls, &STALL_BOUNDS)),
            run_queue: counters.as_ref().map(|counters| histogram(&counters.runqueue, &RUNQUEUE_BOUNDS)),
            cpu: psi("cpu.pressure"),
            memory: psi("memory.pressure"),
            io: psi("io.pressure"),
            breaches: breaches(&cgroup.limit_hits(), stats.oom.kills, |resource| {
                self.limits.last_hit(&container.id, resource).map(|time| time.to_string())
            }),
        })
    }
}

fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

/// The wall clock's reading when the boot clock was 0, in nanoseconds.
fn boot_time() -> u64 {
    let boot = clock_gettime(ClockId::Boottime);
    let since_boot = u64::try_from(boot.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(boot.tv_nsec).unwrap_or(0);
    Time::now().nanos().saturating_sub(since_boot)
}

fn namespaces(pid: u32) -> Namespaces {
    let directory = Path::new("/proc").join(pid.to_string()).join("ns");
    // 0 where the kernel lacks the kind, or the process has just ended.
    let inode = |name: &str| std::fs::metadata(directory.join(name)).map_or(0, |metadata| metadata.ino());
    Namespaces {
        pid: inode("pid"),
        mnt: inode("mnt"),
        net: inode("net"),
        uts: inode("uts"),
        ipc: inode("ipc"),
        cgroup: inode("cgroup"),
        user: inode("user"),
        time: inode("time"),
    }
}

/// Cumulative, as Prometheus counts.
fn histogram(counted: &ebpf::Histogram, bounds: &[u64]) -> Histogram {
    let mut total = 0;
    let buckets = bounds.iter().zip(&counted.counts).map(|(bound, count)| {
        total += count;
        Bucket { upper_bound: seconds(*bound), count: total }
    });
    Histogram { buckets: buckets.collect(), count: counted.count(), sum: seconds(counted.sum_ns) }
}

/// `some avg10=.. total=MICROSECONDS` and `full ...`.
fn pressure_stall(text: &str) -> Option<PressureStall> {
    let total = |kind: &str| {
        let line = text.lines().find(|line| line.starts_with(kind))?;
        let micros: u64 = line.split_whitespace().find_map(|word| word.strip_prefix("total="))?.parse().ok()?;
        Some(micros as f64 / 1e6)
    };
    Some(PressureStall { some: total("some")?, full: total("full").unwrap_or(0.0) })
}

/// Limits that were hit at least once, and when that was last seen.
fn breaches(hits: &LimitHits, oom_kills: u64, last: impl Fn(&str) -> Option<String>) -> Vec<LimitBreach> {
    let counts =
        [("cpu", hits.throttled_periods), ("memory", hits.memory), ("oom", oom_kills), ("pids", hits.pids_refused)];
    let hit = counts.into_iter().filter(|(_, count)| *count > 0);
    let breach = |(resource, count): (&str, u64)| LimitBreach {
        resource: resource.to_owned(),
        count,
        last_at: last(resource).unwrap_or_default(),
    };
    hit.map(breach).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pressure_files_are_read() {
        let text = "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=500000\n";
        assert_eq!(pressure_stall(text), Some(PressureStall { some: 1.5, full: 0.5 }));
        assert_eq!(pressure_stall("some avg10=0.00 total=2000000\n"), Some(PressureStall { some: 2.0, full: 0.0 }));
        assert_eq!(pressure_stall("nonsense"), None);
    }

    #[test]
    fn buckets_are_cumulative_and_the_count_has_what_is_beyond_them() {
        let mut counted = ebpf::Histogram { sum_ns: 3_000_000_000, ..ebpf::Histogram::default() };
        counted.counts[0] = 2;
        counted.counts[1] = 1;
        counted.counts[ebpf::BUCKETS - 1] = 4;
        let view = histogram(&counted, &STALL_BOUNDS);
        assert_eq!((view.count, view.sum), (7, 3.0));
        assert_eq!(view.buckets[0].count, 2);
        assert_eq!(view.buckets.last().map(|bucket| (bucket.upper_bound, bucket.count)), Some((1.0, 3)));
    }

    #[test]
    fn our_own_namespaces_have_inodes_and_only_breaches_are_told() {
        assert_ne!(namespaces(std::process::id()).pid, 0);
        let last = |resource: &str| (resource == "pids").then(|| "now".to_owned());
        assert_eq!(breaches(&LimitHits::default(), 0, last), []);
        let told = breaches(&LimitHits { pids_refused: 2, ..LimitHits::default() }, 1, last);
        let told: Vec<_> = told.iter().map(|it| (it.resource.as_str(), it.count, it.last_at.as_str())).collect();
        assert_eq!(told, [("oom", 1, ""), ("pids", 2, "now")]);
    }
}
