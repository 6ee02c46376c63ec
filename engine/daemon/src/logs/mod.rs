//! Container logs: Docker's json-file format, written by the shim, read here.
//!
//! ```text
//!   <id>-json.log.2   <id>-json.log.1   <id>-json.log       oldest ... newest; rotation renames upwards
//!         \________________|_________________/
//!                      LogReader  (position = inode + offset, so that a rename under it does not matter)
//!                          |
//!   LogWatcher (one inotify for all) -> stream() -> chunks of stdout and stderr
//! ```
//! A line of the file is a record: what a process wrote up to a newline, or a piece of it when it was long or when a prompt
//! had to be seen at once. Readers join pieces again, so splits don't show. Damaged lines (a power cut) are passed over.
//! The files are the whole truth: `logs`, `logs -f` and attach all read them, and nothing that a reader does can hold up a writer.

mod chain;
mod reader;
mod record;
mod stream;
mod tail;
#[cfg(test)]
mod tests;
mod watch;

pub use reader::{LogReader, Selection, Start};
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
