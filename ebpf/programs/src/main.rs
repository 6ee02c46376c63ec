//! Hull's eBPF programs, one concern a file. They share maps, are loaded one by one, and know containers by a number
//! only: the inode of the cgroup2 directory.
//!
//! ```text
//!  hulld inserts the container into CONTAINERS, then the shim clones its init into the cgroup
//!    process_fork   PROCESSES += child            (container of the child's cgroup, else of its parent)
//!    process_exec   the name changes
//!    process_exit   PROCESSES -= the last thread's process
//!    task_stalls    STALLED on the way out of a CPU, charged to the process and its name on the way back in
//!    task_snapshots the same where the kernel does not mark tasks that the quota stopped
//!    percpu         where newer kernels keep the queues of each CPU
//!    queue_stalls   the kernel's stall clocks of each CPU queue, read when the bandwidth timer fires
//!    runqueue_*     from runnable to running
//!    oom_victims    EVENTS
//! ```
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]
#![expect(unstable_features, reason = "BPF's assembly is unstable; needed for atomic additions")]

mod kernel;
mod maps;
mod oom_victims;
mod percpu;
mod process_exec;
mod process_exit;
mod process_fork;
mod queue_stalls;
mod runqueue_latency;
mod stalled;
mod task_snapshots;
mod task_stalls;

/// GPL-only helpers are used; the kernel reads this.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

/// Never reached: nothing here panics, and the verifier would refuse a loop without an end.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
