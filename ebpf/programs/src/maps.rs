//! The maps. hulld sets their sizes where a host needs others; sizes here are for a host with some hundred containers.

use crate::kernel::add;
use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap, PerCpuArray, RingBuf};
use hull_ebpf_types::{
    BUCKETS, COMM, CommKey, Counters, CpuGroup, Histogram, Loss, Process, Program, Queue, STICKY_COMMS, Stalled,
    TimerFunctions, bucket,
};

/// The containers, by the inode of the cgroup2 directory. hulld inserts and removes; programs only count.
#[map]
pub(crate) static CONTAINERS: HashMap<u64, Counters> = HashMap::with_max_entries(4096, 0);

/// Their groups in the cpu hierarchy, by inode there. The same number as above where cpu is a cgroup2 controller.
#[map]
pub(crate) static CPU_GROUPS: HashMap<u64, CpuGroup> = HashMap::with_max_entries(4096, 0);

/// Every process of every container, by host PID.
#[map]
pub(crate) static PROCESSES: HashMap<u32, Process> = HashMap::with_max_entries(32_768, 0);

/// What each queue's stall clock showed last.
#[map]
pub(crate) static QUEUES: HashMap<Queue, u64> = HashMap::with_max_entries(32_768, 0);

/// Tasks that stand still now.
#[map]
pub(crate) static STALLED: HashMap<u32, Stalled> = HashMap::with_max_entries(16_384, 0);

/// How many entries [`STALLED`] has: most switches need to look no further than this.
#[map]
pub(crate) static STALLED_TASKS: Array<u64> = Array::with_max_entries(1, 0);

/// Tasks that wait for a CPU, by thread id, since when.
#[map]
pub(crate) static WAITING: HashMap<u32, u64> = HashMap::with_max_entries(16_384, 0);

/// How many entries [`WAITING`] has.
#[map]
pub(crate) static WAITING_TASKS: Array<u64> = Array::with_max_entries(1, 0);

/// Nanoseconds of stalls by name.
#[map]
pub(crate) static COMM_STALLS: HashMap<CommKey, u64> = HashMap::with_max_entries(16_384, 0);

/// The kernel's bandwidth timers, once found.
#[map]
pub(crate) static TIMERS: Array<TimerFunctions> = Array::with_max_entries(1, 0);

/// From the addresses of per-CPU memory to each CPU's own, where they are needed and known; hulld sets the size.
#[map]
pub(crate) static DISTANCES: Array<u64> = Array::with_max_entries(1, 0);

/// What hulld must hear of at once.
#[map]
pub(crate) static EVENTS: RingBuf = RingBuf::with_byte_size(64 * 1024, 0);

/// What was not recorded, by [`Loss`].
#[map]
static LOST: PerCpuArray<u64> = PerCpuArray::with_max_entries(Loss::ALL.len() as u32, 0);

/// What was handled, by [`Program`].
#[map]
static HANDLED: PerCpuArray<u64> = PerCpuArray::with_max_entries(Program::ALL.len() as u32, 0);

#[inline(always)]
pub(crate) fn lost(loss: Loss) {
    if let Some(counter) = LOST.get_ptr_mut(loss as u32) {
        add(counter, 1);
    }
}

#[inline(always)]
pub(crate) fn handled(program: Program) {
    if let Some(counter) = HANDLED.get_ptr_mut(program as u32) {
        add(counter, 1);
    }
}

/// The counters of a container, or `None` if it is none of this engine's.
#[inline(always)]
pub(crate) fn counters(container: u64) -> Option<*mut Counters> {
    CONTAINERS.get_ptr_mut(container)
}

#[inline(always)]
pub(crate) fn observe(histogram: *mut Histogram, bounds: &[u64; BUCKETS - 1], value: u64) {
    let index = bucket(bounds, value);
    if index < BUCKETS {
        // SAFETY: the histogram lies in a map's value and the index is one of its buckets.
        let counts = unsafe { &raw mut (*histogram).counts };
        add(counts.cast::<u64>().wrapping_add(index), 1);
        // SAFETY: as above.
        add(unsafe { &raw mut (*histogram).sum_ns }, value);
    }
}

/// Charges a stall to a name. Two CPUs that meet the last free place at once may both take it: one name too many, not
/// one without a bound.
#[inline(always)]
pub(crate) fn charge_comm(container: u64, counters: *mut Counters, comm: [u8; COMM], value: u64) {
    let mut key = CommKey { container, comm };
    if let Some(total) = COMM_STALLS.get_ptr_mut(key) {
        add(total, value);
        return;
    }
    // SAFETY: the counters lie in a map's value.
    let comms = unsafe { &raw mut (*counters).comms };
    // SAFETY: as above; a torn read is impossible for an aligned word.
    if unsafe { core::ptr::read_volatile(comms) } < STICKY_COMMS {
        match COMM_STALLS.insert(key, value, u64::from(BPF_NOEXIST)) {
            Ok(()) => return add(comms, 1),
            Err(_) if COMM_STALLS.get_ptr(key).is_none() => return lost(Loss::Comm),
            Err(_) => {}
        }
    } else {
        key.comm = [0; COMM];
        if COMM_STALLS.get_ptr(key).is_none() && COMM_STALLS.insert(key, 0, u64::from(BPF_NOEXIST)).is_err() {
            // Either full, or another CPU was faster; the look-up below tells.
        }
    }
    match COMM_STALLS.get_ptr_mut(key) {
        Some(total) => add(total, value),
        None => lost(Loss::Comm),
    }
}
