//! Stalls of tasks on kernels before 6.18, which stop a whole queue and mark no task.
//!
//! A task that could run and does not stands still while its queue does. So the queue's stall clock is noted when such a
//! time begins (the task is pushed off its CPU, or wakes up, or is new), and when it ends its growth is the stall; a task
//! that is moved to another CPU begins anew on the queue there. Only tasks of limited groups are looked at:
//!
//! ```text
//!  sched_switch, previous could run --+
//!  sched_wakeup, sched_wakeup_new ----+--> STALLED --+-- sched_switch, next --> charged
//!                                            ^       |
//!                                            +-------+-- sched_migrate_task --> charged
//! ```

use crate::kernel::{Address, Queue, Task};
use crate::maps::{PROCESSES, WAITING};
use crate::stalled::{any, charge, enter, leave, length};
use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;

/// `sched_switch(preempt, previous, next)`.
#[raw_tracepoint(tracepoint = "sched_switch")]
pub(crate) fn snapshot_switch(context: RawTracePointContext) -> i32 {
    if any() {
        let _ = settle(Task(Address::new(context.arg(2))));
    }
    let previous = Task(Address::new(context.arg(1)));
    if previous.could_run(context.arg::<u64>(0) != 0) {
        let _ = begin(previous);
    }
    0
}

/// `sched_wakeup(task)`.
#[raw_tracepoint(tracepoint = "sched_wakeup")]
pub(crate) fn snapshot_wakeup(context: RawTracePointContext) -> i32 {
    let task = Task(Address::new(context.arg(0)));
    if !task.runs() {
        let _ = begin(task);
    }
    0
}

/// `sched_wakeup_new(task)`.
#[raw_tracepoint(tracepoint = "sched_wakeup_new")]
pub(crate) fn snapshot_wakeup_new(context: RawTracePointContext) -> i32 {
    let _ = begin(Task(Address::new(context.arg(0))));
    0
}

/// `sched_migrate_task(task, cpu)`: it still is in its old queue.
#[raw_tracepoint(tracepoint = "sched_migrate_task")]
pub(crate) fn snapshot_migrate(context: RawTracePointContext) -> i32 {
    if any() {
        let task = Task(Address::new(context.arg(0)));
        if settle(task).is_some() {
            let _ = move_to(task, context.arg::<u64>(1) as u32);
        }
    }
    0
}

#[inline(always)]
fn begin(task: Task) -> Option<()> {
    let queue = task.queue()?;
    if !queue.is_limited() {
        return None;
    }
    note(task, queue, queue.cpu()?)
}

#[inline(always)]
fn move_to(task: Task, cpu: u32) -> Option<()> {
    note(task, task.group()?.queue(cpu as usize)?, cpu)
}

#[inline(always)]
fn note(task: Task, queue: Queue, cpu: u32) -> Option<()> {
    PROCESSES.get_ptr(task.tgid()?)?; // not of a container of ours
    enter(task, queue.stall_clock()?, cpu)
}

/// `None` if the task was not among those that could run and did not.
#[inline(always)]
fn settle(task: Task) -> Option<()> {
    let stalled = leave(task)?;
    let group = task.group()?;
    if group.cgroup()? != stalled.cgroup {
        return Some(()); // moved to another group meanwhile: its queue may be gone
    }
    let stall = length(&stalled, group.queue(stalled.cpu as usize)?.stall_clock()?);
    // What it waits for from now on is a CPU.
    if let Some(since) = WAITING.get_ptr_mut(task.tid()?) {
        // SAFETY: the entry lies in a map, and only this task's events change it.
        unsafe { core::ptr::write_volatile(since, core::ptr::read_volatile(since) + stall) };
    }
    let _ = charge(task, stall);
    Some(())
}
