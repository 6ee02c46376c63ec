//! Why an image operation failed, in the words that Docker's clients match on.

use super::digest::Digest;
use super::layers::LayerError;
use super::reference::ReferenceError;
use crate::archive::ArchiveError;
use crate::store::object::ObjectError;
use std::io;
use std::path::PathBuf;

/// What sort of failure it is; the API turns it into a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// There is no such image.
    NotFound,
    /// Something uses it.
    Conflict,
    /// The request cannot be right.
    BadParameter,
    /// The machine failed.
    System,
}

/// An operation on images failed.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// Nothing has this name or id.
    #[error("No such image: {0}")]
    NotFound(String),
    /// The text names nothing.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// A digest cannot be given as a tag.
    #[error("refusing to create a tag with a digest reference")]
    TagWithDigest,
    /// A filter that Docker does not know, or a value that it does not have.
    #[error("invalid filter '{0}'")]
    Filter(String),
    /// A `--change` that cannot be applied.
    #[error(transparent)]
    Change(#[from] super::change::ChangeError),
    /// The last name of an image that containers use.
    #[error(
        "conflict: unable to remove repository reference \"{reference}\" (must force) - container {container} is using \
         its referenced image {image}"
    )]
    ReferenceInUse {
        /// As given.
        reference: String,
        /// Short id.
        container: String,
        /// Short id.
        image: String,
    },
    /// A running container uses it.
    #[error(
        "conflict: unable to delete {image} (cannot be forced) - image is being used by running container {container}"
    )]
    Running {
        /// Short id.
        image: String,
        /// Short id.
        container: String,
    },
    /// A stopped container uses it.
    #[error(
        "conflict: unable to delete {image} (must be forced) - image is being used by stopped container {container}"
    )]
    Stopped {
        /// Short id.
        image: String,
        /// Short id.
        container: String,
    },
    /// Given by id while it has several names.
    #[error("conflict: unable to delete {image} (must be forced) - image is referenced in multiple repositories")]
    SeveralNames {
        /// Short id.
        image: String,
    },
    /// The archive is no image archive.
    #[error("invalid archive: {0}")]
    Layout(String),
    /// A document in the archive cannot be read.
    #[error("invalid archive: parse {name}")]
    Document {
        /// Its name in the archive.
        name: String,
        /// Where and why.
        source: hull_api::decode::DecodeError,
    },
    /// A blob is not what its name or its descriptor says.
    #[error("invalid archive: blob {expected} has the content {found}")]
    Digest {
        /// Promised.
        expected: Digest,
        /// Computed.
        found: Digest,
    },
    /// More layers than can be mounted.
    #[error("max depth exceeded: the image has {0} layers, at most {most} can be mounted", most = super::layers::MOST_LAYERS)]
    TooManyLayers(usize),
    /// Made for another system.
    #[error("image operating system {0:?} cannot be used on this platform")]
    OperatingSystem(String),
    /// A layer could not be unpacked.
    #[error("unpack layer {index} of the image")]
    Layer {
        /// 0 is the lowest.
        index: usize,
        /// Why.
        source: LayerError,
    },
    /// The store of layers.
    #[error(transparent)]
    Layers(#[from] LayerError),
    /// The archive itself cannot be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The store's descriptions.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// The store's files.
    #[error("{operation} {}", path.display())]
    Io {
        /// What was being done.
        operation: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The client takes no more of the archive.
    #[error("write the archive")]
    Write(#[source] io::Error),
}

impl ImageError {
    /// What sort of failure it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::NotFound(_) => Kind::NotFound,
            Self::ReferenceInUse { .. } | Self::Running { .. } | Self::Stopped { .. } | Self::SeveralNames { .. } => {
                Kind::Conflict
            }
            Self::Reference(_) | Self::TagWithDigest | Self::Filter(_) | Self::Change(_) => Kind::BadParameter,
            Self::Layout(_) | Self::Document { .. } | Self::Digest { .. } | Self::TooManyLayers(_) => {
                Kind::BadParameter
            }
            Self::OperatingSystem(_) | Self::Archive(_) => Kind::BadParameter,
            Self::Layer { source, .. } | Self::Layers(source) if source.is_the_archives_fault() => Kind::BadParameter,
            Self::Layer { .. } | Self::Layers(_) | Self::Object(_) | Self::Io { .. } | Self::Write(_) => Kind::System,
        }
    }

    /// The error with all its causes, for the client.
    pub fn message(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }

    /// For `map_err` of file operations.
    pub(super) fn io(operation: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { operation, path, source }
    }
}
