//! The daemon's end of the shim's protocol: frames over unix sockets, and the program itself.

mod connection;
mod failure;
mod program;

pub use connection::{Connection, Message, Reader, Writer};
pub(super) use connection::{is_ended, unexpected};
pub(super) use failure::{describe_exec, describe_start};
pub(super) use program::ShimProgram;
