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

// The clock of a queue's stalls had three names: from 6.6, from 5.19, before.
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
    bandwidth_period: "cfs_bandwidth" ["period"];
    bandwidth_quota: "cfs_bandwidth" ["quota"];
    bandwidth_period_timer: "cfs_bandwidth" ["period_timer"];
    bandwidth_slack_timer: "cfs_bandwidth" ["slack_timer"];
    bandwidth_stopped: "cfs_bandwidth" ["throttled_cfs_rq"];
    timer_function: "hrtimer" ["function"];
    timer_expires: "hrtimer" ["node.expires"];
    queue_stalled: "cfs_rq" ["throttled_clock_self_time", "throttled_clock_pelt_time", "throttled_clock_task_time"];
    queue_stopped_at: "cfs_rq" ["throttled_clock_self", "throttled_clock_pelt", "throttled_clock_task"];
    queue_rq: "cfs_rq" ["rq"];
    rq_clock: "rq" ["clock"];
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
    let btf = Btf::read(source, members.chain(["upid", MARK_VICTIM]))?;
    let mut offsets = Offsets { cpus, ..Offsets::UNKNOWN };
    for (place, structure, paths) in MEMBERS {
        *place(&mut offsets) = paths.iter().find_map(|path| btf.offset(structure, path)).unwrap_or(ABSENT);
    }
    offsets.upid_size = btf.size("upid").unwrap_or(ABSENT);
    // One pointer for each CPU. A kernel that keeps the queues in per-CPU memory has a single pointer there.
    if !btf.points_to("task_group", "cfs_rq", 2, "cfs_rq") {
        offsets.group_queues = ABSENT;
    }
    offsets.victim_is_task = u32::from(btf.argument_points_to(MARK_VICTIM, 0, 1, "task_struct"));
    Ok(offsets)
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
