//! Stalls of tasks: a task kept off the CPU because of its group's quota, in task-seconds.
//!
//! From 6.18 on the kernel takes single tasks off the queue and marks them. `task_snapshots` is for kernels before.

use crate::kernel::{Address, Task, offset};
use crate::maps::PROCESSES;
use crate::stalled::{any, enter, leave, settle};
use aya_ebpf::helpers::bpf_get_smp_processor_id;
use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;

/// `sched_switch(preempt, previous, next)`.
#[raw_tracepoint(tracepoint = "sched_switch")]
pub(crate) fn task_stalls(context: RawTracePointContext) -> i32 {
    let previous = Task(Address::new(context.arg(1)));
    if previous.0.read::<u8>(offset!(task_throttled)).is_some_and(|throttled| throttled != 0) {
        let _ = begin(previous);
    }
    if any() {
        let next = Task(Address::new(context.arg(2)));
        let _ = end(next);
    }
    0
}

#[inline(always)]
fn begin(task: Task) -> Option<()> {
    PROCESSES.get_ptr(task.tgid()?)?; // not of a container of ours
    // SAFETY: bpf_get_smp_processor_id has no preconditions.
    enter(task, task.queue()?.stall_clock()?, unsafe { bpf_get_smp_processor_id() })
}

#[inline(always)]
fn end(task: Task) -> Option<()> {
    let stalled = leave(task)?;
    let group = task.group()?;
    if group.cgroup()? != stalled.cgroup {
        return None; // moved to another group meanwhile: its queue may be gone
    }
    // The queue that it stood in, which may be another CPU's by now.
    settle(task, &stalled, group.queue(stalled.cpu as usize)?.stalled()?)
}
