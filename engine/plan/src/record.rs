//! How a process ended.

use core::fmt;

/// The exit of a container's init or of an exec, as the shim saw it. On disk it is one JSON object with these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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

/// Writes the JSON object, with a newline: the form on disk. At most [`ExitRecord::MAX_JSON`] bytes.
impl fmt::Display for ExitRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pid, code, signal, oom_killed, started_at, finished_at } = self;
        writeln!(
            f,
            "{{\"pid\":{pid},\"code\":{code},\"signal\":{signal},\"oom_killed\":{oom_killed},\
             \"started_at\":{started_at},\"finished_at\":{finished_at}}}"
        )
    }
}

impl ExitRecord {
    /// A buffer of this length takes any record's JSON.
    pub const MAX_JSON: usize = 192;
}
