//! Writes a directory and all that is in it, in the order of names.
//!
//! Every directory is opened anew from the root's descriptor, without links: whatever a running container renames
//! meanwhile, nothing outside its root is read. A tree of any depth that has paths costs a bounded number of descriptors.

use super::writer::{WriteError, Writer, reading, vanished};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Directories of the way down that stay open.
const MOST_OPEN: usize = 64;
const WITHIN: ResolveFlags = ResolveFlags::IN_ROOT.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// One directory on the way down.
struct Level {
    /// In the root, without a slash in front.
    path: Vec<u8>,
    /// In the archive.
    name: Vec<u8>,
    open: Option<OwnedFd>,
    children: std::vec::IntoIter<OsString>,
}

/// Writes the directory `path` of `root` under `name`, and all that is in it as `name/...`. With an empty name there is
/// no entry for the directory itself.
pub(crate) fn pack<W: Write>(
    writer: &mut Writer<W>,
    root: BorrowedFd<'_>,
    path: &[u8],
    name: &[u8],
) -> Result<(), WriteError> {
    let path: Vec<u8> = path.iter().copied().skip_while(|byte| *byte == b'/').collect();
    let here = open_directory(root, &path).map_err(|errno| reading("open", &path, errno.into()))?;
    if !name.is_empty() {
        let stat = rustix::fs::fstat(&here).map_err(|errno| reading("look at", &path, errno.into()))?;
        writer.entry(name, here.as_fd(), OsStr::new("."), &stat)?;
    }
    let mut levels = vec![level(here, path, name.to_vec())?];
    while let Some(depth) = levels.len().checked_sub(1) {
        let top = &mut levels[depth];
        let Some(child) = top.children.next() else {
            levels.pop();
            continue;
        };
        if top.open.is_none() {
            match open_directory(root, &top.path) {
                Ok(open) => top.open = Some(open),
                Err(errno) if vanished(errno) => {
                    levels.pop();
                    continue;
                }
                Err(errno) => return Err(reading("open", &top.path, errno.into())),
            }
        }
        let Some(here) = &top.open else { continue };
        let name = join(&top.name, child.as_bytes());
        let stat = match rustix::fs::statat(here, &child, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(errno) if vanished(errno) => continue,
            Err(errno) => return Err(reading("look at", &name, errno.into())),
        };
        writer.entry(&name, here.as_fd(), &child, &stat)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            let path = join(&top.path, child.as_bytes());
            if depth >= MOST_OPEN {
                top.open = None;
            }
            match open_directory(root, &path) {
                Ok(below) => levels.push(level(below, path, name)?),
                Err(errno) if vanished(errno) => {}
                Err(errno) => return Err(reading("open", &path, errno.into())),
            }
        }
    }
    Ok(())
}

fn level(open: OwnedFd, path: Vec<u8>, name: Vec<u8>) -> Result<Level, WriteError> {
    let children = names(&open).map_err(|errno| reading("list", &path, errno.into()))?.into_iter();
    Ok(Level { path, name, open: Some(open), children })
}

/// What is in a directory, sorted: the same tree gives the same archive.
pub(crate) fn names(directory: &OwnedFd) -> Result<Vec<OsString>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") {
            names.push(OsString::from_vec(name.to_vec()));
        }
    }
    names.sort();
    Ok(names)
}

/// A directory of the root, for reading.
pub(crate) fn open_directory(root: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd, Errno> {
    let path = if path.is_empty() { OsStr::new(".") } else { OsStr::from_bytes(path) };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    loop {
        match rustix::fs::openat2(root, path, flags, Mode::empty(), WITHIN) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            done => return done,
        }
    }
}

/// `folder/child`; an empty folder and one that is `/` add no slash.
pub(crate) fn join(folder: &[u8], child: &[u8]) -> Vec<u8> {
    let slash: &[u8] = if folder.is_empty() || folder.ends_with(b"/") { b"" } else { b"/" };
    [folder, slash, child].concat()
}
