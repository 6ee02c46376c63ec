//! A process is born: it belongs to the container whose cgroup it is born in, else to its parent's.
//!
//! The first rule finds a container's init and its execs, which the shim clones into the cgroup; the second follows
//! processes into nested cgroups, which a container with its own cgroup namespace may make.

use crate::kernel::{Address, Task, add, offset};
use crate::maps::{CONTAINERS, PROCESSES, TIMERS, counters, handled, lost};
use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use hull_ebpf_types::{COMM, LEVELS, Loss, Process, Program};

/// `sched_process_fork(parent, child)`: the child is complete but has not run.
#[raw_tracepoint(tracepoint = "sched_process_fork")]
pub(crate) fn process_fork(context: RawTracePointContext) -> i32 {
    let child = Task(Address::new(context.arg(1)));
    let _ = fork(child);
    0
}

#[inline(always)]
fn fork(child: Task) -> Option<()> {
    let tgid = child.tgid()?;
    if child.tid()? != tgid {
        return None; // a thread
    }
    // The caller of fork, not real_parent: CLONE_PARENT makes that one somebody else.
    let forker = (bpf_get_current_pid_tgid() >> 32) as u32;
    let own = child.cgroup().filter(|id| CONTAINERS.get_ptr(*id).is_some());
    // SAFETY: only the word of a container is read, and it is written once, before the entry can be found.
    let inherited = PROCESSES.get_ptr(forker).map(|parent| unsafe { (*parent).container });
    let Some(container) = own.or(inherited) else {
        // The kernel gives a dead process's number to a stranger: forget what a lost exit has left.
        let _ = PROCESSES.remove(tgid);
        return None;
    };
    record(child, tgid, container)?;
    // The shim's clones of an init or an exec are not the container's forks.
    if inherited == Some(container)
        && let Some(counters) = counters(container)
    {
        // SAFETY: the counters lie in a map's value.
        add(unsafe { &raw mut (*counters).forks }, 1);
    }
    handled(Program::ProcessFork);
    Some(())
}

/// Enters a process into the map.
#[inline(always)]
pub(crate) fn record(task: Task, tgid: u32, container: u64) -> Option<()> {
    let pid = task.0.follow(offset!(task_thread_pid))?;
    let level: u32 = pid.read(offset!(pid_level))?;
    let numbers = pid.plus(offset!(pid_numbers));
    let mut process = Process {
        container,
        start_ns: task.0.read(offset!(task_start))?,
        stalled_ns: 0,
        pidns: 0,
        ppid: task.0.follow(offset!(task_real_parent)).and_then(|parent| Task(parent).tgid()).unwrap_or(0),
        level,
        reserved: 0,
        ns_pids: [0; LEVELS],
        comm: task.comm().unwrap_or([0; COMM]),
    };
    for (depth, ns_pid) in process.ns_pids.iter_mut().enumerate() {
        if depth as u32 <= level {
            *ns_pid = numbers.plus(depth * offset!(upid_size)).read(offset!(upid_nr))?;
        }
    }
    let innermost = numbers.plus(level as usize * offset!(upid_size)).follow(offset!(upid_ns))?;
    process.pidns = innermost.read(offset!(pidns_inum))?;
    if PROCESSES.insert(tgid, process, 0).is_err() {
        lost(Loss::Process);
    }
    Some(())
}

/// Finds the kernel's timer functions of CPU bandwidth: every group's timers have them, a quota or not. By a fork, since
/// the first fork of a container comes before its first period, and `/proc/kallsyms` hides addresses on many hosts.
#[raw_tracepoint(tracepoint = "sched_process_fork")]
pub(crate) fn find_timers(context: RawTracePointContext) -> i32 {
    let parent = Task(Address::new(context.arg(0)));
    let _ = timers(parent);
    0
}

#[inline(always)]
fn timers(task: Task) -> Option<()> {
    let known = TIMERS.get_ptr_mut(0)?;
    // SAFETY: the entry of an array map lives as long as the map.
    if unsafe { core::ptr::read_volatile(&raw const (*known).period) } != 0 {
        return None;
    }
    let bandwidth = task.group()?.0.plus(offset!(group_bandwidth));
    let slack = bandwidth.plus(offset!(bandwidth_slack_timer)).read(offset!(timer_function))?;
    let period = bandwidth.plus(offset!(bandwidth_period_timer)).read(offset!(timer_function))?;
    // SAFETY: as above. The period's address, which others ask for, is written last.
    unsafe {
        core::ptr::write_volatile(&raw mut (*known).slack, slack);
        core::ptr::write_volatile(&raw mut (*known).period, period);
    }
    Some(())
}
