//! What a container's image has below the container's own layer, for telling what is new.

use super::super::model::Container;
use super::error::FilesError;
use super::view::{Overlay, View};
use crate::store::paths::Paths;
use hull_runtime::plan::overlay_options;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

const OPAQUE: &str = "trusted.overlay.opaque";

/// What the engine itself makes in a container's layer to mount upon, where the image has nothing.
const OUR_FILES: [&[u8]; 5] = [b"etc/resolv.conf", b"etc/hostname", b"etc/hosts", b".dockerenv", b"dev/console"];
const OUR_DIRECTORIES: [&[u8]; 7] = [b"dev", b"dev/mqueue", b"dev/pts", b"dev/shm", b"etc", b"proc", b"sys"];

/// The two trees: the container's own layer, and all that lies below it.
pub(super) struct Trees {
    pub(super) upper: OwnedFd,
    /// `None`: an image without files.
    pub(super) base: Option<OwnedFd>,
    /// Holds the mount.
    _view: Option<View>,
}

impl Trees {
    /// Blocking.
    pub(super) fn open(paths: &Paths, container: &Container) -> Result<Self, FilesError> {
        let io = |operation| move |errno: Errno| FilesError::Io { operation, source: errno.into() };
        let look = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = |path: PathBuf| rustix::fs::open(path, look, Mode::empty());
        let upper = open(paths.container_upper(&container.id)).map_err(io("open the container's layer"))?;
        let (base, view) = match &container.layers[..] {
            [] => (None, None),
            // Overlayfs makes nothing of one layer alone.
            [one] => (Some(open(paths.layers().join(one)).map_err(io("open the image's layer"))?), None),
            layers => {
                let lower: Vec<PathBuf> = layers.iter().map(PathBuf::from).collect();
                let options = overlay_options(&lower, None).map_err(|error| FilesError::Io {
                    operation: "name the image's layers",
                    source: std::io::Error::other(error),
                })?;
                let view =
                    View::of_overlay(Overlay { layers: paths.layers(), options, over: paths.exec_root().to_owned() })?;
                let root = view.root().try_clone_to_owned();
                (
                    Some(root.map_err(|source| FilesError::Io { operation: "open the image's layers", source })?),
                    Some(view),
                )
            }
        };
        Ok(Self { upper, base, _view: view })
    }
}

/// What the image has at this name.
pub(super) fn below(base: Option<&OwnedFd>, name: &OsStr) -> Result<Option<Stat>, Errno> {
    let Some(base) = base else { return Ok(None) };
    match rustix::fs::statat(base, name, AtFlags::SYMLINK_NOFOLLOW) {
        // In a single layer, which is read as it is.
        Ok(stat) if is_whiteout(&stat) => Ok(None),
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// A directory of the image's; `None` if it is none.
pub(super) fn directory_below(base: Option<&OwnedFd>, name: &OsStr) -> Result<Option<OwnedFd>, Errno> {
    let Some(base) = base else { return Ok(None) };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(base, name, flags, Mode::empty()) {
        Ok(directory) => Ok(Some(directory)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Overlayfs' mark for "not here any more".
pub(super) fn is_whiteout(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0
}

/// Whether a directory of the container's hides all that the image has in it.
pub(super) fn is_opaque(directory: impl AsFd) -> bool {
    let mut value = [0; 2];
    rustix::fs::fgetxattr(directory, OPAQUE, &mut value[..]).is_ok_and(|length| &value[..length] == b"y")
}

/// Whether this is only there to be mounted upon by the engine. A directory is, as long as nothing of the user's is in it.
pub(super) fn is_ours(path: &[u8], stat: &Stat, below: Option<&Stat>) -> bool {
    below.is_none()
        && match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => OUR_DIRECTORIES.contains(&path),
            FileType::RegularFile => stat.st_size == 0 && OUR_FILES.contains(&path),
            _ => false,
        }
}

/// Whether a file that both have was changed, by Docker's rule: neither a directory's size nor its time counts.
pub(super) fn differs(old: &Stat, new: &Stat) -> bool {
    let is_directory = FileType::from_raw_mode(new.st_mode) == FileType::Directory;
    // Archives with whole seconds make times without a fraction.
    let same_time = old.st_mtime == new.st_mtime
        && (old.st_mtime_nsec == new.st_mtime_nsec || old.st_mtime_nsec == 0 || new.st_mtime_nsec == 0);
    (old.st_mode, old.st_uid, old.st_gid, old.st_rdev) != (new.st_mode, new.st_uid, new.st_gid, new.st_rdev)
        || (!is_directory && (!same_time || old.st_size != new.st_size))
}
