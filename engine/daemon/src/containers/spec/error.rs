//! Why a container's configuration cannot become a spec.

use super::invalid::Invalid;
use crate::containers::Kind;
use hull_runtime::capabilities::UnknownCapability;
use hull_runtime::seccomp::SeccompError;
use std::io;
use std::path::PathBuf;

/// Found at start, when the host is asked.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// The request itself makes no sense.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A capability that does not exist.
    #[error(transparent)]
    Capability(#[from] UnknownCapability),
    /// The seccomp profile cannot be used.
    #[error("{error}{}", cause(.error))]
    Seccomp {
        /// What is wrong with it.
        error: SeccompError,
    },
    /// A device that is to be handed on is not there.
    #[error("error gathering device information while adding custom device {path:?}: {source}")]
    Device {
        /// As the user wrote it.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A block device that is to be throttled is not there, or is none.
    #[error("block I/O limit for {path:?}: {source}")]
    BlockDevice {
        /// As the user wrote it.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A profile was asked for, and nothing here applies any yet.
    #[error("AppArmor profile {0:?} cannot be applied: this engine does not load AppArmor profiles yet")]
    AppArmor(String),
    /// A mount must be read-only with all that is mounted below it.
    #[error("recursive read-only of {0:?} is not supported: the kernel is older than 5.12")]
    RecursiveReadOnly(String),
    /// `oci-spec` refused a value.
    #[error("OCI spec")]
    Oci(#[from] oci_spec::OciSpecError),
}

impl From<SeccompError> for SpecError {
    fn from(error: SeccompError) -> Self {
        Self::Seccomp { error }
    }
}

/// Docker's message has the cause in it, and clients see nothing but the message.
fn cause(error: &SeccompError) -> String {
    std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default()
}

impl SpecError {
    /// What a client is to make of it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Oci(_) => Kind::System,
            Self::AppArmor(_) => Kind::NotImplemented,
            _ => Kind::BadParameter,
        }
    }
}
