//! A container's own layer as a tar of an image's: overlayfs' marks become those of the OCI image-spec (layer.md).
//!
//! | in the directory | in the tar |
//! | --- | --- |
//! | character device 0:0 `name` | `.wh.name` |
//! | `trusted.overlay.opaque=y` on a folder | `.wh..wh..opq` in it |
//! | other `trusted.overlay.*` | nothing |
//!
//! Directories that are there only because overlayfs needs them on the way, as they are in the image, are written when
//! something in them is.

use super::base::{Trees, below, differs, directory_below, is_opaque, is_ours, is_whiteout};
use super::error::FilesError;
use crate::archive::{Form, Writer, join, names, open_directory};
use rustix::fs::{AtFlags, FileType, Stat};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

/// Each level holds two descriptors.
const MOST_LEVELS: usize = 1000;

/// One directory on the way down.
struct Level {
    path: Vec<u8>,
    upper: OwnedFd,
    base: Option<OwnedFd>,
    children: std::vec::IntoIter<OsString>,
    stat: Stat,
    written: bool,
}

/// Writes the layer; how many entries it has. Blocking.
pub(super) fn write(trees: &Trees, output: impl Write) -> Result<u64, FilesError> {
    let failed = |errno: Errno| FilesError::Io { operation: "read the container's layer", source: errno.into() };
    let mut writer = Writer::new(output, Form::Layer);
    let upper = open_directory(trees.upper.as_fd(), b"").map_err(failed)?;
    let base = trees.base.as_ref().map(|base| open_directory(base.as_fd(), b"")).transpose().map_err(failed)?;
    let stat = rustix::fs::fstat(&upper).map_err(failed)?;
    let children = names(&upper).map_err(failed)?.into_iter();
    // The root has no entry: it is the engine's.
    let mut levels = vec![Level { path: Vec::new(), upper, base, children, stat, written: true }];
    while let Some(top) = levels.last_mut() {
        let Some(name) = top.children.next() else {
            levels.pop();
            continue;
        };
        let stat = match rustix::fs::statat(&top.upper, &name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => continue,
            stat => stat.map_err(failed)?,
        };
        let path = join(&top.path, name.as_bytes());
        let old = below(top.base.as_ref(), &name).map_err(failed)?;
        if is_whiteout(&stat) {
            if old.is_some() {
                let mark = join(&top.path, &[b".wh.", name.as_bytes()].concat());
                write_levels(&mut writer, &mut levels)?;
                writer.mark(&mark)?;
            }
            continue;
        }
        let ours = is_ours(&path, &stat, old.as_ref());
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            let Some(mut level) = inner(top, &name, path, stat).map_err(failed)? else { continue };
            if levels.len() == MOST_LEVELS {
                return Err(failed(Errno::NAMETOOLONG));
            }
            let opaque = is_opaque(&level.upper).then(|| join(&level.path, b".wh..wh..opq"));
            if opaque.is_some() {
                // Nothing shows through, so all that is in it is new.
                level.base = None;
            }
            levels.push(level);
            if opaque.is_some() || (!ours && old.is_none_or(|old| differs(&old, &stat))) {
                write_levels(&mut writer, &mut levels)?;
            }
            if let Some(mark) = opaque {
                writer.mark(&mark)?;
            }
        } else if !ours {
            write_levels(&mut writer, &mut levels)?;
            if let Some(top) = levels.last() {
                writer.entry(&path, top.upper.as_fd(), &name, &stat)?;
            }
        }
    }
    let entries = writer.entries();
    writer.finish()?;
    Ok(entries)
}

fn inner(top: &Level, name: &OsStr, path: Vec<u8>, stat: Stat) -> Result<Option<Level>, Errno> {
    let upper = match open_directory(top.upper.as_fd(), name.as_bytes()) {
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
        upper => upper?,
    };
    let base = directory_below(top.base.as_ref(), name)?;
    let children = names(&upper)?.into_iter();
    Ok(Some(Level { path, upper, base, children, stat, written: false }))
}

/// The directories down to here that have no entry yet.
fn write_levels(writer: &mut Writer<impl Write>, levels: &mut [Level]) -> Result<(), FilesError> {
    for level in levels.iter_mut().filter(|level| !level.written) {
        writer.entry(&level.path, level.upper.as_fd(), OsStr::new("."), &level.stat)?;
        level.written = true;
    }
    Ok(())
}
