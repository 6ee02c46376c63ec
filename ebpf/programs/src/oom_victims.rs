//! The OOM killer's victims, by name, before they are gone.

use crate::kernel::{Address, Task, add, offset};
use crate::maps::{CONTAINERS, EVENTS, PROCESSES, counters, handled, lost};
use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use hull_ebpf_types::{Loss, Program, Victim};

/// `mark_victim(task, uid)` from 6.8 on, `mark_victim(pid)` before.
#[raw_tracepoint(tracepoint = "mark_victim")]
pub(crate) fn oom_victims(context: RawTracePointContext) -> i32 {
    let argument: u64 = context.arg(0);
    let victim = if offset!(victim_is_task) == 1 { by_task(argument) } else { by_pid(argument as u32) };
    if let Some(victim) = victim {
        report(victim);
    }
    0
}

#[inline(always)]
fn by_task(address: u64) -> Option<Victim> {
    let task = Task(Address::new(address));
    let pid = task.tgid()?;
    let container = match PROCESSES.get_ptr(pid) {
        // SAFETY: the entry lies in a map; the container is written before it can be found.
        Some(process) => unsafe { (*process).container },
        None => task.cgroup().filter(|id| CONTAINERS.get_ptr(*id).is_some())?,
    };
    Some(Victim { container, pid, reserved: 0, comm: task.comm()? })
}

#[inline(always)]
fn by_pid(tid: u32) -> Option<Victim> {
    // A thread that runs out of memory while it dies is marked itself, by its own number.
    let current = bpf_get_current_pid_tgid();
    let pid = if current as u32 == tid { (current >> 32) as u32 } else { tid };
    let process = PROCESSES.get_ptr(pid)?;
    // SAFETY: as above; a name that is being written may be half new.
    let (container, comm) = unsafe { ((*process).container, (*process).comm) };
    Some(Victim { container, pid, reserved: 0, comm })
}

#[inline(always)]
fn report(victim: Victim) {
    if let Some(counters) = counters(victim.container) {
        // SAFETY: the counters lie in a map's value.
        add(unsafe { &raw mut (*counters).oom_victims }, 1);
    }
    match EVENTS.output::<Victim>(&victim, 0) {
        Ok(()) => handled(Program::OomVictims),
        Err(_) => lost(Loss::Event),
    }
}
