//! A container's series: first what it is, then what it uses, then what eBPF saw of it.

use super::catalogue::*;
use super::scrape::{Base, Scrape, seconds};
use super::{network, pressure};
use crate::observability::book::{Totals, Usage};
use crate::observability::{ContainerSample, Health};
use hull_ebpf_types::{LIFETIME_BOUNDS, RUNQUEUE_BOUNDS, STALL_BOUNDS};
use hull_runtime::cgroup::{BlkioEntry, Stats};
use std::collections::BTreeMap;

/// Which parts eBPF measures now; what it does not measure is absent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    pub(super) processes: bool,
    pub(super) queue_stalls: bool,
    pub(super) runqueue: bool,
    pub(super) task_stalls: bool,
    pub(super) victims: bool,
}

/// Labels of a container that may reach [`INFO`]; each has few values on one host.
const COMPOSE: [&str; 2] = ["com.docker.compose.project", "com.docker.compose.service"];

/// What containers that have no name get: bounded in number, unlike names.
const OTHER: &str = "other";

pub(super) fn identity(scrape: &mut Scrape, base: &Base, sample: &ContainerSample, now: f64) {
    let [project, service] = COMPOSE.map(|label| sample.labels.get(label).map_or("", String::as_str));
    scrape.value(&INFO, base, &[&sample.image, project, service], 1.0);
    scrape.value(&STATE, base, &[sample.state.as_str()], 1.0);
    if let Some(code) = sample.exit_code {
        scrape.value(&EXIT_CODE, base, &[], f64::from(code));
    }
    scrape.count(&RESTARTS, base, &[], sample.restarts);
    if let Some(health) = sample.health {
        let status = match health {
            Health::Starting => "starting",
            Health::Healthy => "healthy",
            Health::Unhealthy => "unhealthy",
        };
        scrape.value(&HEALTH, base, &[status], 1.0);
    }
    if let Some(started_at) = sample.started_at {
        scrape.value(&START_TIME, base, &[], started_at);
    }
    scrape.value(&LAST_SEEN, base, &[], now);
}

pub(super) fn limits(scrape: &mut Scrape, base: &Base, sample: &ContainerSample) {
    let limits = &sample.limits;
    if let Some(quota) = limits.cpu_quota.filter(|quota| *quota > 0) {
        scrape.value(&SPEC_CPU_QUOTA, base, &[], quota as f64);
        scrape.count(&SPEC_CPU_PERIOD, base, &[], limits.cpu_period.unwrap_or(100_000));
    }
    if let Some(shares) = limits.cpu_shares {
        scrape.count(&SPEC_CPU_SHARES, base, &[], shares);
    }
    // cAdvisor's convention for these three.
    scrape.count(&SPEC_MEMORY_LIMIT, base, &[], limits.memory.unwrap_or(0));
    scrape.count(&SPEC_MEMORY_SWAP_LIMIT, base, &[], limits.memory_swap.unwrap_or(0));
    scrape.count(&SPEC_MEMORY_RESERVATION, base, &[], limits.memory_reservation.unwrap_or(0));
    if let Some(pids) = limits.pids {
        scrape.count(&SPEC_PIDS_LIMIT, base, &[], pids);
    }
}

/// Counters: earlier runs and the current one, from 0 on.
pub(super) fn usage(scrape: &mut Scrape, base: &Base, usage: &Usage) {
    scrape.value(&CPU_USAGE, base, &["total"], seconds(usage.cpu_ns));
    scrape.value(&CPU_USER, base, &[], seconds(usage.user_ns));
    scrape.value(&CPU_SYSTEM, base, &[], seconds(usage.system_ns));
    scrape.count(&CFS_PERIODS, base, &[], usage.periods);
    scrape.count(&CFS_THROTTLED_PERIODS, base, &[], usage.throttled_periods);
    scrape.value(&CFS_THROTTLED_SECONDS, base, &[], seconds(usage.throttled_ns));
    scrape.count(&MEMORY_FAILCNT, base, &[], usage.memory_limit_hits);
    scrape.count(&PIDS_REFUSED, base, &[], usage.forks_refused);
    scrape.count(&OOM_KILLS, base, &[], usage.oom_kills);
    scrape.count(&OOM_EVENTS, base, &[], usage.oom_kills);
    for (resource, value) in
        [("cpu", usage.throttled_periods), ("memory", usage.memory_limit_hits), ("pids", usage.forks_refused)]
    {
        scrape.count(&BREACHES, base, &[resource], value);
    }
}

/// What only a running container has.
pub(super) fn running(scrape: &mut Scrape, base: &Base, sample: &ContainerSample, stats: &Stats) {
    let memory = &stats.memory;
    // v1 counts nested cgroups in the values that begin with total_.
    let stat = |v1: &str, v2: &str| memory.stat.get(v1).or_else(|| memory.stat.get(v2)).copied().unwrap_or(0);
    scrape.count(&MEMORY_USAGE, base, &[], memory.usage);
    scrape.count(&MEMORY_WORKING_SET, base, &[], memory.working_set());
    scrape.count(&MEMORY_RSS, base, &[], stat("total_rss", "anon"));
    scrape.count(&MEMORY_CACHE, base, &[], stat("total_cache", "file"));
    scrape.count(&MEMORY_MAPPED, base, &[], stat("total_mapped_file", "file_mapped"));
    if let Some(swap) = memory.swap {
        scrape.count(&MEMORY_SWAP, base, &[], swap);
    }
    if let Some(max) = memory.max_usage {
        scrape.count(&MEMORY_MAX, base, &[], max);
    }
    for (failure, v1) in [("pgfault", "total_pgfault"), ("pgmajfault", "total_pgmajfault")] {
        scrape.count(&MEMORY_FAILURES, base, &[failure, "hierarchy"], stat(v1, failure));
    }
    scrape.count(&PROCESSES, base, &[], stats.pids.current);
    scrape.count(&PIDS_CURRENT, base, &[], stats.pids.current);
    block_io(scrape, base, stats);
    network::emit(scrape, base, &sample.interfaces);
    if let Some(cgroup) = &sample.cgroup {
        pressure::collect(scrape, base, cgroup.unified());
    }
}

fn block_io(scrape: &mut Scrape, base: &Base, stats: &Stats) {
    let mut add = |entries: &[BlkioEntry], op: &str, family: &'static Family| {
        for entry in entries.iter().filter(|entry| entry.op.eq_ignore_ascii_case(op)) {
            scrape.count(family, base, &[&format!("{}:{}", entry.major, entry.minor)], entry.value);
        }
    };
    add(&stats.blkio.bytes, "read", &FS_READ_BYTES);
    add(&stats.blkio.bytes, "write", &FS_WRITE_BYTES);
    add(&stats.blkio.operations, "read", &FS_READS);
    add(&stats.blkio.operations, "write", &FS_WRITES);
}

/// What the programs counted, earlier runs included.
pub(super) fn observed(scrape: &mut Scrape, base: &Base, measured: Measured, totals: &Totals) {
    let counters = &totals.counters;
    if measured.processes {
        scrape.count(&FORKS, base, &[], counters.forks);
        scrape.count(&EXECS, base, &[], counters.execs);
        scrape.count(&EXITS, base, &[], counters.exits);
        scrape.histogram(&LIFETIME, base, &LIFETIME_BOUNDS, &counters.lifetime);
    }
    if measured.queue_stalls {
        scrape.count(&EBPF_PERIODS, base, &[], counters.periods);
        scrape.count(&EBPF_THROTTLED_PERIODS, base, &[], counters.throttled_periods);
        scrape.histogram(&THROTTLE_DURATION, base, &STALL_BOUNDS, &counters.queue_stalls);
    }
    if measured.runqueue {
        scrape.histogram(&RUNQUEUE, base, &RUNQUEUE_BOUNDS, &counters.runqueue);
    }
    if measured.task_stalls {
        named(&totals.comm_stalls, |comm, ns| scrape.value(&THROTTLED_PROCESS, base, &[comm], seconds(ns)));
    }
    if measured.victims {
        named(&totals.victims, |comm, count| scrape.count(&OOM_VICTIMS, base, &[comm], count));
    }
}

/// Names with their values; those without a place of their own are [`OTHER`], which is always there so that the family
/// begins at 0. A process that calls itself `other` is counted with them.
fn named(values: &BTreeMap<String, u64>, mut emit: impl FnMut(&str, u64)) {
    let mut other = 0;
    for (comm, value) in values {
        match comm.as_str() {
            "" | OTHER => other += value,
            comm => emit(comm, *value),
        }
    }
    emit(OTHER, other);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beyond_the_bound_and_a_process_called_other_share_one_series() {
        let values = BTreeMap::from([(String::new(), 3), ("other".to_owned(), 4), ("sh".to_owned(), 1)]);
        let mut emitted = Vec::new();
        named(&values, |comm, value| emitted.push((comm.to_owned(), value)));
        assert_eq!(emitted, [("sh".to_owned(), 1), ("other".to_owned(), 7)]);
    }
}
