//! Where the members of the kernel's structures lie, read from its BTF before the programs are loaded: Rust emits no
//! relocations that the loader could apply.

/// A member that this kernel does not have. Programs that need one of those are not loaded.
pub const ABSENT: u32 = u32::MAX;

macro_rules! offsets {
    ($($(#[$note:meta])* $name:ident),* $(,)?) => {
        /// Byte offsets of members, [`ABSENT`] where there is none.
        #[repr(C)]
        #[derive(Clone, Copy, Debug)]
        pub struct Offsets {
            $($(#[$note])* pub $name: u32,)*
        }

        impl Offsets {
            /// Nothing known yet.
            pub const UNKNOWN: Self = Self { $($name: ABSENT,)* };
        }

        const _: () = assert!(size_of::<Offsets>() == 4 * [$(stringify!($name)),*].len());
    };
}

offsets! {
    /// `task_struct.pid`: a thread's id.
    task_pid,
    /// `task_struct.tgid`: what user space calls the PID.
    task_tgid,
    /// `task_struct.real_parent`.
    task_real_parent,
    /// `task_struct.group_leader`.
    task_group_leader,
    /// `task_struct.comm`.
    task_comm,
    /// `task_struct.__state`, `state` before 5.14.
    task_state,
    /// `task_struct.start_boottime`.
    task_start,
    /// `task_struct.signal`.
    task_signal,
    /// `task_struct.thread_pid`.
    task_thread_pid,
    /// `task_struct.cgroups`.
    task_cgroups,
    /// `task_struct.sched_task_group`.
    task_group,
    /// `task_struct.se.cfs_rq`.
    task_queue,
    /// `task_struct.throttled`, from 6.18.
    task_throttled,
    /// `task_struct.on_cpu`: it runs at this moment. Its lowest byte: it was an `int` and became a `u8`.
    task_on_cpu,
    /// `signal_struct.live`: threads that are not exiting yet.
    signal_live,
    /// `pid.level`.
    pid_level,
    /// `pid.numbers`.
    pid_numbers,
    /// Size of `struct upid`.
    upid_size,
    /// `upid.nr`.
    upid_nr,
    /// `upid.ns`.
    upid_ns,
    /// `pid_namespace.ns.inum`.
    pidns_inum,
    /// `css_set.dfl_cgrp`: the cgroup2 directory.
    css_set_cgroup,
    /// `cgroup.kn`.
    cgroup_node,
    /// `kernfs_node.id`: the inode.
    node_id,
    /// `task_group.css.cgroup`.
    group_cgroup,
    /// `task_group.cfs_bandwidth`.
    group_bandwidth,
    /// `task_group.cfs_rq` where it is an array of pointers, one for each CPU.
    group_queues,
    /// `task_group.cfs_rq` where it points into per-CPU memory.
    group_queues_percpu,
    /// `task_group.parent`.
    group_parent,
    /// `cfs_bandwidth.period`.
    bandwidth_period,
    /// `cfs_bandwidth.quota`.
    bandwidth_quota,
    /// `cfs_bandwidth.period_timer`.
    bandwidth_period_timer,
    /// `cfs_bandwidth.slack_timer`.
    bandwidth_slack_timer,
    /// `cfs_bandwidth.throttled_cfs_rq`: the list of stopped queues.
    bandwidth_stopped,
    /// `hrtimer.function`.
    timer_function,
    /// `hrtimer.node.expires`.
    timer_expires,
    /// `cfs_rq.throttled_clock_self_time`: completed stalls of the queue, by whatever name this kernel has for it.
    queue_stalled,
    /// `cfs_rq.throttled_clock_self`: since when it stands still; before 6.6 also while it does not.
    queue_stopped_at,
    /// `cfs_rq.throttle_count`: of how many groups, its own and those around it, the quota is used up.
    queue_throttle_count,
    /// `cfs_rq.runtime_enabled`: its own group has a quota.
    queue_limited,
    /// `cfs_rq.tg`.
    queue_group,
    /// `cfs_rq.rq`.
    queue_rq,
    /// `rq.cpu`.
    rq_cpu,
    /// The member of `rq` by which `queue_stopped_at` was taken: `clock`, `clock_pelt` or `clock_task`.
    rq_stall_clock,
    /// `rq.lost_idle_time` where that clock is `clock_pelt`, which it has to be subtracted from; else [`ABSENT`].
    rq_lost_idle,
    /// How many CPUs the kernel may bring up; not an offset.
    cpus,
    /// 1 if `mark_victim` gives a task, 0 if it gives a PID; not an offset.
    victim_is_task,
}
