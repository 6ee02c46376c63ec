//! A process ends when its last thread does; its first thread may be long gone.

use crate::kernel::{Address, Task, add, offset};
use crate::maps::{PROCESSES, STALLED, STALLED_TASKS, WAITING, WAITING_TASKS, counters, handled, observe};
use aya_ebpf::helpers::bpf_ktime_get_boot_ns;
use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use hull_ebpf_types::{LIFETIME_BOUNDS, Program};

/// `sched_process_exit(task)`, once for each thread, after it has left the count of living threads.
#[raw_tracepoint(tracepoint = "sched_process_exit")]
pub(crate) fn process_exit(context: RawTracePointContext) -> i32 {
    let task = Task(Address::new(context.arg(0)));
    let _ = exit(task);
    0
}

#[inline(always)]
fn exit(task: Task) -> Option<()> {
    let tid = task.tid()?;
    if STALLED.remove(tid).is_ok()
        && let Some(stalled) = STALLED_TASKS.get_ptr_mut(0)
    {
        add(stalled, u64::MAX); // minus one
    }
    if WAITING.remove(tid).is_ok()
        && let Some(waiting) = WAITING_TASKS.get_ptr_mut(0)
    {
        add(waiting, u64::MAX);
    }
    let living: u32 = task.0.follow(offset!(task_signal))?.read(offset!(signal_live))?;
    if living != 0 {
        return None;
    }
    let tgid = task.tgid()?;
    let process = PROCESSES.get_ptr(tgid)?;
    // SAFETY: the entry lies in a map; both words are written once, before the entry can be found.
    let (container, start) = unsafe { ((*process).container, (*process).start_ns) };
    let _ = PROCESSES.remove(tgid);
    if let Some(counters) = counters(container) {
        // SAFETY: bpf_ktime_get_boot_ns has no preconditions.
        let now = unsafe { bpf_ktime_get_boot_ns() };
        // SAFETY: the counters lie in a map's value.
        unsafe {
            add(&raw mut (*counters).exits, 1);
            observe(&raw mut (*counters).lifetime, &LIFETIME_BOUNDS, now.saturating_sub(start));
        }
    }
    handled(Program::ProcessExit);
    Some(())
}
