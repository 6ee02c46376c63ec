//! Container logs: Docker's json-file format, written by the shim, read here.
//!
//! ```text
//!   <id>-json.log.2.gz   <id>-json.log.1   <id>-json.log    oldest ... newest; the shim's rotation renames upwards,
//!         \___________________|_________________/            compress replaces .N by .N.gz
//!                           Lines      (place = which file + offset: renames and compression don't matter)
//!                         /       \
//!   watch (inotify) -> LogReader   journald     -> stream() -> chunks of stdout and stderr; the journal's socket
//! ```
//! [`options`] says what the drivers are and what their options mean. All but `none` write such files; `local` is Docker's
//! name for files that nobody else reads, `journald` reads them and sends on.
//!
//! A line of the file is a record: what a process wrote up to a newline, or a piece of it when it was long or when a prompt
//! had to be seen at once. Readers join pieces again, so splits don't show. Damaged lines (a power cut) are passed over.
//! The files are the whole truth: `logs`, `logs -f` and attach all read them, and nothing that a reader does can hold up a writer.

mod attributes;
mod chain;
mod compress;
mod escape;
mod journald;
mod keeper;
mod lines;
pub mod options;
mod packed;
mod reader;
mod record;
mod size;
mod stream;
mod tag;
mod tail;
#[cfg(test)]
mod tests;
mod watch;

pub use attributes::{Attributes, Subject};
pub use keeper::{Keeper, Keeping};
pub use lines::{Place, Start};
pub use options::{Driver, Files, LogDefaults, LogOptionError};
pub use reader::{LogReader, Selection};
pub use stream::{Chunks, Follow, stream};
pub use watch::{LogChanges, LogWatcher};

use bytes::Bytes;
use hull_api::stream::StreamKind;

/// A piece of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Which stream it is of; a terminal has only stdout.
    pub stream: StreamKind,
    /// The bytes.
    pub bytes: Bytes,
}
