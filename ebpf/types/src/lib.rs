//! Types that eBPF programs and `hulld` share. Both sides are compiled apart, so every layout is `repr(C)`, without
//! implicit padding, and asserts its size.
//!
//! Containers are known by one number, the inode of their cgroup2 directory; names exist in user space only.
#![no_std]

mod histogram;
mod offsets;
#[cfg(feature = "user")]
mod pod;

pub use histogram::{BUCKETS, Histogram, LIFETIME_BOUNDS, RUNQUEUE_BOUNDS, STALL_BOUNDS, bucket};
pub use offsets::{ABSENT, Offsets};

/// PID namespace levels that a record holds; the kernel allows 32, nested containers use 2 or 3.
pub const LEVELS: usize = 8;

/// Length of a task's name in the kernel, its final zero included.
pub const COMM: usize = 16;

/// Names of a container that get a counter of their own; stalls of later ones go to the key with the empty name. The
/// first ones stay for the container's life, because a top list that changes breaks `rate()`.
pub const STICKY_COMMS: u64 = 16;

/// One running process of a container; the key is its host PID.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Process {
    /// Of which container.
    pub container: u64,
    /// Start, in nanoseconds of the boot clock.
    pub start_ns: u64,
    /// Nanoseconds that its threads stood still because of the CPU limit.
    pub stalled_ns: u64,
    /// Inode of its innermost PID namespace.
    pub pidns: u32,
    /// Host PID of the parent that it had at its fork.
    pub ppid: u32,
    /// Depth of its PID namespace: 0 is the host's.
    pub level: u32,
    /// Reserved, 0.
    pub reserved: u32,
    /// Its PID in each namespace, outermost first; `level + 1` of them are set.
    pub ns_pids: [u32; LEVELS],
    /// What it calls itself.
    pub comm: [u8; COMM],
}
const _: () = assert!(size_of::<Process>() == 88);

/// What is counted for each container. Inserted by `hulld`, which thereby declares the cgroup one of its containers.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// Processes that processes of the container made; its init and execs are not among them.
    pub forks: u64,
    /// Program images started.
    pub execs: u64,
    /// Processes ended.
    pub exits: u64,
    /// Processes that the OOM killer chose.
    pub oom_victims: u64,
    /// CFS periods that elapsed while the group was active, counted from the timer.
    pub periods: u64,
    /// Those of them at whose end a queue stood still.
    pub throttled_periods: u64,
    /// Task-seconds of stalls, in nanoseconds.
    pub task_stall_ns: u64,
    /// Names that have a stall counter of their own.
    pub comms: u64,
    /// Single stalls of a CPU queue.
    pub queue_stalls: Histogram,
    /// From being runnable to running.
    pub runqueue: Histogram,
    /// From fork to exit.
    pub lifetime: Histogram,
}
const _: () = assert!(size_of::<Counters>() == 64 + 3 * size_of::<Histogram>());

/// A container's group in the hierarchy of the cpu controller; the key is that directory's inode.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CpuGroup {
    /// Of which container.
    pub container: u64,
    /// 1 when no task has run in it yet, so that its clocks started at 0; else what they show first is the base.
    pub fresh: u64,
}
const _: () = assert!(size_of::<CpuGroup>() == 16);

/// One CPU's queue of one group.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Queue {
    /// Inode in the cpu hierarchy.
    pub cgroup: u64,
    /// Which CPU.
    pub cpu: u64,
}
const _: () = assert!(size_of::<Queue>() == 16);

/// A task that the CPU limit took off its CPU, or, where the kernel does not mark those, one of a limited group that could
/// run and does not; the key is its thread id.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Stalled {
    /// Since when, by the monotonic clock.
    pub since_ns: u64,
    /// Its queue's stall clock at that moment: completed stalls, plus what of the current one was over already.
    pub clock_ns: u64,
    /// Group of the queue, by its inode in the cpu hierarchy.
    pub cgroup: u64,
    /// Whose queue.
    pub cpu: u64,
}
const _: () = assert!(size_of::<Stalled>() == 32);

/// Stalls are also counted by name.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CommKey {
    /// Of which container.
    pub container: u64,
    /// The process's name; empty for all names beyond [`STICKY_COMMS`].
    pub comm: [u8; COMM],
}
const _: () = assert!(size_of::<CommKey>() == 24);

/// Addresses of the kernel's two timer functions of CPU bandwidth, found by a program at run time.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct TimerFunctions {
    /// `sched_cfs_period_timer`.
    pub period: u64,
    /// `sched_cfs_slack_timer`.
    pub slack: u64,
}
const _: () = assert!(size_of::<TimerFunctions>() == 16);

/// Sent through the ring buffer when the OOM killer chose a process of a container.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Victim {
    /// Of which container.
    pub container: u64,
    /// Host PID.
    pub pid: u32,
    /// Reserved, 0.
    pub reserved: u32,
    /// What it calls itself.
    pub comm: [u8; COMM],
}
const _: () = assert!(size_of::<Victim>() == 32);

/// Why something was not recorded: index into the map of losses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Loss {
    /// The process map is full.
    Process = 0,
    /// The map of stalled tasks is full.
    Stall = 1,
    /// The map of queues is full.
    Queue = 2,
    /// The map of names is full.
    Comm = 3,
    /// The ring buffer is full.
    Event = 4,
    /// The map of waiting tasks is full.
    Wait = 5,
}

impl Loss {
    /// All of them, by index.
    pub const ALL: [Self; 6] = [Self::Process, Self::Stall, Self::Queue, Self::Comm, Self::Event, Self::Wait];

    /// For the label of a metric.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Stall => "stall",
            Self::Queue => "queue",
            Self::Comm => "comm",
            Self::Event => "event",
            Self::Wait => "wait",
        }
    }
}

/// The programs: index into the map of handled events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Program {
    /// A process is born.
    ProcessFork = 0,
    /// A process starts a program.
    ProcessExec = 1,
    /// A process ends.
    ProcessExit = 2,
    /// A CPU queue stood still.
    QueueStalls = 3,
    /// A task stood still.
    TaskStalls = 4,
    /// The OOM killer chose.
    OomVictims = 5,
    /// A task waited for a CPU.
    RunqueueLatency = 6,
}

impl Program {
    /// All of them, by index.
    pub const ALL: [Self; 7] = [
        Self::ProcessFork,
        Self::ProcessExec,
        Self::ProcessExit,
        Self::QueueStalls,
        Self::TaskStalls,
        Self::OomVictims,
        Self::RunqueueLatency,
    ];

    /// For the label of a metric.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProcessFork => "process_fork",
            Self::ProcessExec => "process_exec",
            Self::ProcessExit => "process_exit",
            Self::QueueStalls => "queue_stalls",
            Self::TaskStalls => "task_stalls",
            Self::OomVictims => "oom_victims",
            Self::RunqueueLatency => "runqueue_latency",
        }
    }
}
