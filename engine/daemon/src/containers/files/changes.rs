//! `diff`: what a container has changed of its image's files.
//!
//! Only the container's own layer is walked, with a look below for each thing in it, so the size of the image does not
//! matter. The answer is Docker's: a directory is named when something in it has changed, what was deleted with a
//! directory is not named, and what the engine made to mount upon is not there.

use super::base::{Trees, below, differs, directory_below, is_opaque, is_ours, is_whiteout};
use super::error::FilesError;
use crate::archive::{join, names, open_directory};
use hull_api::ChangeItem;
use rustix::fs::{AtFlags, FileType, Stat};
use rustix::io::Errno;
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

/// Each level holds two descriptors and a frame of the stack.
const MOST_LEVELS: usize = 1000;

const MODIFIED: u8 = 0;
const ADDED: u8 = 1;
const DELETED: u8 = 2;

/// All changes, a directory before what is in it. Blocking.
pub(super) fn list(trees: &Trees) -> Result<Vec<ChangeItem>, FilesError> {
    let failed =
        |errno: Errno| FilesError::Io { operation: "compare the container with its image", source: errno.into() };
    let mut changes = Vec::new();
    let upper = open_directory(trees.upper.as_fd(), b"").map_err(failed)?;
    let base = trees.base.as_ref().map(|base| open_directory(base.as_fd(), b"")).transpose().map_err(failed)?;
    directory(&upper, base.as_ref(), b"", false, 0, &mut changes).map_err(failed)?;
    Ok(changes)
}

/// `hidden`: this directory, or one that it is in, hides what the image has there.
fn directory(
    upper: &OwnedFd,
    base: Option<&OwnedFd>,
    path: &[u8],
    hidden: bool,
    level: usize,
    changes: &mut Vec<ChangeItem>,
) -> Result<(), Errno> {
    if level == MOST_LEVELS {
        return Err(Errno::NAMETOOLONG);
    }
    if hidden {
        deleted(upper, base, path, changes)?;
    }
    for name in names(upper)? {
        let stat = match rustix::fs::statat(upper, &name, AtFlags::SYMLINK_NOFOLLOW) {
            // It runs, and has just removed it.
            Err(Errno::NOENT) => continue,
            stat => stat?,
        };
        let path = join(path, name.as_bytes());
        let old = below(base, &name)?;
        if is_whiteout(&stat) {
            if old.is_some() {
                changes.push(item(&path, DELETED));
            }
            continue;
        }
        let kind = match &old {
            None => Some(ADDED).filter(|_| !is_ours(&path, &stat, None)),
            Some(old) => {
                (differs(old, &stat) || capabilities_differ(old, &stat, base, upper, &name)).then_some(MODIFIED)
            }
        };
        let at = changes.len();
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            changes.extend(kind.map(|kind| item(&path, kind)));
            continue;
        }
        // A change within makes it one of its own; else it goes again.
        changes.push(item(&path, kind.unwrap_or(if old.is_none() { ADDED } else { MODIFIED })));
        let inner = match open_directory(upper.as_fd(), name.as_bytes()) {
            Err(Errno::NOENT | Errno::NOTDIR) => None,
            inner => Some(inner?),
        };
        if let Some(inner) = inner {
            let inner_base = directory_below(base, &name)?;
            let hides = hidden || is_opaque(&inner);
            directory(&inner, inner_base.as_ref(), &path, hides, level + 1, changes)?;
        }
        if kind.is_none() && changes.len() == at + 1 {
            changes.pop();
        }
    }
    Ok(())
}

/// What a directory that hides the image's does not have any more.
fn deleted(upper: &OwnedFd, base: Option<&OwnedFd>, path: &[u8], changes: &mut Vec<ChangeItem>) -> Result<(), Errno> {
    let Some(base) = base else { return Ok(()) };
    let here: HashSet<OsString> = names(upper)?.into_iter().collect();
    for name in names(base)? {
        if !here.contains(&name) && below(Some(base), &name)?.is_some() {
            changes.push(item(&join(path, name.as_bytes()), DELETED));
        }
    }
    Ok(())
}

/// `setcap` leaves all that stat(2) shows as it was.
fn capabilities_differ(old: &Stat, new: &Stat, base: Option<&OwnedFd>, upper: &OwnedFd, name: &OsStr) -> bool {
    let is_file = |stat: &Stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    let Some(base) = base.filter(|_| is_file(old) && is_file(new)) else { return false };
    let of = |directory: &OwnedFd| {
        let mut value = [0; 64];
        let mut path = format!("/proc/self/fd/{}/", directory.as_raw_fd()).into_bytes();
        path.extend_from_slice(name.as_bytes());
        let length = rustix::fs::lgetxattr(OsStr::from_bytes(&path), "security.capability", &mut value[..]);
        length.ok().map(|length| value[..length].to_vec())
    };
    of(base) != of(upper)
}

fn item(path: &[u8], kind: u8) -> ChangeItem {
    ChangeItem { path: format!("/{}", String::from_utf8_lossy(path)), kind }
}
