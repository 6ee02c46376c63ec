//! How long a task that could run waited for a CPU: from its wakeup, or from being pushed off the CPU, to its next
//! switch-in.
//!
//! A task that a quota took off the CPU is not waiting for one: that is a stall. The programs that measure stalls are attached
//! first and move the beginning of the wait by the stall's length; where they cannot be had, stalls are part of the latency.

use crate::kernel::{Address, Task, add};
use crate::maps::{PROCESSES, WAITING, WAITING_TASKS, counters, handled, lost, observe};
use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use hull_ebpf_types::{Loss, Program, RUNQUEUE_BOUNDS};

/// `sched_wakeup(task)`.
#[raw_tracepoint(tracepoint = "sched_wakeup")]
pub(crate) fn runqueue_wakeup(context: RawTracePointContext) -> i32 {
    let task = Task(Address::new(context.arg(0)));
    if !task.runs() {
        let _ = begin(task);
    }
    0
}

/// `sched_wakeup_new(task)`: a task that was just forked; its fork is known already if it is a process.
#[raw_tracepoint(tracepoint = "sched_wakeup_new")]
pub(crate) fn runqueue_wakeup_new(context: RawTracePointContext) -> i32 {
    let _ = begin(Task(Address::new(context.arg(0))));
    0
}

/// `sched_switch(preempt, previous, next)`.
#[raw_tracepoint(tracepoint = "sched_switch")]
pub(crate) fn runqueue_switch(context: RawTracePointContext) -> i32 {
    let previous = Task(Address::new(context.arg(1)));
    // It was pushed off and waits from now on.
    if previous.could_run(context.arg::<u64>(0) != 0) {
        let _ = begin(previous);
    }
    // SAFETY: the entry of an array map lives as long as the map.
    if WAITING_TASKS.get_ptr(0).is_some_and(|waiting| unsafe { core::ptr::read_volatile(waiting) } != 0) {
        let _ = end(Task(Address::new(context.arg(2))));
    }
    0
}

#[inline(always)]
fn begin(task: Task) -> Option<()> {
    PROCESSES.get_ptr(task.tgid()?)?; // not of a container of ours
    let tid = task.tid()?;
    // SAFETY: bpf_ktime_get_ns has no preconditions.
    let now = unsafe { bpf_ktime_get_ns() };
    // One that waits already keeps its first moment.
    match WAITING.insert(tid, now, u64::from(BPF_NOEXIST)) {
        Ok(()) => add(WAITING_TASKS.get_ptr_mut(0)?, 1),
        Err(_) if WAITING.get_ptr(tid).is_none() => lost(Loss::Wait),
        Err(_) => {}
    }
    Some(())
}

#[inline(always)]
fn end(task: Task) -> Option<()> {
    let tid = task.tid()?;
    // SAFETY: the entry lies in a map, and only switches of this task remove it.
    let since = unsafe { *WAITING.get_ptr(tid)? };
    if WAITING.remove(tid).is_ok() {
        add(WAITING_TASKS.get_ptr_mut(0)?, u64::MAX); // minus one
    }
    let process = PROCESSES.get_ptr(task.tgid()?)?;
    // SAFETY: the entry lies in a map; the container is written before it can be found.
    let counters = counters(unsafe { (*process).container })?;
    // SAFETY: bpf_ktime_get_ns has no preconditions.
    let wait = unsafe { bpf_ktime_get_ns() }.saturating_sub(since);
    // SAFETY: the counters lie in a map's value.
    observe(unsafe { &raw mut (*counters).runqueue }, &RUNQUEUE_BOUNDS, wait);
    handled(Program::RunqueueLatency);
    Some(())
}
