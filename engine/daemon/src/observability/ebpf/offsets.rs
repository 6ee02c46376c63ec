//! From the kernel's BTF to the offsets that the programs ask for.

use super::btf::{Btf, BtfError, Source};
use hull_ebpf_types::{ABSENT, Offsets};

/// A field of [`Offsets`].
type Place = fn(&mut Offsets) -> &mut u32;

macro_rules! members {
    ($($place:ident: $structure:literal [$($path:literal),+];)*) => {
        /// Each offset with the structure and the member's path, or its paths in newer and older kernels.
        const MEMBERS: &[(Place, &str, &[&str])] =
            &[$((|offsets| &mut offsets.$place, $structure, &[$($path),+])),*];
    };
}

members! {
    task_pid: "task_struct" ["pid"];
    task_tgid: "task_struct" ["tgid"];
    task_real_parent: "task_struct" ["real_parent"];
    task_group_leader: "task_struct" ["group_leader"];
    task_comm: "task_struct" ["comm"];
    task_state: "task_struct" ["__state", "state"];
    task_start: "task_struct" ["start_boottime", "real_start_time"];
    task_signal: "task_struct" ["signal"];
    task_thread_pid: "task_struct" ["thread_pid"];
    task_cgroups: "task_struct" ["cgroups"];
    task_group: "task_struct" ["sched_task_group"];
    task_queue: "task_struct" ["se.cfs_rq"];
    task_throttled: "task_struct" ["throttled"];
    task_on_cpu: "task_struct" ["on_cpu"];
    signal_live: "signal_struct" ["live"];
    pid_level: "pid" ["level"];
    pid_numbers: "pid" ["numbers"];
    upid_nr: "upid" ["nr"];
    upid_ns: "upid" ["ns"];
    pidns_inum: "pid_namespace" ["ns.inum"];
    css_set_cgroup: "css_set" ["dfl_cgrp"];
    cgroup_node: "cgroup" ["kn"];
    node_id: "kernfs_node" ["id"];
    group_cgroup: "task_group" ["css.cgroup"];
    group_bandwidth: "task_group" ["cfs_bandwidth"];
    group_queues: "task_group" ["cfs_rq"];
    group_queues_percpu: "task_group" ["cfs_rq"];
    group_parent: "task_group" ["parent"];
    bandwidth_period: "cfs_bandwidth" ["period"];
    bandwidth_quota: "cfs_bandwidth" ["quota"];
    bandwidth_period_timer: "cfs_bandwidth" ["period_timer"];
    bandwidth_slack_timer: "cfs_bandwidth" ["slack_timer"];
    bandwidth_stopped: "cfs_bandwidth" ["throttled_cfs_rq"];
    timer_function: "hrtimer" ["function"];
    timer_expires: "hrtimer" ["node.expires"];
    queue_throttle_count: "cfs_rq" ["throttle_count"];
    queue_limited: "cfs_rq" ["runtime_enabled"];
    queue_group: "cfs_rq" ["tg"];
    queue_rq: "cfs_rq" ["rq"];
    rq_cpu: "rq" ["cpu"];
}

/// The clock of a queue's stalls: completed ones, the beginning of the last one, and the clock of the CPU that both are
/// taken from, with what has to be subtracted from it.
struct StallClock {
    completed: &'static str,
    began: &'static str,
    clock: &'static str,
    lost_idle: Option<&'static str>,
}

/// It had three names: from 6.6 (where the second lives on beside it for another purpose), from 5.19, before. The first one
/// that is there is taken.
const STALL_CLOCKS: [StallClock; 3] = [
    StallClock {
        completed: "throttled_clock_self_time",
        began: "throttled_clock_self",
        clock: "clock",
        lost_idle: None,
    },
    StallClock {
        completed: "throttled_clock_pelt_time",
        began: "throttled_clock_pelt",
        clock: "clock_pelt",
        lost_idle: Some("lost_idle_time"),
    },
    StallClock {
        completed: "throttled_clock_task_time",
        began: "throttled_clock_task",
        clock: "clock_task",
        lost_idle: None,
    },
];

impl StallClock {
    /// Names to look for in BTF.
    fn names(&self) -> impl Iterator<Item = &str> {
        [self.completed, self.began, self.clock].into_iter().chain(self.lost_idle)
    }
}

/// The tracepoint whose first argument was a PID before 6.8 and is a task from then on.
const MARK_VICTIM: &str = "btf_trace_mark_victim";

/// Looks every member up; what this kernel lacks stays [`ABSENT`].
///
/// # Errors
/// When the source is not BTF as this version knows it.
pub fn resolve(source: &impl Source, cpus: u32) -> Result<Offsets, BtfError> {
    let members = MEMBERS
        .iter()
        .flat_map(|(_, structure, paths)| paths.iter().flat_map(|path| path.split('.')).chain([*structure]));
    let clocks = STALL_CLOCKS.iter().flat_map(StallClock::names);
    let btf = Btf::read(source, members.chain(clocks).chain(["upid", MARK_VICTIM]))?;
    let mut offsets = Offsets { cpus, ..Offsets::UNKNOWN };
    for (place, structure, paths) in MEMBERS {
        *place(&mut offsets) = paths.iter().find_map(|path| btf.offset(structure, path)).unwrap_or(ABSENT);
    }
    stall_clock(&mut offsets, |structure, member| btf.offset(structure, member));
    offsets.upid_size = btf.size("upid").unwrap_or(ABSENT);
    // One pointer for each CPU, or (seen in 7.3) a single one, into per-CPU memory.
    if !btf.points_to("task_group", "cfs_rq", 2, "cfs_rq") {
        offsets.group_queues = ABSENT;
    }
    if !btf.points_to("task_group", "cfs_rq", 1, "cfs_rq") {
        offsets.group_queues_percpu = ABSENT;
    }
    offsets.victim_is_task = u32::from(btf.argument_points_to(MARK_VICTIM, 0, 1, "task_struct"));
    Ok(offsets)
}

/// All of one clock or nothing: parts of two would be wrong numbers.
fn stall_clock(offsets: &mut Offsets, offset: impl Fn(&str, &str) -> Option<u32>) {
    let found = STALL_CLOCKS.iter().find_map(|it| {
        let places = [offset("cfs_rq", it.completed)?, offset("cfs_rq", it.began)?, offset("rq", it.clock)?];
        let lost_idle = it.lost_idle.map_or(Some(ABSENT), |member| offset("rq", member))?;
        Some((places, lost_idle))
    });
    if let Some(([completed, began, clock], lost_idle)) = found {
        offsets.queue_stalled = completed;
        offsets.queue_stopped_at = began;
        offsets.rq_stall_clock = clock;
        offsets.rq_lost_idle = lost_idle;
    }
}

/// How many CPUs the kernel may bring up, from the text of `/sys/devices/system/cpu/possible`: `0-3,8`.
pub fn possible_cpus(text: &str) -> Option<u32> {
    let last = text.trim().rsplit([',', '-']).next()?;
    last.parse::<u32>().ok()?.checked_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_cpus_is_one_more_than_the_last() {
        for (text, expected) in [("0\n", 1), ("0-3\n", 4), ("0-3,8-15\n", 16), ("0,2\n", 3)] {
            assert_eq!(possible_cpus(text), Some(expected), "{text}");
        }
        assert_eq!(possible_cpus(""), None);
    }

    /// What [`stall_clock`] makes of a kernel with these members, the first of which lies at 1.
    fn clock_of(members: &[&str]) -> [u32; 4] {
        let mut offsets = Offsets::UNKNOWN;
        stall_clock(&mut offsets, |structure, member| {
            let place = members.iter().position(|it| *it == format!("{structure}.{member}"))?;
            Some(place as u32 + 1)
        });
        [offsets.queue_stalled, offsets.queue_stopped_at, offsets.rq_stall_clock, offsets.rq_lost_idle]
    }

    #[test]
    fn each_kernels_stall_clock_goes_with_the_clock_that_it_was_taken_from() {
        let old = ["cfs_rq.throttled_clock_task", "cfs_rq.throttled_clock_task_time", "rq.clock", "rq.clock_task"];
        assert_eq!(clock_of(&old), [2, 1, 4, ABSENT]);
        let pelt = ["cfs_rq.throttled_clock_pelt", "cfs_rq.throttled_clock_pelt_time", "rq.clock", "rq.clock_pelt"];
        assert_eq!(clock_of(&pelt), [ABSENT; 4], "without the idle time that clock_pelt has lost it means nothing");
        let pelt = [&pelt[..], &["rq.lost_idle_time"]].concat();
        assert_eq!(clock_of(&pelt), [2, 1, 4, 5]);
        let own = [&pelt[..], &["cfs_rq.throttled_clock_self", "cfs_rq.throttled_clock_self_time"]].concat();
        assert_eq!(clock_of(&own), [7, 6, 3, ABSENT]);
        assert_eq!(clock_of(&["cfs_rq.throttled_clock", "rq.clock"]), [ABSENT; 4]);
    }

    #[test]
    fn this_kernel_is_understood() {
        let Ok(vmlinux) = std::fs::File::open("/sys/kernel/btf/vmlinux") else {
            println!("skipped: this kernel has no BTF");
            return;
        };
        let offsets = resolve(&vmlinux, 2).unwrap();
        for (name, offset) in [
            ("task_struct.tgid", offsets.task_tgid),
            ("task_struct.thread_pid", offsets.task_thread_pid),
            ("css_set.dfl_cgrp", offsets.css_set_cgroup),
            ("kernfs_node.id", offsets.node_id),
            ("pid_namespace.ns.inum", offsets.pidns_inum),
        ] {
            assert_ne!(offset, ABSENT, "{name}");
        }
        assert_eq!(offsets.task_tgid, offsets.task_pid + 4);
    }
}
