//! Stalls of tasks: a task kept off the CPU because of its group's quota, in task-seconds.
//!
//! From 6.18 on the kernel takes single tasks off the queue and marks them. The span until such a task's next switch-in
//! would count its wait for a CPU as well, so the queue's own stall clock bounds it: what the clock grew by, less what of
//! the current stall was over before this task was switched out. The two clocks (the queue's and the monotonic one) are
//! never subtracted from each other.

use crate::kernel::{Address, Group, Task, add, offset};
use crate::maps::{PROCESSES, STALLED, STALLED_TASKS, charge_comm, counters, handled, lost};
use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::helpers::{bpf_get_smp_processor_id, bpf_ktime_get_ns};
use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use hull_ebpf_types::{Loss, Program, Stalled};

/// Shorter ones are noise of the clocks.
const SHORTEST_NS: u64 = 50_000;

/// `sched_switch(preempt, previous, next)`.
#[raw_tracepoint(tracepoint = "sched_switch")]
pub(crate) fn task_stalls(context: RawTracePointContext) -> i32 {
    let previous = Task(Address::new(context.arg(1)));
    if previous.0.read::<u8>(offset!(task_throttled)).is_some_and(|throttled| throttled != 0) {
        let _ = begin(previous);
    }
    // Asked first, because it is one word that stays in the cache, and nearly always 0.
    // SAFETY: the entry of an array map lives as long as the map.
    if STALLED_TASKS.get_ptr(0).is_some_and(|stalled| unsafe { core::ptr::read_volatile(stalled) } != 0) {
        let next = Task(Address::new(context.arg(2)));
        let _ = end(next);
    }
    0
}

#[inline(always)]
fn begin(task: Task) -> Option<()> {
    PROCESSES.get_ptr(task.tgid()?)?; // not of a container of ours
    let queue = task.0.follow(offset!(task_queue))?;
    let stalled = Stalled {
        // SAFETY: bpf_ktime_get_ns has no preconditions.
        since_ns: unsafe { bpf_ktime_get_ns() },
        clock_ns: stall_clock(queue)?,
        cgroup: task.group()?.cgroup()?,
        // SAFETY: bpf_get_smp_processor_id has no preconditions.
        cpu: u64::from(unsafe { bpf_get_smp_processor_id() }),
    };
    // A task that is already there has been switched out without ever having been in: keep its first moment.
    match STALLED.insert(task.tid()?, stalled, u64::from(BPF_NOEXIST)) {
        Ok(()) => add(STALLED_TASKS.get_ptr_mut(0)?, 1),
        Err(_) if STALLED.get_ptr(task.tid()?).is_none() => lost(Loss::Stall),
        Err(_) => {}
    }
    Some(())
}

/// Completed stalls of the queue, and what of the current one is over.
#[inline(always)]
fn stall_clock(queue: Address) -> Option<u64> {
    let completed: u64 = queue.read(offset!(queue_stalled))?;
    let stopped_at: u64 = queue.read(offset!(queue_stopped_at))?;
    if stopped_at == 0 {
        return Some(completed);
    }
    let now: u64 = queue.follow(offset!(queue_rq))?.read(offset!(rq_clock))?;
    Some(completed + now.saturating_sub(stopped_at))
}

#[inline(always)]
fn end(task: Task) -> Option<()> {
    let tid = task.tid()?;
    let entry = STALLED.get_ptr(tid)?;
    // SAFETY: the entry lies in a map; it is written before it can be found, and only this task's switches touch it.
    let stalled = unsafe { *entry };
    let _ = STALLED.remove(tid);
    add(STALLED_TASKS.get_ptr_mut(0)?, u64::MAX); // minus one
    let group = task.group()?;
    if group.cgroup()? != stalled.cgroup {
        return None; // moved to another group meanwhile: its queue may be gone
    }
    // SAFETY: bpf_ktime_get_ns has no preconditions.
    let span = unsafe { bpf_ktime_get_ns() }.saturating_sub(stalled.since_ns);
    let stopped = grown(group, &stalled)?;
    charge(task, if stopped < span { stopped } else { span })
}

/// How much the clock of the queue has grown since, which may be another CPU's by now.
#[inline(always)]
fn grown(group: Group, stalled: &Stalled) -> Option<u64> {
    let completed: u64 = group.queue(stalled.cpu as usize)?.read(offset!(queue_stalled))?;
    Some(completed.saturating_sub(stalled.clock_ns))
}

#[inline(always)]
fn charge(task: Task, stall: u64) -> Option<()> {
    if stall < SHORTEST_NS {
        return None;
    }
    let process = PROCESSES.get_ptr_mut(task.tgid()?)?;
    // SAFETY: the entry lies in a map; the container is written before it can be found.
    let container = unsafe {
        add(&raw mut (*process).stalled_ns, stall);
        (*process).container
    };
    let counters = counters(container)?;
    // SAFETY: the counters lie in a map's value.
    add(unsafe { &raw mut (*counters).task_stall_ns }, stall);
    // The process's name, not the thread's: a pool of numbered threads would take all the places.
    let comm = Task(task.0.follow(offset!(task_group_leader))?).comm()?;
    charge_comm(container, counters, comm, stall);
    handled(Program::TaskStalls);
    Some(())
}
