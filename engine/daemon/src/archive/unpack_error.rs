//! What can be wrong with an archive that is unpacked, or with the place.

use super::ArchiveError;
use super::limits::OverLimit;
use rustix::io::Errno;
use std::io;

/// Why an archive could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The tar cannot be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A name or a link leads out of the tree.
    #[error("{path:?} leads out of the directory that is unpacked into")]
    Escapes {
        /// As written in the tar.
        path: String,
    },
    /// A path with too many levels.
    #[error("{path:?} has more than {limit} levels")]
    TooDeep {
        /// As written in the tar.
        path: String,
        /// Accepted.
        limit: usize,
    },
    /// Owner ids beyond what the kernel has.
    #[error("{path:?} belongs to {uid}:{gid}, which is no user and group")]
    Owner {
        /// As written in the tar.
        path: String,
        /// User.
        uid: u64,
        /// Group.
        gid: u64,
    },
    /// A hard link whose target is not in the tree.
    #[error("link {path:?} to {target:?}")]
    Link {
        /// The link.
        path: String,
        /// What it should be the same as.
        target: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// A directory would have given way to something else.
    #[error("cannot overwrite directory {path:?} with non-directory {base:?}")]
    DirectoryKept {
        /// Where it is.
        path: String,
        /// What is unpacked into.
        base: String,
    },
    /// Something else would have given way to a directory.
    #[error("cannot overwrite non-directory {path:?} with directory {base:?}")]
    NonDirectoryKept {
        /// Where it is.
        path: String,
        /// What is unpacked into.
        base: String,
    },
    /// More than the free disk.
    #[error("the archive has more than {limit} bytes, which is all that the disk can take")]
    TooLarge {
        /// Accepted.
        limit: u64,
    },
    /// More files than the disk has inodes.
    #[error("the archive has more than {limit} entries, which is all that the disk can take")]
    TooMany {
        /// Accepted.
        limit: u64,
    },
    /// A system call on one entry failed.
    #[error("{operation} {path:?}")]
    Apply {
        /// What was being done.
        operation: &'static str,
        /// To which entry.
        path: String,
        /// What the kernel said.
        source: io::Error,
    },
}

impl UnpackError {
    /// Another archive would have been unpacked; else it is the disk or the kernel.
    pub fn is_the_archives_fault(&self) -> bool {
        const OF_PATHS: [Errno; 6] =
            [Errno::NAMETOOLONG, Errno::LOOP, Errno::NOTDIR, Errno::ISDIR, Errno::EXIST, Errno::INVAL];
        match self {
            Self::TooLarge { .. } | Self::TooMany { .. } => false,
            Self::Apply { source, .. } => {
                OF_PATHS.iter().any(|errno| source.raw_os_error() == Some(errno.raw_os_error()))
            }
            _ => true,
        }
    }

    pub(super) fn read(source: io::Error) -> Self {
        match source.get_ref().and_then(|inner| inner.downcast_ref::<OverLimit>()) {
            Some(over) => Self::TooLarge { limit: over.0 },
            None => Self::Archive(ArchiveError::Read(source)),
        }
    }
}
