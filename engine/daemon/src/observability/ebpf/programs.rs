//! The programs: what each needs, where it is attached, and what stands in for it.

use hull_ebpf_types::{Offsets, Program};

/// A program of the metrics.
pub(super) struct Description {
    /// Which.
    pub(super) program: Program,
    /// From the best on; the first one that this kernel allows is taken.
    pub(super) ways: &'static [Way],
    /// Does the work if none of them can.
    pub(super) fallback: &'static str,
}

/// One way of doing a program's work.
pub(super) struct Way {
    /// For people.
    pub(super) name: &'static str,
    /// Functions of the object and the tracepoints that they go to; all of them or none.
    pub(super) functions: &'static [(&'static str, &'static str)],
    /// Offsets without which it is wrong.
    pub(super) needs: fn(&Offsets) -> Vec<(&'static str, u32)>,
}

/// The name of the ways that need no other beside them.
pub(super) const RAW_TP: &str = "raw_tp";

macro_rules! members {
    // Of two with a bar between them either will do.
    ($($name:ident $(| $other:ident)?),*) => {
        |offsets: &Offsets| vec![$((stringify!($name), offsets.$name$(.min(offsets.$other))?)),*]
    };
}

/// In the order of loading: ends before beginnings, or a process that lives between the two would stay for ever; and stalls
/// of tasks before the latency, from which they are taken.
pub(super) const PROGRAMS: [Description; 7] = [
    Description {
        program: Program::ProcessExit,
        ways: &[Way {
            name: RAW_TP,
            functions: &[("process_exit", "sched_process_exit")],
            needs: members!(task_pid, task_tgid, task_signal, signal_live),
        }],
        fallback: "cgroup_procs",
    },
    Description {
        program: Program::ProcessExec,
        ways: &[Way {
            name: RAW_TP,
            functions: &[("process_exec", "sched_process_exec")],
            needs: members!(task_tgid, task_comm, task_cgroups, css_set_cgroup, cgroup_node, node_id),
        }],
        fallback: "cgroup_procs",
    },
    Description {
        program: Program::ProcessFork,
        ways: &[Way {
            name: RAW_TP,
            functions: &[("process_fork", "sched_process_fork")],
            needs: members!(
                task_pid,
                task_tgid,
                task_comm,
                task_start,
                task_real_parent,
                task_cgroups,
                css_set_cgroup,
                cgroup_node,
                node_id,
                task_thread_pid,
                pid_level,
                pid_numbers,
                upid_size,
                upid_nr,
                upid_ns,
                pidns_inum
            ),
        }],
        fallback: "cgroup_procs",
    },
    Description {
        program: Program::QueueStalls,
        ways: &[
            Way {
                name: RAW_TP,
                functions: &[("find_timers", "sched_process_fork"), ("queue_stalls", "hrtimer_expire_entry")],
                needs: members!(
                    task_group,
                    group_bandwidth,
                    group_cgroup,
                    group_queues,
                    cgroup_node,
                    node_id,
                    bandwidth_period,
                    bandwidth_quota,
                    bandwidth_period_timer,
                    bandwidth_slack_timer,
                    bandwidth_stopped,
                    timer_function,
                    queue_stalled
                ),
            },
            Way {
                name: "raw_tp_percpu",
                functions: &[
                    ("find_distances", "sched_switch"),
                    ("find_timers", "sched_process_fork"),
                    ("queue_stalls", "hrtimer_expire_entry"),
                ],
                needs: members!(
                    task_group,
                    group_bandwidth,
                    group_cgroup,
                    group_queues_percpu,
                    group_parent,
                    task_queue,
                    queue_group,
                    queue_rq,
                    rq_cpu,
                    cgroup_node,
                    node_id,
                    bandwidth_period,
                    bandwidth_quota,
                    bandwidth_period_timer,
                    bandwidth_slack_timer,
                    bandwidth_stopped,
                    timer_function,
                    queue_stalled
                ),
            },
        ],
        fallback: "none",
    },
    Description {
        program: Program::TaskStalls,
        ways: &[
            Way {
                name: RAW_TP,
                functions: &[("task_stalls", "sched_switch")],
                needs: members!(
                    task_pid,
                    task_tgid,
                    task_comm,
                    task_group_leader,
                    task_throttled,
                    task_queue,
                    task_group,
                    group_cgroup,
                    group_queues | group_queues_percpu,
                    group_parent,
                    queue_group,
                    cgroup_node,
                    node_id,
                    queue_stalled,
                    queue_stopped_at,
                    queue_throttle_count,
                    queue_rq,
                    rq_cpu,
                    rq_stall_clock
                ),
            },
            Way {
                name: "raw_tp_snapshots",
                functions: &[
                    ("snapshot_switch", "sched_switch"),
                    ("snapshot_wakeup", "sched_wakeup"),
                    ("snapshot_wakeup_new", "sched_wakeup_new"),
                    ("snapshot_migrate", "sched_migrate_task"),
                ],
                needs: members!(
                    task_pid,
                    task_tgid,
                    task_comm,
                    task_group_leader,
                    task_state,
                    task_on_cpu,
                    task_queue,
                    task_group,
                    group_cgroup,
                    group_queues | group_queues_percpu,
                    group_parent,
                    queue_group,
                    cgroup_node,
                    node_id,
                    queue_stalled,
                    queue_stopped_at,
                    queue_throttle_count,
                    queue_limited,
                    queue_rq,
                    rq_cpu,
                    rq_stall_clock
                ),
            },
        ],
        fallback: "none",
    },
    Description {
        program: Program::RunqueueLatency,
        ways: &[Way {
            name: RAW_TP,
            functions: &[
                ("runqueue_wakeup", "sched_wakeup"),
                ("runqueue_wakeup_new", "sched_wakeup_new"),
                ("runqueue_switch", "sched_switch"),
            ],
            needs: members!(task_pid, task_tgid, task_state),
        }],
        fallback: "none",
    },
    Description {
        program: Program::OomVictims,
        ways: &[Way {
            name: RAW_TP,
            functions: &[("oom_victims", "mark_victim")],
            needs: members!(task_tgid, task_comm, task_cgroups, css_set_cgroup, cgroup_node, node_id),
        }],
        fallback: "memory_events",
    },
];

#[cfg(test)]
mod tests {
    use super::super::offsets;
    use super::*;
    use hull_ebpf_types::ABSENT;
    use std::fs::File;

    #[test]
    fn an_unknown_kernel_keeps_its_programs_off() {
        for way in PROGRAMS.iter().flat_map(|description| description.ways) {
            let needs = (way.needs)(&Offsets::UNKNOWN);
            assert!(needs.iter().any(|(_, offset)| *offset == ABSENT), "{:?}", way.functions);
        }
    }

    #[test]
    fn a_kernel_that_marks_no_stalled_task_lacks_nothing_of_the_second_way() {
        let stalls = PROGRAMS.iter().find(|description| description.program == Program::TaskStalls).unwrap();
        let [marks, snapshots] = stalls.ways else { panic!("two ways") };
        let Ok(vmlinux) = File::open("/sys/kernel/btf/vmlinux") else { return println!("skipped: no BTF") };
        let here = offsets::resolve(&vmlinux, 2).unwrap();
        let older = Offsets { task_throttled: ABSENT, ..here };
        let lacks = |way: &Way| (way.needs)(&older).into_iter().find(|(_, offset)| *offset == ABSENT);
        assert_eq!(lacks(marks).map(|(name, _)| name), Some("task_throttled"));
        assert_eq!(lacks(snapshots), None);
    }

    #[test]
    fn queues_are_in_an_array_or_in_per_cpu_memory() {
        let ways = |program| PROGRAMS.iter().find(|description| description.program == program).unwrap().ways;
        let names = |program, lacking: &Offsets| -> Vec<&str> {
            let complete = |way: &&Way| !(way.needs)(lacking).iter().any(|(_, offset)| *offset == ABSENT);
            ways(program).iter().filter(complete).map(|way| way.name).collect()
        };
        let Ok(vmlinux) = File::open("/sys/kernel/btf/vmlinux") else { return println!("skipped: no BTF") };
        let here = offsets::resolve(&vmlinux, 2).unwrap();
        let array = Offsets { group_queues: 8, group_queues_percpu: ABSENT, ..here };
        let percpu = Offsets { group_queues: ABSENT, group_queues_percpu: 8, ..here };
        let neither = Offsets { group_queues: ABSENT, group_queues_percpu: ABSENT, ..here };
        assert_eq!(names(Program::QueueStalls, &array), [RAW_TP]);
        assert_eq!(names(Program::QueueStalls, &percpu), ["raw_tp_percpu"]);
        assert_eq!(names(Program::TaskStalls, &array), names(Program::TaskStalls, &percpu));
        for program in [Program::QueueStalls, Program::TaskStalls] {
            assert!(!names(program, &array).is_empty() && names(program, &neither).is_empty());
        }
    }
}
