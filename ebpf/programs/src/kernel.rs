//! Reading the kernel's structures by offsets that hulld took from its BTF.
//!
//! One read for each member: copies of whole structures do not fit the 512 bytes of stack.

use crate::percpu;
use aya_ebpf::helpers::bpf_probe_read_kernel;
use hull_ebpf_types::{ABSENT, COMM, Offsets};

/// Written by hulld before the programs are loaded, and frozen: the verifier knows the values.
#[unsafe(no_mangle)]
static OFFSETS: Offsets = Offsets::UNKNOWN;

/// An offset as it was set. Volatile, or the compiler would take the initial value for the only one.
macro_rules! offset {
    ($name:ident) => {
        $crate::kernel::load(|offsets| &raw const offsets.$name)
    };
}
pub(crate) use offset;

#[inline(always)]
pub(crate) fn load(field: impl Fn(&Offsets) -> *const u32) -> usize {
    // SAFETY: the pointer is to a field of a static.
    unsafe { core::ptr::read_volatile(field(&OFFSETS)) as usize }
}

/// An address in the kernel.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Address(u64);

impl Address {
    #[inline(always)]
    pub(crate) const fn new(address: u64) -> Self {
        Self(address)
    }

    #[inline(always)]
    pub(crate) fn value(self) -> u64 {
        self.0
    }

    #[inline(always)]
    pub(crate) fn plus(self, offset: usize) -> Self {
        Self(self.0.wrapping_add(offset as u64))
    }

    /// The structure whose member at `offset` this is.
    #[inline(always)]
    pub(crate) fn containing(self, offset: usize) -> Self {
        Self(self.0.wrapping_sub(offset as u64))
    }

    /// A member's value. A bad address gives `None`, never a fault.
    #[inline(always)]
    pub(crate) fn read<T>(self, offset: usize) -> Option<T> {
        // SAFETY: the helper checks the address; T is an integer or an array of them everywhere here.
        unsafe { bpf_probe_read_kernel(self.plus(offset).0 as *const T) }.ok()
    }

    /// A member that is a pointer, unless it is null.
    #[inline(always)]
    pub(crate) fn follow(self, offset: usize) -> Option<Self> {
        match self.read::<u64>(offset) {
            Some(address) if address != 0 => Some(Self(address)),
            _ => None,
        }
    }
}

/// A `task_struct`.
#[derive(Clone, Copy)]
pub(crate) struct Task(pub(crate) Address);

impl Task {
    #[inline(always)]
    pub(crate) fn tid(self) -> Option<u32> {
        self.0.read(offset!(task_pid))
    }

    #[inline(always)]
    pub(crate) fn tgid(self) -> Option<u32> {
        self.0.read(offset!(task_tgid))
    }

    #[inline(always)]
    pub(crate) fn comm(self) -> Option<[u8; COMM]> {
        self.0.read(offset!(task_comm))
    }

    /// Whether a task that leaves its CPU could have stayed. One that is preempted could, whatever it was about to wait for.
    #[inline(always)]
    pub(crate) fn could_run(self, preempted: bool) -> bool {
        preempted || self.0.read::<u32>(offset!(task_state)) == Some(0)
    }

    /// Whether it runs at this moment: a wakeup can meet a task that has not gone to sleep yet.
    #[inline(always)]
    pub(crate) fn runs(self) -> bool {
        offset!(task_on_cpu) != ABSENT as usize
            && self.0.read::<u8>(offset!(task_on_cpu)).is_some_and(|on_cpu| on_cpu != 0)
    }

    /// Its queue of the CPU scheduler: its group's on its CPU.
    #[inline(always)]
    pub(crate) fn queue(self) -> Option<Queue> {
        self.0.follow(offset!(task_queue)).map(Queue)
    }

    /// Inode of its cgroup2 directory.
    #[inline(always)]
    pub(crate) fn cgroup(self) -> Option<u64> {
        let set = self.0.follow(offset!(task_cgroups))?;
        cgroup_id(set.follow(offset!(css_set_cgroup))?)
    }

    /// Its group of the CPU scheduler.
    #[inline(always)]
    pub(crate) fn group(self) -> Option<Group> {
        self.0.follow(offset!(task_group)).map(Group)
    }
}

/// A `task_group`.
#[derive(Clone, Copy)]
pub(crate) struct Group(pub(crate) Address);

impl Group {
    /// Its inode in the cpu hierarchy. Groups without a cgroup are autogroups of the scheduler.
    #[inline(always)]
    pub(crate) fn cgroup(self) -> Option<u64> {
        cgroup_id(self.0.follow(offset!(group_cgroup))?)
    }

    /// Its queue of a CPU.
    #[inline(always)]
    pub(crate) fn queue(self, cpu: usize) -> Option<Queue> {
        if offset!(group_queues) == ABSENT as usize {
            return percpu::queue(self, cpu);
        }
        self.0.follow(offset!(group_queues))?.follow(cpu * size_of::<u64>()).map(Queue)
    }
}

/// A `cfs_rq`: one CPU's queue of one group.
#[derive(Clone, Copy)]
pub(crate) struct Queue(pub(crate) Address);

impl Queue {
    /// Whose.
    #[inline(always)]
    pub(crate) fn group(self) -> Option<Address> {
        self.0.follow(offset!(queue_group))
    }

    /// Which CPU's.
    #[inline(always)]
    pub(crate) fn cpu(self) -> Option<u32> {
        self.0.follow(offset!(queue_rq))?.read(offset!(rq_cpu))
    }

    /// Nanoseconds of its completed stalls.
    #[inline(always)]
    pub(crate) fn stalled(self) -> Option<u64> {
        self.0.read(offset!(queue_stalled))
    }

    /// Nanoseconds of its completed stalls, and what of the current one is over.
    ///
    /// The current one is measured by the scheduler's clock that its beginning was taken from: no other would fit.
    #[inline(always)]
    pub(crate) fn stall_clock(self) -> Option<u64> {
        let completed = self.stalled()?;
        let stopped_at: u64 = self.0.read(offset!(queue_stopped_at))?;
        // Before 6.6 the beginning of the last stall stays there when it is over.
        if stopped_at == 0 || self.0.read::<u32>(offset!(queue_throttle_count))? == 0 {
            return Some(completed);
        }
        let rq = self.0.follow(offset!(queue_rq))?;
        let mut now: u64 = rq.read(offset!(rq_stall_clock))?;
        if offset!(rq_lost_idle) != ABSENT as usize {
            now = now.wrapping_sub(rq.read(offset!(rq_lost_idle))?);
        }
        Some(completed + now.saturating_sub(stopped_at))
    }

    /// Whether a quota can stop it. A quota of its own group tells at once; one of a group around it shows from the first
    /// time on that it did, which spares everybody without a limit the way up to the root.
    #[inline(always)]
    pub(crate) fn is_limited(self) -> bool {
        let number = |offset| self.0.read::<u32>(offset).unwrap_or(0);
        number(offset!(queue_limited)) != 0
            || number(offset!(queue_throttle_count)) != 0
            || self.stalled().is_some_and(|stalled| stalled != 0)
    }
}

#[inline(always)]
fn cgroup_id(cgroup: Address) -> Option<u64> {
    cgroup.follow(offset!(cgroup_node))?.read(offset!(node_id))
}

/// Adds to a counter that other CPUs add to as well.
///
/// `AtomicU64::fetch_add` is not there for this target, and fetching the old value takes a newer kernel than 5.10.
#[inline(always)]
pub(crate) fn add(counter: *mut u64, value: u64) {
    // SAFETY: the counter lies in a map's value, is aligned by its type, and is only ever changed this way here.
    unsafe {
        core::arch::asm!("lock *(u64 *)({counter} + 0) += {value}", counter = in(reg) counter, value = in(reg) value);
    }
}
