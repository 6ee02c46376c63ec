//! The Plan: the versioned protocol between `hulld` and `hull-shim`.
//!
//! The daemon decides *everything that is policy* and writes it down as a flat list of [`Step`]s; the shim
//! carries the list out, in order, and knows no policy. Plans are pure values: they are built, printed, compared
//! and fuzzed without root.
//!
//! ```text
//!  hulld                                             hull-shim (one per container)
//!    | -- stdin socketpair: Start(plan) ----------->  |  clone3 of the container's init
//!    | <- Started{pid} | Failed{step,object,errno} -  |
//!    | <- Exited(record) ---------------------------  |  (record is on disk before this is sent)
//!    |                                                |
//!    | -- control socket, one request a connection:   |
//!    |      Exec(plan)   -> Started|Failed, Output*, Exited; Stdin*, CloseStdin from us
//!    |      Attach       -> Attached, (Output*), Exited; Stdin*, CloseStdin from us
//!    |      Subscribe    -> State, Exited
//!    |      Signal, Resize -> Done | Refused
//! ```
//!
//! - A connection is one client's: closing it, or half of it, is leaving. What has been asked for goes on; a stdin made
//!   for one client (`Stdin { once: true }`) ends.
//! - `Attach` and `Exec` are refused with `ESRCH` before `Started` and after the end; an id that is in use with `EEXIST`.
//! - `Exited` comes after the last `Output` of its connection, and after the exit record is on disk. A connection that has
//!   no output to wait for (`Subscribe`) hears at once, however slow others are. It unbinds the connection, which may then
//!   be closed or used again.
//! - Frames and plans say the version that they need, not the newest that their sender knows: an old shim works under a
//!   new daemon as long as that asks for nothing new.
//! - A frame that is malformed, or that makes no sense from this side, ends its connection and nothing else.
//! - The control socket is gone before the first `Exited` of the init is sent: who cannot connect finds the record.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;

pub mod frame;
pub mod record;
pub mod step;

mod codec;
mod wire;

pub use codec::{DecodeError, Steps};
#[cfg(feature = "alloc")]
pub use codec::{Plan, PlanBuilder, PlanTooLong};
pub use frame::{Frame, FrameHeader, StepKind};
pub use record::ExitRecord;
pub use step::Step;

/// Version of the protocol: the newest that this side knows. What needs more is refused. Version 1 is written down byte by
/// byte in `tests/version_1.rs`, because shims that speak it run on under every newer daemon.
pub const VERSION: u16 = 3;
