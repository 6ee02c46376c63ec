//! Frames on the shim's sockets: an 8-byte header and a payload.
//!
//! Header, little endian: `kind: u8`, `stream: u8`, `version: u16`, `length: u32` (at most [`MAX_PAYLOAD`]).

use crate::codec::check_version;
use crate::wire::{Count, Field, Reader, Sink, SliceSink};
use crate::{DecodeError, ExitRecord};
use core::ffi::CStr;

/// Longest payload of a frame, in bytes (a Plan with a 2 MiB environment fits).
pub const MAX_PAYLOAD: u32 = 4 << 20;
/// Longest payload of an [`Frame::Output`] or [`Frame::Stdin`] frame, in bytes.
pub const MAX_CHUNK: usize = 64 << 10;
/// Longest object of a [`Frame::Failed`]; a longer one is cut.
pub const MAX_OBJECT: usize = 1024;
/// Length of an encoded [`FrameHeader`].
pub const HEADER: usize = 8;

/// The fixed part of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Which [`Frame`].
    pub kind: u8,
    /// For `Output`: 1 stdout (also a terminal), 2 stderr; else 0.
    pub stream: u8,
    /// The version that this kind of frame came with, see [`kind::since`]: what a receiver has to know at least.
    pub version: u16,
    /// Payload length, bytes.
    pub length: u32,
}

/// What a frame says. `target` is an exec's id, empty for the container's init.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    // daemon -> shim, the first frame of a connection
    /// Run this plan as the container's init; only on the shim's stdin.
    Start {
        /// The encoded [`crate::Plan`].
        plan: &'a [u8],
    },
    /// Run this plan in the container; the connection becomes the exec's channel.
    Exec {
        /// The exec's id, by which other requests name it; at most 127 bytes.
        id: &'a CStr,
        /// The encoded [`crate::Plan`].
        plan: &'a [u8],
    },
    /// Attach to the init: `stdin` makes this connection the source of its stdin.
    Attach {
        /// Whether this connection sends stdin.
        stdin: bool,
    },
    /// Attach to a running exec again (after the daemon's restart).
    AttachExec {
        /// The exec's id.
        id: &'a CStr,
        /// Whether this connection sends stdin.
        stdin: bool,
    },
    /// Tell the state now and the exit later.
    Subscribe {
        /// An exec's id, or empty.
        target: &'a CStr,
    },
    /// Send a signal.
    Signal {
        /// An exec's id, or empty.
        target: &'a CStr,
        /// Its number.
        signal: u32,
    },
    /// Resize the terminal.
    Resize {
        /// An exec's id, or empty.
        target: &'a CStr,
        /// Height in characters.
        rows: u16,
        /// Width in characters.
        cols: u16,
    },

    // daemon -> shim, on a channel
    /// Bytes for stdin.
    Stdin {
        /// At most [`MAX_CHUNK`] bytes.
        bytes: &'a [u8],
    },
    /// No more stdin: the process reads EOF.
    CloseStdin,

    // shim -> daemon
    /// The payload's `execve` succeeded.
    Started {
        /// Its pid on the host.
        pid: u32,
    },
    /// A step failed: nothing runs, the shim (or the exec's child) is gone after this.
    Failed {
        /// Which kind of step.
        step: StepKind,
        /// Why, as a positive errno.
        errno: i32,
        /// On what: a path, a name, a command; cut at [`MAX_OBJECT`] bytes.
        object: &'a [u8],
    },
    /// Answer to `Subscribe`: running with this host pid.
    State {
        /// Its pid on the host.
        pid: u32,
    },
    /// Answer to `Attach`. With a log: where output from now on starts (inode and offset of the log file); else zeros.
    Attached {
        /// The log file's inode now.
        log_inode: u64,
        /// Its length now.
        log_offset: u64,
    },
    /// Output, where there is no log.
    Output {
        /// 1 stdout (also a terminal), 2 stderr.
        stream: u8,
        /// At most [`MAX_CHUNK`] bytes.
        bytes: &'a [u8],
    },
    /// The process has ended; its record is on disk.
    Exited {
        /// How.
        record: ExitRecord,
    },
    /// The request is done.
    Done,
    /// The request is not possible: `ESRCH` no such target, `ENOTTY` no terminal, `EPROTO`...
    Refused {
        /// Why, as a positive errno.
        errno: i32,
    },
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
    /// The user: `ENOENT` not in the image, `ERANGE` an id over 2^31-1, else a failing call; `object` is the name asked for.
    User,
    /// The same for a group.
    Group,
    /// The working directory.
    Cwd,
    /// Capabilities, no_new_privs.
    Capabilities,
    /// Seccomp.
    Seccomp,
    /// The terminal.
    Terminal,
    /// `execve`: `ENOENT` 127 (not found); `EACCES`, `EISDIR`, `ENOEXEC` 126; `object` is the command as given.
    Exec,
}

impl StepKind {
    /// All of them; a kind's number is its place.
    const ALL: [Self; 21] = [
        Self::Plan,
        Self::Prepare,
        Self::Clone,
        Self::Cgroup,
        Self::Namespace,
        Self::Limit,
        Self::Hostname,
        Self::Rootfs,
        Self::Mount,
        Self::BindSource,
        Self::Device,
        Self::Sysctl,
        Self::PivotRoot,
        Self::Mask,
        Self::User,
        Self::Group,
        Self::Cwd,
        Self::Capabilities,
        Self::Seccomp,
        Self::Terminal,
        Self::Exec,
    ];

    /// The kind with this number, as it stands in frames.
    pub fn from_u16(number: u16) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

impl FrameHeader {
    /// The encoded form.
    pub fn to_bytes(self) -> [u8; HEADER] {
        let [v0, v1] = self.version.to_le_bytes();
        let [l0, l1, l2, l3] = self.length.to_le_bytes();
        [self.kind, self.stream, v0, v1, l0, l1, l2, l3]
    }

    /// Decodes and checks everything that a header can show: version, kind, and that the payload is not longer than
    /// its kind may be. So a receiver never makes room for a length that somebody made up.
    pub fn from_bytes(bytes: [u8; HEADER]) -> Result<Self, DecodeError> {
        let [kind, stream, v0, v1, l0, l1, l2, l3] = bytes;
        let header =
            Self { kind, stream, version: u16::from_le_bytes([v0, v1]), length: u32::from_le_bytes([l0, l1, l2, l3]) };
        check_version(header.version)?;
        let limit = kind::limit(kind).ok_or(DecodeError::UnknownFrame(kind))?;
        if header.length > limit {
            return Err(DecodeError::TooLong(header.length));
        }
        let stream_fits = if kind == kind::OUTPUT { matches!(stream, 1 | 2) } else { stream == 0 };
        if stream_fits { Ok(header) } else { Err(DecodeError::BadValue) }
    }

    /// The header of an [`Frame::Output`] with this many bytes, for senders that have the bytes elsewhere.
    /// `length` is at most [`MAX_CHUNK`].
    pub fn output(stream: u8, length: usize) -> Self {
        let version = kind::since(kind::OUTPUT);
        Self { kind: kind::OUTPUT, stream, version, length: u32::try_from(length).unwrap_or(u32::MAX) }
    }
}

/// Numbers of the frames. Never reused.
pub mod kind {
    use super::{MAX_CHUNK, MAX_OBJECT, MAX_PAYLOAD};

    /// [`super::Frame::Start`]
    pub const START: u8 = 1;
    /// [`super::Frame::Exec`]
    pub const EXEC: u8 = 2;
    /// [`super::Frame::Attach`]
    pub const ATTACH: u8 = 3;
    /// [`super::Frame::AttachExec`]
    pub const ATTACH_EXEC: u8 = 4;
    /// [`super::Frame::Subscribe`]
    pub const SUBSCRIBE: u8 = 5;
    /// [`super::Frame::Signal`]
    pub const SIGNAL: u8 = 6;
    /// [`super::Frame::Resize`]
    pub const RESIZE: u8 = 7;
    /// [`super::Frame::Stdin`]
    pub const STDIN: u8 = 8;
    /// [`super::Frame::CloseStdin`]
    pub const CLOSE_STDIN: u8 = 9;
    /// [`super::Frame::Started`]
    pub const STARTED: u8 = 65;
    /// [`super::Frame::Failed`]
    pub const FAILED: u8 = 66;
    /// [`super::Frame::State`]
    pub const STATE: u8 = 67;
    /// [`super::Frame::Attached`]
    pub const ATTACHED: u8 = 68;
    /// [`super::Frame::Output`]
    pub const OUTPUT: u8 = 69;
    /// [`super::Frame::Exited`]
    pub const EXITED: u8 = 70;
    /// [`super::Frame::Done`]
    pub const DONE: u8 = 71;
    /// [`super::Frame::Refused`]
    pub const REFUSED: u8 = 72;

    /// The version of the protocol that a kind came with; a frame says it in its header. So an older shim takes everything
    /// from a newer daemon that it can know, and refuses the rest. A kind that is new says its version here.
    pub const fn since(kind: u8) -> u16 {
        let _ = kind;
        1
    }

    /// Longest payload of a kind; `None`: there is no such kind.
    pub(super) fn limit(kind: u8) -> Option<u32> {
        const SMALL: u32 = 256;
        Some(match kind {
            START | EXEC => MAX_PAYLOAD,
            STDIN | OUTPUT => MAX_CHUNK as u32,
            FAILED => MAX_OBJECT as u32 + SMALL,
            ATTACH | ATTACH_EXEC | SUBSCRIBE | SIGNAL | RESIZE | CLOSE_STDIN => SMALL,
            STARTED | STATE | ATTACHED | EXITED | DONE | REFUSED => SMALL,
            _ => return None,
        })
    }
}

impl<'a> Frame<'a> {
    fn kind(&self) -> u8 {
        match self {
            Self::Start { .. } => kind::START,
            Self::Exec { .. } => kind::EXEC,
            Self::Attach { .. } => kind::ATTACH,
            Self::AttachExec { .. } => kind::ATTACH_EXEC,
            Self::Subscribe { .. } => kind::SUBSCRIBE,
            Self::Signal { .. } => kind::SIGNAL,
            Self::Resize { .. } => kind::RESIZE,
            Self::Stdin { .. } => kind::STDIN,
            Self::CloseStdin => kind::CLOSE_STDIN,
            Self::Started { .. } => kind::STARTED,
            Self::Failed { .. } => kind::FAILED,
            Self::State { .. } => kind::STATE,
            Self::Attached { .. } => kind::ATTACHED,
            Self::Output { .. } => kind::OUTPUT,
            Self::Exited { .. } => kind::EXITED,
            Self::Done => kind::DONE,
            Self::Refused { .. } => kind::REFUSED,
        }
    }

    fn write_payload(&self, sink: &mut impl Sink) {
        match self {
            // The last field of a payload needs no length: it ends where the payload ends.
            Self::Start { plan } => sink.put(plan),
            Self::Exec { id, plan } => {
                id.write(sink);
                sink.put(plan);
            }
            Self::Attach { stdin } => stdin.write(sink),
            Self::AttachExec { id, stdin } => {
                id.write(sink);
                stdin.write(sink);
            }
            Self::Subscribe { target } => target.write(sink),
            Self::Signal { target, signal } => {
                target.write(sink);
                signal.write(sink);
            }
            Self::Resize { target, rows, cols } => {
                target.write(sink);
                rows.write(sink);
                cols.write(sink);
            }
            Self::Stdin { bytes } | Self::Output { bytes, .. } => sink.put(bytes),
            Self::CloseStdin | Self::Done => {}
            Self::Started { pid } | Self::State { pid } => pid.write(sink),
            Self::Failed { step, errno, object } => {
                (*step as u16).write(sink);
                errno.write(sink);
                sink.put(object.get(..MAX_OBJECT).unwrap_or(object));
            }
            Self::Attached { log_inode, log_offset } => {
                log_inode.write(sink);
                log_offset.write(sink);
            }
            Self::Exited { record } => {
                let ExitRecord { pid, code, signal, oom_killed, started_at, finished_at } = record;
                pid.write(sink);
                code.write(sink);
                signal.write(sink);
                oom_killed.write(sink);
                started_at.write(sink);
                finished_at.write(sink);
            }
            Self::Refused { errno } => errno.write(sink),
        }
    }

    /// The header of this frame. A payload over the limit of its kind gets a header that receivers refuse.
    pub fn header(&self) -> FrameHeader {
        let mut length = Count::default();
        self.write_payload(&mut length);
        FrameHeader {
            kind: self.kind(),
            stream: if let Self::Output { stream, .. } = self { *stream } else { 0 },
            version: kind::since(self.kind()),
            length: u32::try_from(length.0).unwrap_or(u32::MAX),
        }
    }

    /// Encodes header and payload into `buffer`; the length used, or `None` if it is too short.
    pub fn encode(&self, buffer: &mut [u8]) -> Option<usize> {
        let mut sink = SliceSink::new(buffer);
        sink.put(&self.header().to_bytes());
        self.write_payload(&mut sink);
        sink.finish()
    }

    /// Encodes header and payload.
    #[cfg(feature = "alloc")]
    pub fn to_vec(&self) -> alloc::vec::Vec<u8> {
        let header = self.header();
        let length = usize::try_from(header.length).unwrap_or(0);
        let mut bytes = alloc::vec::Vec::with_capacity(HEADER + length);
        bytes.put(&header.to_bytes());
        self.write_payload(&mut bytes);
        bytes
    }

    /// Decodes the payload that belongs to a header.
    pub fn decode(header: &FrameHeader, payload: &'a [u8]) -> Result<Self, DecodeError> {
        if usize::try_from(header.length) != Ok(payload.len()) {
            return Err(DecodeError::Truncated);
        }
        let mut reader = Reader::new(payload);
        let r = &mut reader;
        let frame = match header.kind {
            kind::START => Self::Start { plan: r.rest() },
            kind::EXEC => Self::Exec { id: Field::read(r)?, plan: r.rest() },
            kind::ATTACH => Self::Attach { stdin: Field::read(r)? },
            kind::ATTACH_EXEC => Self::AttachExec { id: Field::read(r)?, stdin: Field::read(r)? },
            kind::SUBSCRIBE => Self::Subscribe { target: Field::read(r)? },
            kind::SIGNAL => Self::Signal { target: Field::read(r)?, signal: Field::read(r)? },
            kind::RESIZE => Self::Resize { target: Field::read(r)?, rows: Field::read(r)?, cols: Field::read(r)? },
            kind::STDIN => Self::Stdin { bytes: r.rest() },
            kind::CLOSE_STDIN => Self::CloseStdin,
            kind::STARTED => Self::Started { pid: Field::read(r)? },
            kind::FAILED => Self::Failed {
                step: StepKind::from_u16(Field::read(r)?).ok_or(DecodeError::BadValue)?,
                errno: Field::read(r)?,
                object: r.rest(),
            },
            kind::STATE => Self::State { pid: Field::read(r)? },
            kind::ATTACHED => Self::Attached { log_inode: Field::read(r)?, log_offset: Field::read(r)? },
            kind::OUTPUT => Self::Output { stream: header.stream, bytes: r.rest() },
            kind::EXITED => Self::Exited {
                record: ExitRecord {
                    pid: Field::read(r)?,
                    code: Field::read(r)?,
                    signal: Field::read(r)?,
                    oom_killed: Field::read(r)?,
                    started_at: Field::read(r)?,
                    finished_at: Field::read(r)?,
                },
            },
            kind::DONE => Self::Done,
            kind::REFUSED => Self::Refused { errno: Field::read(r)? },
            other => return Err(DecodeError::UnknownFrame(other)),
        };
        reader.end()?;
        Ok(frame)
    }
}
