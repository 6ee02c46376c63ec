//! Stalls of CPU queues: one queue of a group stopped because the group's quota is used up.
//!
//! The kernel keeps a clock of completed stalls for each queue. Its growth between two looks is one stall; the looks are
//! at the group's bandwidth timers, of which the period's fires at least once more after the last stall has ended. The
//! sum therefore equals the kernel's own throttled time; the count is one for each queue, not `nr_throttled`, which
//! counts periods. Periods are counted here as well, from the same timer and independently of the kernel's counter.
//!
//! Keyed by inode and CPU, never by a pointer: memory of a dead group is given to the next one.

use crate::kernel::{Address, Group, add, offset};
use crate::maps::{CPU_GROUPS, QUEUES, TIMERS, counters, handled, lost, observe};
use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use hull_ebpf_types::{ABSENT, Counters, CpuGroup, Loss, Program, Queue, STALL_BOUNDS};

/// A group's quota when it has none.
const UNLIMITED: u64 = u64::MAX;

/// `hrtimer_expire_entry(timer, now)`: any timer of the kernel, before its function runs.
#[raw_tracepoint(tracepoint = "hrtimer_expire_entry")]
pub(crate) fn queue_stalls(context: RawTracePointContext) -> i32 {
    let timer = Address::new(context.arg(0));
    let _ = expired(timer);
    0
}

#[inline(always)]
fn expired(timer: Address) -> Option<()> {
    let known = TIMERS.get_ptr(0)?;
    let function: u64 = timer.read(offset!(timer_function))?;
    // SAFETY: the entry of an array map lives as long as the map.
    let (period, slack) = unsafe { ((*known).period, (*known).slack) };
    let is_period = function == period;
    if function == 0 || !(is_period || function == slack) {
        return None;
    }
    let bandwidth =
        timer.containing(if is_period { offset!(bandwidth_period_timer) } else { offset!(bandwidth_slack_timer) });
    let group = Group(bandwidth.containing(offset!(group_bandwidth)));
    let cgroup = group.cgroup()?;
    let known = CPU_GROUPS.get_ptr_mut(cgroup)?;
    // SAFETY: the entry lies in a map and is written by hulld before the first task runs.
    let CpuGroup { container, fresh } = unsafe { *known };
    let counters = counters(container)?;
    if is_period {
        count_period(bandwidth, timer, counters);
    }
    // The verifier walks every round of this, some 600 instructions of the million that it allows.
    for cpu in 0..offset!(cpus) {
        let _ = look(group, cgroup, cpu, fresh != 0, counters);
    }
    // What the clocks of an old group showed at the first look is the base; from here on all growth counts.
    if fresh == 0 {
        // SAFETY: as above; every CPU would write the same.
        unsafe { core::ptr::write_volatile(&raw mut (*known).fresh, 1) };
    }
    Some(())
}

/// What the kernel is about to count itself: so many periods have passed, and queues stand still at their end or not.
#[inline(always)]
fn count_period(bandwidth: Address, timer: Address, counters: *mut Counters) -> Option<()> {
    if bandwidth.read::<u64>(offset!(bandwidth_quota))? == UNLIMITED {
        return None;
    }
    let mut periods = 1;
    if offset!(timer_expires) != ABSENT as usize {
        let due: u64 = timer.read(offset!(timer_expires))?;
        let length: u64 = bandwidth.read(offset!(bandwidth_period))?;
        // SAFETY: bpf_ktime_get_ns has no preconditions; it is the clock of these timers.
        let late = unsafe { bpf_ktime_get_ns() }.saturating_sub(due);
        if late > length && length != 0 {
            periods += late / length;
        }
    }
    // SAFETY: the counters lie in a map's value.
    add(unsafe { &raw mut (*counters).periods }, periods);
    let list = bandwidth.plus(offset!(bandwidth_stopped));
    if list.follow(0)? != list {
        // SAFETY: as above.
        add(unsafe { &raw mut (*counters).throttled_periods }, periods);
    }
    Some(())
}

/// One queue's clock.
#[inline(always)]
fn look(group: Group, cgroup: u64, cpu: usize, fresh: bool, counters: *mut Counters) -> Option<()> {
    let clock = group.queue(cpu)?.stalled()?;
    if clock == 0 {
        return None; // never stalled: no entry needed
    }
    let key = Queue { cgroup, cpu: cpu as u64 };
    let stall = match QUEUES.get_ptr_mut(key) {
        Some(last) => {
            // SAFETY: the entry lies in a map; two timers of one group at the same moment are the only writers.
            let before = unsafe { core::ptr::read_volatile(last) };
            // SAFETY: as above.
            unsafe { core::ptr::write_volatile(last, clock) };
            clock.saturating_sub(before)
        }
        None => {
            if QUEUES.insert(key, clock, u64::from(BPF_NOEXIST)).is_err() {
                lost(Loss::Queue);
                return None;
            }
            if fresh { clock } else { 0 }
        }
    };
    if stall != 0 {
        // SAFETY: the counters lie in a map's value.
        observe(unsafe { &raw mut (*counters).queue_stalls }, &STALL_BOUNDS, stall);
        handled(Program::QueueStalls);
    }
    Some(())
}
