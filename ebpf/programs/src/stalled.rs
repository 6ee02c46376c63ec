//! What both ways of seeing a task's stall have in common: tasks wait in [`STALLED`] with what their queue's stall clock
//! showed at first, and are charged what it grew by.
//!
//! The clock bounds the stall, because the span until the task's next switch-in would count its wait for a CPU as well;
//! and the span bounds the clock's growth. The two clocks (the queue's and the monotonic one) are never subtracted from
//! each other.

use crate::kernel::{Task, add, offset};
use crate::maps::{PROCESSES, STALLED, STALLED_TASKS, WAITING, charge_comm, counters, handled, lost};
use crate::percpu;
use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::helpers::bpf_ktime_get_ns;
use hull_ebpf_types::{Loss, Program, Stalled};

/// Shorter ones are noise of the clocks.
const SHORTEST_NS: u64 = 50_000;

/// Whether any task is entered. Asked first, because it is one word that stays in the cache, and nearly always 0.
#[inline(always)]
pub(crate) fn any() -> bool {
    // SAFETY: the entry of an array map lives as long as the map.
    STALLED_TASKS.get_ptr(0).is_some_and(|stalled| unsafe { core::ptr::read_volatile(stalled) } != 0)
}

/// Enters a task, unless it is there already: then it keeps its first moment. The CPU is that of its queue.
#[inline(always)]
pub(crate) fn enter(task: Task, clock_ns: u64, cpu: u32) -> Option<()> {
    let _ = percpu::learn(task, cpu);
    let stalled = Stalled {
        // SAFETY: bpf_ktime_get_ns has no preconditions.
        since_ns: unsafe { bpf_ktime_get_ns() },
        clock_ns,
        cgroup: task.group()?.cgroup()?,
        cpu: u64::from(cpu),
    };
    let tid = task.tid()?;
    match STALLED.insert(tid, stalled, u64::from(BPF_NOEXIST)) {
        Ok(()) => add(STALLED_TASKS.get_ptr_mut(0)?, 1),
        Err(_) if STALLED.get_ptr(tid).is_none() => lost(Loss::Stall),
        Err(_) => {}
    }
    Some(())
}

/// Takes a task out, with what was known of it.
#[inline(always)]
pub(crate) fn leave(task: Task) -> Option<Stalled> {
    let tid = task.tid()?;
    let entry = STALLED.get_ptr(tid)?;
    // SAFETY: the entry lies in a map; it is written before it can be found, and only this task's events touch it.
    let stalled = unsafe { *entry };
    if STALLED.remove(tid).is_ok() {
        add(STALLED_TASKS.get_ptr_mut(0)?, u64::MAX); // minus one
    }
    Some(stalled)
}

/// Ends a task's stall, by what its queue's clock shows now.
#[inline(always)]
pub(crate) fn settle(task: Task, stalled: &Stalled, clock_ns: u64) -> Option<()> {
    // SAFETY: bpf_ktime_get_ns has no preconditions.
    let span = unsafe { bpf_ktime_get_ns() }.saturating_sub(stalled.since_ns);
    let stopped = clock_ns.saturating_sub(stalled.clock_ns);
    let stall = if stopped < span { stopped } else { span };
    // For the rest of the time it waited for a CPU.
    if let Some(since) = WAITING.get_ptr_mut(task.tid()?) {
        // SAFETY: the entry lies in a map, and only this task's events change it.
        unsafe { core::ptr::write_volatile(since, core::ptr::read_volatile(since) + stall) };
    }
    charge(task, stall)
}

/// Charges a stall to the process, the container, and the name.
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
