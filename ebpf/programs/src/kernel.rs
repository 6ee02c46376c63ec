//! Reading the kernel's structures by offsets that hulld took from its BTF.
//!
//! One read for each member: copies of whole structures do not fit the 512 bytes of stack.

use aya_ebpf::helpers::bpf_probe_read_kernel;
use hull_ebpf_types::{COMM, Offsets};

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
    pub(crate) fn queue(self, cpu: usize) -> Option<Address> {
        self.0.follow(offset!(group_queues))?.follow(cpu * size_of::<u64>())
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
