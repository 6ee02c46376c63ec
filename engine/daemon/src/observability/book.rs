//! Who is who: cgroups of running containers, and what containers counted in runs that are over.
//!
//! A container's counters outlive its cgroup, or an OOM kill would vanish from `/metrics` together with its victim.

use crate::ids::ContainerId;
use hull_ebpf_types::{Counters, STICKY_COMMS};
use hull_runtime::cgroup::{self, Stats};
use std::collections::{BTreeMap, HashMap, HashSet};

/// A running container.
#[derive(Debug, Clone)]
pub(super) struct Live {
    pub(super) container: ContainerId,
    pub(super) cgroup: cgroup::Handle,
    /// Inode of its directory in the hierarchy of the cpu controller.
    pub(super) cpu_cgroup: u64,
}

/// Sums over a container's runs. Only counters: gauges of a run that is over mean nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Totals {
    pub(super) counters: Counters,
    /// Nanoseconds by name; the empty name is for all names that came too late.
    pub(super) comm_stalls: BTreeMap<String, u64>,
    /// OOM victims by name.
    pub(super) victims: BTreeMap<String, u64>,
    pub(super) usage: Usage,
}

/// The counters among a cgroup's statistics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) cpu_ns: u64,
    pub(super) user_ns: u64,
    pub(super) system_ns: u64,
    pub(super) periods: u64,
    pub(super) throttled_periods: u64,
    pub(super) throttled_ns: u64,
    pub(super) memory_limit_hits: u64,
    pub(super) oom_kills: u64,
    pub(super) forks_refused: u64,
}

impl Usage {
    pub(super) fn of(stats: &Stats) -> Self {
        Self {
            cpu_ns: stats.cpu.usage_ns,
            user_ns: stats.cpu.user_ns,
            system_ns: stats.cpu.system_ns,
            periods: stats.cpu.throttling.periods,
            throttled_periods: stats.cpu.throttling.throttled_periods,
            throttled_ns: stats.cpu.throttling.throttled_ns,
            memory_limit_hits: stats.memory.failcnt,
            oom_kills: stats.oom.kills,
            forks_refused: stats.pids.refused,
        }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            cpu_ns: self.cpu_ns + other.cpu_ns,
            user_ns: self.user_ns + other.user_ns,
            system_ns: self.system_ns + other.system_ns,
            periods: self.periods + other.periods,
            throttled_periods: self.throttled_periods + other.throttled_periods,
            throttled_ns: self.throttled_ns + other.throttled_ns,
            memory_limit_hits: self.memory_limit_hits + other.memory_limit_hits,
            oom_kills: self.oom_kills + other.oom_kills,
            forks_refused: self.forks_refused + other.forks_refused,
        }
    }
}

impl Totals {
    /// Adds what the programs counted in one run.
    pub(super) fn add_counters(&mut self, run: &Counters) {
        let sum = &mut self.counters;
        sum.forks += run.forks;
        sum.execs += run.execs;
        sum.exits += run.exits;
        sum.oom_victims += run.oom_victims;
        sum.periods += run.periods;
        sum.throttled_periods += run.throttled_periods;
        sum.task_stall_ns += run.task_stall_ns;
        sum.queue_stalls.add(&run.queue_stalls);
        sum.runqueue.add(&run.runqueue);
        sum.lifetime.add(&run.lifetime);
    }

    /// Adds stalls of a name; the bound on names holds for all runs together.
    pub(super) fn add_stall(&mut self, comm: String, ns: u64) {
        *sticky(&mut self.comm_stalls, comm) += ns;
    }

    /// Counts a victim.
    pub(super) fn add_victim(&mut self, comm: String) {
        *sticky(&mut self.victims, comm) += 1;
    }
}

/// The name's own counter while there is room for names, else that of the empty name.
fn sticky(names: &mut BTreeMap<String, u64>, comm: String) -> &mut u64 {
    let full = names.keys().filter(|name| !name.is_empty()).count() as u64 >= STICKY_COMMS;
    let key = if full && !names.contains_key(&comm) { String::new() } else { comm };
    names.entry(key).or_default()
}

#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) live: HashMap<u64, Live>,
    totals: HashMap<ContainerId, Totals>,
    /// Which container a cgroup was, also after its end: an event may come later than the exit that it explains.
    owners: HashMap<u64, ContainerId>,
    /// OOM kills in containers that are no more.
    pub(super) forgotten_oom_kills: u64,
}

impl Book {
    pub(super) fn enter(&mut self, cgroup_id: u64, live: Live) {
        self.totals.entry(live.container.clone()).or_default();
        self.owners.insert(cgroup_id, live.container.clone());
        self.live.insert(cgroup_id, live);
    }

    /// The sums to add an ended run to.
    pub(super) fn close(&mut self, cgroup_id: u64) -> Option<(Live, &mut Totals)> {
        let live = self.live.remove(&cgroup_id)?;
        let totals = self.totals.entry(live.container.clone()).or_default();
        Some((live, totals))
    }

    pub(super) fn totals(&self, container: &ContainerId) -> Totals {
        self.totals.get(container).cloned().unwrap_or_default()
    }

    pub(super) fn owner_totals(&mut self, cgroup_id: u64) -> Option<&mut Totals> {
        self.totals.get_mut(self.owners.get(&cgroup_id)?)
    }

    /// Drops a removed container's sums.
    pub(super) fn forget(&mut self, container: &ContainerId) {
        if let Some(totals) = self.totals.remove(container) {
            self.forgotten_oom_kills += totals.usage.oom_kills;
        }
        self.owners.retain(|cgroup_id, owner| owner != container || self.live.contains_key(cgroup_id));
    }

    /// Containers that have sums and neither run nor are among `listed`.
    pub(super) fn strangers(&self, listed: &HashSet<&ContainerId>) -> Vec<ContainerId> {
        let running: HashSet<&ContainerId> = self.live.values().map(|live| &live.container).collect();
        self.totals.keys().filter(|id| !listed.contains(id) && !running.contains(id)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_names_keep_their_counters_and_later_ones_share_one() {
        let mut totals = Totals::default();
        for index in 0..40 {
            totals.add_stall(format!("worker-{index}"), 1);
        }
        totals.add_stall("worker-3".to_owned(), 5);
        assert_eq!(totals.comm_stalls["worker-3"], 6);
        assert_eq!(totals.comm_stalls[""], 24);
        assert_eq!(totals.comm_stalls.len(), 17);
    }

    #[test]
    fn runs_add_up() {
        let mut totals = Totals::default();
        let run = Counters { forks: 3, exits: 2, ..Counters::default() };
        totals.add_counters(&run);
        totals.add_counters(&run);
        assert_eq!((totals.counters.forks, totals.counters.exits), (6, 4));
        let usage = Usage { oom_kills: 1, ..Usage::default() };
        assert_eq!(usage.plus(usage).oom_kills, 2);
    }

    #[test]
    fn a_removed_container_leaves_only_its_oom_kills() {
        let mut book = Book::default();
        let id = ContainerId::random().unwrap();
        book.totals
            .insert(id.clone(), Totals { usage: Usage { oom_kills: 2, ..Usage::default() }, ..Totals::default() });
        book.owners.insert(9, id.clone());
        assert_eq!(book.strangers(&HashSet::from([&id])), []);
        assert_eq!(book.strangers(&HashSet::new()), std::slice::from_ref(&id));
        book.forget(&id);
        assert_eq!(book.forgotten_oom_kills, 2);
        assert!(book.owner_totals(9).is_none());
    }
}
