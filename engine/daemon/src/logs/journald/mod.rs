//! The driver `journald`: what the shim writes to the log's files is sent on to the host's journal, by its native protocol.
//!
//! ```text
//!  shim -> files -> Lines -> forward (one task for each container) -> datagrams -> /run/systemd/journal/socket
//!                              |-- place of the last line that was sent, in `<log>.journald`
//! ```
//! A journal that is slow or down holds up nobody: the files are the buffer, and what they still have is sent when it is
//! back, also by the next daemon. A daemon that is killed between sending and noting the place sends some lines again.
//! `docker logs` reads the files.

mod forward;
mod message;
mod socket;
#[cfg(test)]
mod tests;

pub(super) use forward::Forward;
pub(super) use message::Fields;
pub(super) use socket::Journal;
