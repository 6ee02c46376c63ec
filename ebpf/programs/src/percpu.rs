//! Queues in per-CPU memory, as in 7.3: a group has one pointer for all CPUs, to which each CPU's own distance has to be
//! added. The kernel keeps the distances to itself; a task tells one, because it knows its group and its queue.
//!
//! A CPU whose distance is unknown has run no task of any group since the programs are there, so none of its queues stands still.

use crate::kernel::{Address, Group, Queue, Task, offset};
use crate::maps::DISTANCES;
use aya_ebpf::helpers::bpf_get_smp_processor_id;
use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use hull_ebpf_types::ABSENT;

/// `sched_switch(preempt, previous, next)`.
#[raw_tracepoint(tracepoint = "sched_switch")]
pub(crate) fn find_distances(context: RawTracePointContext) -> i32 {
    // SAFETY: bpf_get_smp_processor_id has no preconditions.
    let cpu = unsafe { bpf_get_smp_processor_id() };
    let _ = learn(Task(Address::new(context.arg(2))), cpu);
    0
}

/// Notes the distance of a CPU by a task that is in its queue there.
#[inline(always)]
pub(crate) fn learn(task: Task, cpu: u32) -> Option<()> {
    if offset!(group_queues_percpu) == ABSENT as usize {
        return None;
    }
    let known = DISTANCES.get_ptr_mut(cpu)?;
    // SAFETY: the entry of an array map lives as long as the map.
    if unsafe { core::ptr::read_volatile(known) } != 0 {
        return None;
    }
    let group = task.group()?;
    group.0.follow(offset!(group_parent))?; // the root's queues were there before there was any per-CPU memory
    let pointer = group.0.follow(offset!(group_queues_percpu))?;
    let queue = task.queue()?;
    if queue.group()? != group.0 || queue.cpu()? != cpu {
        return None;
    }
    // SAFETY: as above; every task of this CPU would write the same.
    unsafe { core::ptr::write_volatile(known, queue.0.containing(pointer.value() as usize).value()) };
    Some(())
}

/// A group's queue of a CPU.
#[inline(always)]
pub(crate) fn queue(group: Group, cpu: usize) -> Option<Queue> {
    // SAFETY: the entry of an array map lives as long as the map.
    let distance = unsafe { core::ptr::read_volatile(DISTANCES.get_ptr(cpu as u32)?) };
    let queue = Queue(group.0.follow(offset!(group_queues_percpu))?.plus(distance as usize));
    // It knows whose it is: whatever a future kernel makes of the pointer, nothing else is taken for a queue.
    (distance != 0 && queue.group()? == group.0).then_some(queue)
}
