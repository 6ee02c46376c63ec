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
use crate::maps::PROCESSES;
use crate::stalled::{any, enter, leave, settle};
use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use hull_ebpf_types::Stalled;

/// `sched_switch(preempt, previous, next)`.
#[raw_tracepoint(tracepoint = "sched_switch")]
pub(crate) fn snapshot_switch(context: RawTracePointContext) -> i32 {
    if any() {
        let _ = end(Task(Address::new(context.arg(2))));
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
        if end(task).is_some() {
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
fn end(task: Task) -> Option<()> {
    let stalled = leave(task)?;
    let _ = charge(task, &stalled);
    Some(())
}

#[inline(always)]
fn charge(task: Task, stalled: &Stalled) -> Option<()> {
    let group = task.group()?;
    if group.cgroup()? != stalled.cgroup {
        return None; // moved to another group meanwhile: its queue may be gone
    }
    settle(task, stalled, group.queue(stalled.cpu as usize)?.stall_clock()?)
}
