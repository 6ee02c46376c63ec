//! What can go wrong with volumes, in Docker's words.

use crate::store::object::ObjectError;
use std::io;
use std::path::PathBuf;

/// Why a volume operation failed.
#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    /// No such volume.
    #[error("get {0}: no such volume")]
    NotFound(String),
    /// A name that could leave the volumes' directory.
    #[error(
        "create {0}: {0:?} includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path"
    )]
    InvalidName(String),
    /// One letter.
    #[error("create {0}: volume name is too short, names should be at least two alphanumeric characters")]
    ShortName(String),
    /// Containers use it.
    #[error("remove {name}: volume is in use - [{}]", users.join(", "))]
    InUse {
        /// The volume.
        name: String,
        /// Ids of its containers.
        users: Vec<String>,
    },
    /// Only `local` is built in.
    #[error("create {name}: error looking up volume plugin {driver}: plugin {driver:?} not found")]
    NoDriver {
        /// The volume.
        name: String,
        /// The driver that was asked for.
        driver: String,
    },
    /// The driver `local` takes no mount options yet.
    #[error("create {name}: driver option {option:?} of local volumes is not supported yet")]
    UnsupportedOption {
        /// The volume.
        name: String,
        /// The option.
        option: String,
    },
    /// An option that `local` doesn't have in Docker either.
    #[error("create {name}: invalid option: {option:?}")]
    InvalidOption {
        /// The volume.
        name: String,
        /// The option.
        option: String,
    },
    /// A filter that volumes don't have, or a value it doesn't take.
    #[error("invalid filter '{0}'")]
    InvalidFilter(String),
    /// No random name could be made.
    #[error("name a volume")]
    Random(#[source] io::Error),
    /// The file system refused.
    #[error("{operation} {}", path.display())]
    Io {
        /// What was being done.
        operation: &'static str,
        /// To what.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The volume's description could not be read or written.
    #[error(transparent)]
    Store(#[from] ObjectError),
}
