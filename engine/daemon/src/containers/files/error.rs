//! Why files of a container cannot be read or written, in Docker's words.

use super::super::error::Kind;
use super::view::ViewError;
use crate::archive::{ArchiveError, UnpackError, WriteError};
use rustix::io::Errno;
use std::io;

/// An operation on a container's files failed.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// Nothing has this path.
    #[error("Could not find the file {path} in container {container}")]
    NotFound {
        /// As asked for.
        path: String,
        /// As asked for.
        container: String,
    },
    /// The path cannot be followed.
    #[error("lstat {path}: {}", reason(source))]
    Path {
        /// As asked for.
        path: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// An archive can be unpacked into a directory only.
    #[error("extraction point is not a directory")]
    NotDirectory,
    /// `--read-only`.
    #[error("container rootfs is marked read-only")]
    ReadOnlyRoot,
    /// `-v ...:ro`.
    #[error("mounted volume is marked read-only")]
    ReadOnlyVolume,
    /// It has no files of its own.
    #[error("container {0} uses the files of the host: copy them there")]
    HostFiles(String),
    /// A bind mount whose source has gone.
    #[error("invalid mount config for type \"bind\": bind source path does not exist: {0}")]
    NoSource(String),
    /// The container's user, whose the copied files were to be.
    #[error("unable to find user {0}: no matching entries in passwd file")]
    NoUser(String),
    /// Its files could not be made visible.
    #[error(transparent)]
    View(#[from] ViewError),
    /// What was sent cannot be unpacked.
    #[error("{}", chain(.0))]
    Unpack(#[source] UnpackError),
    /// What was asked for cannot be sent.
    #[error("{}", chain(.0))]
    Write(#[source] WriteError),
    /// The engine's own files.
    #[error("{operation}: {}", reason(source))]
    Io {
        /// What was being done.
        operation: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

impl FilesError {
    /// What a client is to make of it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::NotFound { .. } => Kind::NotFound,
            Self::View(error) if error.is_of_the_request() => Kind::BadParameter,
            Self::View(_) | Self::Write(_) | Self::Io { .. } => Kind::System,
            // The container's files may not be what the archive takes them for.
            Self::Unpack(UnpackError::Apply { source, .. }) if refused(source) => Kind::BadParameter,
            Self::Unpack(error) if !error.is_the_archives_fault() => Kind::System,
            _ => Kind::BadParameter,
        }
    }

    /// For a look-up of `path`.
    pub(super) fn path(path: &str, container: &str) -> impl FnOnce(Errno) -> Self {
        let (path, container) = (path.to_owned(), container.to_owned());
        move |errno| match errno {
            Errno::NOENT => Self::NotFound { path, container },
            errno => Self::Path { path, source: errno.into() },
        }
    }
}

impl From<UnpackError> for FilesError {
    fn from(error: UnpackError) -> Self {
        Self::Unpack(error)
    }
}

impl From<ArchiveError> for FilesError {
    fn from(error: ArchiveError) -> Self {
        Self::Unpack(error.into())
    }
}

impl From<WriteError> for FilesError {
    fn from(error: WriteError) -> Self {
        Self::Write(error)
    }
}

fn refused(error: &io::Error) -> bool {
    use io::ErrorKind::{DirectoryNotEmpty, NotFound, PermissionDenied, ReadOnlyFilesystem, ResourceBusy};
    let kinds = [DirectoryNotEmpty, NotFound, PermissionDenied, ReadOnlyFilesystem, ResourceBusy];
    kinds.contains(&error.kind())
}

/// A system error as Go writes it: `not a directory`.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// One line, for clients show nothing else.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.downcast_ref::<io::Error>().map_or_else(|| error.to_string(), reason);
        text = format!("{text}: {words}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_as_dockers() {
        let error = FilesError::path("/etc/passwd/x", "c")(Errno::NOTDIR);
        assert_eq!(
            (error.to_string().as_str(), error.kind()),
            ("lstat /etc/passwd/x: not a directory", Kind::BadParameter)
        );
        let error = FilesError::path("/x", "c1")(Errno::NOENT);
        assert_eq!(
            (error.to_string().as_str(), error.kind()),
            ("Could not find the file /x in container c1", Kind::NotFound)
        );
        let source = io::Error::from(Errno::NOSPC);
        let error = FilesError::from(UnpackError::Apply { operation: "write", path: "f".to_owned(), source });
        assert_eq!((error.to_string().as_str(), error.kind()), ("write \"f\": no space left on device", Kind::System));
    }
}
