//! From the kernel's BTF to the offsets that the programs ask for.

use super::btf::Btf;
use hull_ebpf_types::{ABSENT, Offsets};

/// Names that the clock of a queue's stalls had: from 6.6, from 5.19, before.
const STALL_CLOCKS: [&str; 3] = ["throttled_clock_self_time", "throttled_clock_pelt_time", "throttled_clock_task_time"];

/// Since when a queue stands still, beside each of the clocks above.
const STOPPED_AT: [&str; 3] = ["throttled_clock_self", "throttled_clock_pelt", "throttled_clock_task"];

/// Looks every member up; what this kernel lacks stays [`ABSENT`].
pub fn resolve(btf: &Btf<'_>, cpus: u32) -> Offsets {
    let of = |structure: &str, path: &str| btf.offset(structure, path).unwrap_or(ABSENT);
    let first =
        |structure: &str, paths: &[&str]| paths.iter().find_map(|path| btf.offset(structure, path)).unwrap_or(ABSENT);
    // One pointer for each CPU. A kernel that keeps the queues in per-CPU memory has a single pointer there.
    let queues = match btf.pointee("task_group", "cfs_rq") {
        Some((2, name)) if name == "cfs_rq" => of("task_group", "cfs_rq"),
        _ => ABSENT,
    };
    let victim_is_task = matches!(btf.tracepoint_argument("mark_victim", 0), Some((1, name)) if name == "task_struct");
    Offsets {
        task_pid: of("task_struct", "pid"),
        task_tgid: of("task_struct", "tgid"),
        task_real_parent: of("task_struct", "real_parent"),
        task_group_leader: of("task_struct", "group_leader"),
        task_comm: of("task_struct", "comm"),
        task_state: first("task_struct", &["__state", "state"]),
        task_start: first("task_struct", &["start_boottime", "real_start_time"]),
        task_signal: of("task_struct", "signal"),
        task_thread_pid: of("task_struct", "thread_pid"),
        task_cgroups: of("task_struct", "cgroups"),
        task_group: of("task_struct", "sched_task_group"),
        task_queue: of("task_struct", "se.cfs_rq"),
        task_throttled: of("task_struct", "throttled"),
        signal_live: of("signal_struct", "live"),
        pid_level: of("pid", "level"),
        pid_numbers: of("pid", "numbers"),
        upid_size: btf.size("upid").unwrap_or(ABSENT),
        upid_nr: of("upid", "nr"),
        upid_ns: of("upid", "ns"),
        pidns_inum: of("pid_namespace", "ns.inum"),
        css_set_cgroup: of("css_set", "dfl_cgrp"),
        cgroup_node: of("cgroup", "kn"),
        node_id: of("kernfs_node", "id"),
        group_cgroup: of("task_group", "css.cgroup"),
        group_bandwidth: of("task_group", "cfs_bandwidth"),
        group_queues: queues,
        bandwidth_period: of("cfs_bandwidth", "period"),
        bandwidth_quota: of("cfs_bandwidth", "quota"),
        bandwidth_period_timer: of("cfs_bandwidth", "period_timer"),
        bandwidth_slack_timer: of("cfs_bandwidth", "slack_timer"),
        bandwidth_stopped: of("cfs_bandwidth", "throttled_cfs_rq"),
        timer_function: of("hrtimer", "function"),
        timer_expires: of("hrtimer", "node.expires"),
        queue_stalled: first("cfs_rq", &STALL_CLOCKS),
        queue_stopped_at: first("cfs_rq", &STOPPED_AT),
        queue_rq: of("cfs_rq", "rq"),
        rq_clock: of("rq", "clock"),
        cpus,
        victim_is_task: u32::from(victim_is_task),
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

    #[test]
    fn this_kernel_is_understood() {
        let Ok(bytes) = std::fs::read("/sys/kernel/btf/vmlinux") else {
            println!("skipped: this kernel has no BTF");
            return;
        };
        let offsets = resolve(&Btf::parse(&bytes).unwrap(), 2);
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
