//! A process starts a program: its name changes.

use crate::kernel::{Address, Task, add};
use crate::maps::{CONTAINERS, PROCESSES, counters, handled};
use crate::process_fork::record;
use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use hull_ebpf_types::Program;

/// `sched_process_exec(task, old_pid, binary)`: it has its new name, and its only thread has the process's number.
#[raw_tracepoint(tracepoint = "sched_process_exec")]
pub(crate) fn process_exec(context: RawTracePointContext) -> i32 {
    let task = Task(Address::new(context.arg(0)));
    let _ = exec(task);
    0
}

#[inline(always)]
fn exec(task: Task) -> Option<()> {
    let tgid = task.tgid()?;
    let container = match PROCESSES.get_ptr_mut(tgid) {
        Some(process) => {
            let comm = task.comm()?;
            // SAFETY: the entry lies in a map; hulld reads names that are being written at worst half new.
            unsafe {
                (*process).comm = comm;
                (*process).container
            }
        }
        // Moved into the container's cgroup after its fork, by somebody who writes to cgroup.procs.
        None => {
            let own = task.cgroup().filter(|id| CONTAINERS.get_ptr(*id).is_some())?;
            record(task, tgid, own)?;
            own
        }
    };
    if let Some(counters) = counters(container) {
        // SAFETY: the counters lie in a map's value.
        add(unsafe { &raw mut (*counters).execs }, 1);
    }
    handled(Program::ProcessExec);
    Some(())
}
