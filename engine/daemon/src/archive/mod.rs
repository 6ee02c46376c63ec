//! Tar archives: reading those that strangers made, making trees of them, and writing trees as archives.
//!
//! ```text
//!   compression -> reader -> unpack -> tree        stream to files: layers, `cp` into a container
//!                  sparse /
//!   pack -> writer -> header                       files to stream: `cp` out of one, export, commit
//! ```
//! The tar crate parses and fills the 512-byte headers here and nothing more: its own iterator reads a GNU long name of
//! any declared size into memory, and its unpacking is not confined by the kernel. Every count that an archive declares
//! is checked before memory or disk is spent on it. Where formats contradict each other (a pax `size` beside a header's,
//! data behind a link), the reader decides as Go's archive/tar does, since a scanner that used that one has seen the
//! same entries then.

mod apply;
mod compression;
mod header;
mod limits;
mod pack;
mod place_file;
mod reader;
mod remove;
mod sparse;
mod tree;
mod unpack;
mod unpack_error;
mod writer;

pub(crate) use compression::decompress;
pub(crate) use limits::{Limited, Limits};
pub(crate) use pack::{join, names, open_directory, pack};
pub(crate) use reader::{Archive, Kind};
pub(crate) use tree::Tree;
pub(crate) use unpack::{Rules, unpack};
pub use unpack_error::UnpackError;
pub use writer::WriteError;
pub(crate) use writer::{Form, Writer};

use std::io;

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The stream under it failed, or ended within an entry.
    #[error("read the archive")]
    Read(#[source] io::Error),
    /// A header's checksum is wrong: not a tar, or a damaged one.
    #[error("invalid tar header at byte {0}")]
    Header(u64),
    /// A field of a header says nonsense.
    #[error("invalid {field} in the tar header at byte {offset}")]
    Field {
        /// Which.
        field: &'static str,
        /// Where.
        offset: u64,
    },
    /// A long name or a set of extended attributes beyond any use.
    #[error("the {what} at byte {offset} has {size} bytes, at most {limit} are accepted")]
    TooLong {
        /// What.
        what: &'static str,
        /// Where.
        offset: u64,
        /// Declared.
        size: u64,
        /// Accepted.
        limit: u64,
    },
    /// A kind of entry that no layer has.
    #[error("{path:?} has the unknown tar entry type {kind:?}")]
    Kind {
        /// Its name.
        path: String,
        /// The type's byte.
        kind: char,
    },
    /// A compression that Hull does not know.
    #[error("the archive is compressed with {0}; gzip, zstd and none are supported")]
    Compression(&'static str),
}

#[cfg(test)]
mod tests;
