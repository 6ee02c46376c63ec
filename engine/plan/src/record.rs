//! How a process ended.

/// The exit of a container's init or of an exec, as the shim saw it. On disk it is one JSON object with these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExitRecord {
    /// Host pid that it had.
    pub pid: u32,
    /// Exit status 0-255; 128 + n when signal n ended it.
    pub code: u8,
    /// The signal that ended it, or 0.
    pub signal: u8,
    /// `oom_kill` of its memory cgroup grew while it ran.
    pub oom_killed: bool,
    /// Unix time of the start, nanoseconds.
    pub started_at: u64,
    /// Unix time of the end, nanoseconds.
    pub finished_at: u64,
}
