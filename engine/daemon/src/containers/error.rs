//! What can go wrong with containers, in Docker's words where a client reads them.

use super::state::Refusal;
use crate::store::object::ObjectError;
use std::io;

/// What a client is to make of an error; the API maps each to a status in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What was named does not exist.
    NotFound,
    /// Not possible in the present state.
    Conflict,
    /// Nothing to do.
    NotModified,
    /// The request makes no sense.
    BadParameter,
    /// The engine or the system failed.
    System,
    /// The engine cannot do that with this object.
    NotImplemented,
}

/// Why an operation on a container failed.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    /// No container has this id, prefix or name.
    #[error("No such container: {0}")]
    NotFound(String),
    /// A prefix of several ids.
    #[error("multiple IDs found with provided prefix: {0}")]
    Ambiguous(String),
    /// No exec has this id.
    #[error("No such exec instance: {0}")]
    NoExec(String),
    /// Another container has the name.
    #[error(
        "Conflict. The container name \"/{name}\" is already in use by container \"{id}\". You have to remove (or rename) that container to be able to reuse that name."
    )]
    NameInUse {
        /// The name, without its slash.
        name: String,
        /// Whose it is.
        id: String,
    },
    /// Not a name.
    #[error("Invalid container name ({0}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")]
    InvalidName(String),
    /// The state forbids it; the text is Docker's for the operation.
    #[error("{message}")]
    State {
        /// Docker's words.
        message: String,
        /// What the state machine said. No source: Docker's words have it in them, and clients match on the whole of them.
        refusal: Refusal,
    },
    /// It is so already.
    #[error("{0}")]
    NotModified(&'static str),
    /// Something in the request is wrong, in Docker's words.
    #[error("{0}")]
    BadParameter(String),
    /// Something that the request names does not exist, in Docker's words.
    #[error("{0}")]
    Missing(String),
    /// The payload could not be run: the user's command or configuration is at fault.
    #[error("{message}")]
    Start {
        /// Docker's words, from which its command line derives 125, 126 or 127.
        message: String,
        /// What a client is to make of it.
        kind: Kind,
    },
    /// An operation of the engine failed.
    #[error("{operation} container {id}: {source}")]
    System {
        /// What was being done.
        operation: &'static str,
        /// To which container.
        id: String,
        /// Why it failed.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A description could not be written.
    #[error(transparent)]
    Store(#[from] ObjectError),
    /// Output is not kept.
    #[error("{0}")]
    NoLog(&'static str),
    /// Its files cannot be read or written.
    #[error(transparent)]
    Files(#[from] super::files::FilesError),
    /// The kernel gave no random bytes.
    #[error("make an id")]
    Random(#[source] io::Error),
    /// The daemon is going down.
    #[error("the engine is shutting down")]
    ShuttingDown,
}

impl ContainerError {
    /// What a client is to make of it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::NotFound(_) | Self::NoExec(_) | Self::Missing(_) => Kind::NotFound,
            Self::NameInUse { .. } | Self::State { .. } => Kind::Conflict,
            Self::NotModified(_) => Kind::NotModified,
            Self::Ambiguous(_) | Self::InvalidName(_) | Self::BadParameter(_) => Kind::BadParameter,
            Self::Start { kind, .. } => *kind,
            Self::NoLog(_) => Kind::NotImplemented,
            Self::System { .. } | Self::Store(_) | Self::Random(_) | Self::ShuttingDown => Kind::System,
            Self::Files(error) => error.kind(),
        }
    }

    /// For `map_err`.
    pub(super) fn system<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        operation: &'static str,
        id: &crate::ids::ContainerId,
    ) -> impl FnOnce(E) -> Self {
        let id = id.to_string();
        move |source| Self::System { operation, id, source: source.into() }
    }

    /// The operation needs a running container.
    pub fn not_running(id: &crate::ids::ContainerId) -> Self {
        Self::state(Refusal::NotRunning, format!("container {id} is not running"))
    }

    /// The operation needs a running container, and this one waits for its restart.
    pub fn restarting(id: &crate::ids::ContainerId) -> Self {
        let message = format!("Container {id} is restarting, wait until the container is running");
        Self::state(Refusal::Restarting, message)
    }

    pub(super) fn state(refusal: Refusal, message: impl Into<String>) -> Self {
        Self::State { message: message.into(), refusal }
    }
}
