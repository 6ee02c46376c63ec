//! Frames on the shim's sockets: an 8-byte header and a payload.
//!
//! Header, little endian: `kind: u8`, `stream: u8`, `version: u16`, `length: u32` (at most [`MAX_PAYLOAD`]).

use crate::ExitRecord;
use core::ffi::CStr;

/// Longest payload of a frame, in bytes (a Plan with a 2 MiB environment fits).
pub const MAX_PAYLOAD: u32 = 4 << 20;
/// Longest payload of an [`Frame::Output`] or [`Frame::Stdin`] frame, in bytes.
pub const MAX_CHUNK: usize = 64 << 10;

/// The fixed part of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Which [`Frame`].
    pub kind: u8,
    /// For `Output`: 1 stdout (also a terminal), 2 stderr; else 0.
    pub stream: u8,
    /// Protocol version of the sender.
    pub version: u16,
    /// Payload length, bytes.
    pub length: u32,
}

/// What a frame says. `target` is an exec's id, empty for the container's init.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    // daemon -> shim, the first frame of a connection
    /// Run this plan as the container's init; only on the shim's stdin.
    Start { plan: &'a [u8] },
    /// Run this plan in the container; the connection becomes the exec's channel.
    Exec { id: &'a CStr, plan: &'a [u8] },
    /// Attach to the init: `stdin` makes this connection the source of its stdin.
    Attach { stdin: bool },
    /// Attach to a running exec again (after the daemon's restart).
    AttachExec { id: &'a CStr, stdin: bool },
    /// Tell the state now and the exit later.
    Subscribe { target: &'a CStr },
    /// Send a signal.
    Signal { target: &'a CStr, signal: u32 },
    /// Resize the terminal.
    Resize { target: &'a CStr, rows: u16, cols: u16 },

    // daemon -> shim, on a channel
    /// Bytes for stdin.
    Stdin { bytes: &'a [u8] },
    /// No more stdin: the process reads EOF.
    CloseStdin,

    // shim -> daemon
    /// The payload's `execve` succeeded.
    Started { pid: u32 },
    /// A step failed: nothing runs, the shim (or the exec's child) is gone after this.
    Failed { step: StepKind, errno: i32, object: &'a [u8] },
    /// Answer to `Subscribe`: running with this host pid.
    State { pid: u32 },
    /// Answer to `Attach`. With a log: where output from now on starts (inode and offset of the log file); else zeros.
    Attached { log_inode: u64, log_offset: u64 },
    /// Output, where there is no log.
    Output { stream: u8, bytes: &'a [u8] },
    /// The process has ended; its record is on disk.
    Exited { record: ExitRecord },
    /// The request is done.
    Done,
    /// The request is not possible: `ESRCH` no such target, `ENOTTY` no terminal, `EPROTO`...
    Refused { errno: i32 },
}

/// Which step failed, so that the daemon can word Docker's message and choose 125, 126 or 127.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum StepKind {
    /// The plan could not be decoded.
    Plan = 0,
    /// The shim's own preparation: sockets, log, exit record path.
    Prepare,
    /// The clone itself.
    Clone,
    /// Joining or leaving a cgroup.
    Cgroup,
    /// Joining, making or mapping a namespace.
    Namespace,
    /// An rlimit or oom_score_adj.
    Limit,
    /// Host or domain name.
    Hostname,
    /// Making the root filesystem.
    Rootfs,
    /// A mount or bind; `object` is the target in the container.
    Mount,
    /// A bind's source on the host is missing; `object` is the source.
    BindSource,
    /// A device node or symlink.
    Device,
    /// A sysctl.
    Sysctl,
    /// pivot_root.
    PivotRoot,
    /// A masked or read-only path.
    Mask,
    /// The user or group is not in the image; `object` is what was asked for.
    User,
    /// The working directory.
    Cwd,
    /// Capabilities, no_new_privs.
    Capabilities,
    /// Seccomp.
    Seccomp,
    /// The terminal.
    Terminal,
    /// `execve`: ENOENT 127 (not found), EACCES/ENOEXEC 126; `object` is the command as given.
    Exec,
}
