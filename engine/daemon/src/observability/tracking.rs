//! Containers come and go: what the maps are told, and what is kept of a run that is over.

use super::book::{Live, Usage};
use super::ebpf::Maps;
use super::ebpf::maps::comm_text;
use super::processes::{self, ProcessRecord};
use super::{Observability, Tracked};
use crate::ids::ContainerId;
use hull_ebpf_types::{Counters, CpuGroup, Program, Queue};
use hull_runtime::cgroup::Controller;
use std::os::unix::fs::MetadataExt;

impl Observability {
    /// To be called when the container's cgroup exists and before its plan is sent: from here on nothing is missed.
    /// Waits until the programs are loaded (bounded), which matters in the first moments of the daemon only. Also for
    /// containers that were found running after a restart; their processes are then read from the cgroup.
    pub async fn track(&self, tracked: Tracked) {
        self.ready().await;
        let Tracked { container, cgroup } = tracked;
        let id = cgroup.id();
        let cpu = cgroup.v1_dir(Controller::Cpu);
        let cpu_cgroup = cpu.and_then(|directory| Some(std::fs::metadata(directory).ok()?.ino())).unwrap_or(id);
        let live = Live { container, cgroup, cpu_cgroup };
        self.book().enter(id, live.clone());
        if let Some(kernel) = self.kernel() {
            enrol(&kernel.maps, id, &live);
        }
    }

    /// To be called when the container has exited, before its cgroup is removed: keeps its final counters until
    /// [`Observability::forget`].
    pub fn untrack(&self, cgroup_id: u64) {
        let maps = self.kernel().map(|kernel| &kernel.maps);
        let counters = maps.and_then(|maps| maps.containers.get(&cgroup_id));
        let stalls = match (maps, counters) {
            (Some(maps), Some(counters)) if counters.comms > 0 => stalls_by_name(maps, cgroup_id),
            _ => Vec::new(),
        };
        let mut book = self.book();
        let Some((live, totals)) = book.close(cgroup_id) else { return };
        if let Ok(stats) = live.cgroup.stats() {
            totals.usage = totals.usage.plus(Usage::of(&stats));
        }
        if let Some(counters) = &counters {
            totals.add_counters(counters);
        }
        for (comm, ns) in stalls {
            totals.add_stall(comm, ns);
        }
        drop(book);
        if let Some(maps) = maps {
            dismiss(maps, cgroup_id, &live, counters.as_ref());
        }
    }

    /// To be called when the container is removed: its sums go; its OOM kills stay in the engine's total.
    pub fn forget(&self, container: &ContainerId) {
        self.book().forget(container);
    }

    /// What the programs counted in a running container, and `None` without them.
    pub fn counters(&self, cgroup_id: u64) -> Option<Counters> {
        self.kernel()?.maps.containers.get(&cgroup_id)
    }

    /// A running container's stalls by name, in nanoseconds; the empty name is for all that came too late.
    pub fn stalls_by_name(&self, cgroup_id: u64) -> Vec<(String, u64)> {
        self.kernel().map(|kernel| stalls_by_name(&kernel.maps, cgroup_id)).unwrap_or_default()
    }

    /// The processes of a tracked container, by host PID.
    pub fn processes(&self, cgroup_id: u64) -> Vec<ProcessRecord> {
        let mut records: Vec<ProcessRecord> = match self.kernel() {
            Some(kernel) if self.maps_processes() => {
                let stalls = self.attached(Program::TaskStalls);
                let entries = kernel.maps.processes.entries().into_iter();
                let own = entries.filter(|(_, process)| process.container == cgroup_id);
                own.filter_map(|(pid, process)| processes::from_map(pid, &process, stalls)).collect()
            }
            _ => {
                let cgroup = self.book().live.get(&cgroup_id).map(|live| live.cgroup.clone());
                let pids = cgroup.and_then(|cgroup| cgroup.procs().ok()).unwrap_or_default();
                pids.into_iter().filter_map(processes::from_proc).collect()
            }
        };
        records.sort_by_key(|record| record.pid);
        records.dedup_by_key(|record| record.pid);
        records
    }
}

/// Tells the programs of a container. Those of its processes that are there already are entered by hand, after the
/// programs watch for new ones, so that none falls between.
pub(super) fn enrol(maps: &Maps, id: u64, live: &Live) {
    if maps.containers.get(&id).is_none() && !maps.containers.insert_new(&id, &Counters::default()) {
        tracing::warn!(container = live.container.short(), "eBPF cannot count it: its map of containers is full");
        return;
    }
    let pids = live.cgroup.procs().unwrap_or_default();
    let group = CpuGroup { container: id, fresh: u64::from(pids.is_empty()) };
    if let Err(error) = maps.cpu_groups.insert(&live.cpu_cgroup, &group) {
        tracing::warn!(container = live.container.short(), %error, "its stalls are not counted");
    }
    for pid in pids {
        if let Some(process) = processes::seed(pid, id) {
            maps.processes.insert_new(&pid, &process);
        }
    }
}

/// Takes a container out of the maps. Its processes have left by themselves.
fn dismiss(maps: &Maps, id: u64, live: &Live, counters: Option<&Counters>) {
    maps.containers.remove(&id);
    maps.cpu_groups.remove(&live.cpu_cgroup);
    let Some(counters) = counters else { return };
    if counters.queue_stalls.count() > 0 {
        for (queue, _) in maps.queues.entries() {
            if queue.cgroup == live.cpu_cgroup {
                maps.queues.remove(&Queue { cgroup: queue.cgroup, cpu: queue.cpu });
            }
        }
    }
    if counters.comms > 0 {
        for (key, _) in maps.comm_stalls.entries() {
            if key.container == id {
                maps.comm_stalls.remove(&key);
            }
        }
    }
}

/// A container's stalls by name, in nanoseconds.
fn stalls_by_name(maps: &Maps, id: u64) -> Vec<(String, u64)> {
    let entries = maps.comm_stalls.entries().into_iter();
    entries.filter(|(key, _)| key.container == id).map(|(key, ns)| (comm_text(&key.comm), ns)).collect()
}
