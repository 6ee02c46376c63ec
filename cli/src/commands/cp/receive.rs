//! Unpacks a container's archive into a local directory.
//!
//! Its names come from a container, which may be anybody's: each is resolved by the kernel beneath the directory
//! (`openat2`, no links), so none leads out of it, nor through a link that the archive itself has made.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Timespec, Timestamps, Uid};
use rustix::io::Errno;
use tar::{Archive, Entry, EntryType};

use super::paths::Plan;
use crate::commands::CommandError;
use crate::request::error::reason;

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const INSIDE: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS);

/// Unpacks all of it, under the names that the plan gives. `owners`: as the archive says, not whose this program is.
pub(super) fn unpack(input: impl Read, plan: &Plan, owners: bool) -> Result<(), CommandError> {
    let failed = |path: &str, error: &io::Error| CommandError::InStream(format!("{path}: {}", reason(error)));
    let root = rustix::fs::open(&*plan.directory, DIRECTORY, Mode::empty());
    let root = root.map_err(|errno| failed(&plan.directory, &errno.into()))?;
    let mut unpacker = Unpacker { root, base: plan.directory.clone(), owners, folders: Vec::new() };
    let mut archive = Archive::new(input);
    let entries = archive.entries().map_err(|error| failed("the archive", &error))?;
    for entry in entries {
        let mut entry = entry.map_err(|error| failed("the archive", &error))?;
        let name = plan.renamed(&entry.path_bytes());
        match unpacker.entry(&mut entry, &name, plan) {
            Ok(()) => {}
            Err(Failure::Kept(error)) => return Err(error),
            Err(Failure::Io(error)) => return Err(failed(&unpacker.shown(&name), &error)),
        }
    }
    unpacker.finish()
}

enum Failure {
    Kept(CommandError),
    Io(io::Error),
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Self::Io(errno.into())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

struct Unpacker {
    root: OwnedFd,
    base: String,
    owners: bool,
    /// Modes and times of folders, set at the end: a folder may be closed to its owner, and each new child changes its time.
    folders: Vec<(Vec<u8>, Mode, u64)>,
}

impl Unpacker {
    fn shown(&self, name: &[u8]) -> String {
        let name = String::from_utf8_lossy(name);
        format!("{}/{}", self.base.trim_end_matches('/'), name.trim_start_matches("./").trim_end_matches('/'))
    }

    fn entry(&mut self, entry: &mut Entry<'_, impl Read>, name: &[u8], plan: &Plan) -> Result<(), Failure> {
        let kind = entry.header().entry_type();
        let (folder, leaf) = split(name);
        if leaf.is_empty() {
            // The directory itself, which is there.
            return Ok(());
        }
        if name.split(|byte| *byte == b'/').any(|part| part == b"..") {
            return Err(Failure::Io(io::Error::other("leads out of the directory")));
        }
        let parent = self.folder(folder)?;
        let found = match rustix::fs::statat(&parent, leaf, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Some(FileType::from_raw_mode(stat.st_mode)),
            Err(Errno::NOENT) => None,
            Err(errno) => return Err(errno.into()),
        };
        match (found, kind.is_dir()) {
            (Some(FileType::Directory), false) => return Err(self.kept("directory", "non-directory", name)),
            (Some(FileType::Directory), true) | (None, _) => {}
            (Some(_), true) => return Err(self.kept("non-directory", "directory", name)),
            (Some(_), false) => rustix::fs::unlinkat(&parent, leaf, AtFlags::empty())?,
        }
        let header = entry.header();
        let mode = Mode::from_raw_mode(header.mode()? & 0o7777);
        let mtime = header.mtime().unwrap_or(0);
        let device = || {
            Ok::<_, io::Error>(rustix::fs::makedev(
                header.device_major()?.unwrap_or(0),
                header.device_minor()?.unwrap_or(0),
            ))
        };
        let owner = (Uid::from_raw(id(header.uid()?)?), Gid::from_raw(id(header.gid()?)?));
        let node = match kind {
            EntryType::Char => Some((FileType::CharacterDevice, device()?)),
            EntryType::Block => Some((FileType::BlockDevice, device()?)),
            EntryType::Fifo => Some((FileType::Fifo, 0)),
            _ => None,
        };
        let target = || entry.link_name_bytes().map(std::borrow::Cow::into_owned).unwrap_or_default();
        match kind {
            EntryType::Directory => {
                if found.is_none() {
                    rustix::fs::mkdirat(&parent, leaf, Mode::from_raw_mode(0o700))?;
                }
                self.folders.push((name.to_owned(), mode, mtime));
            }
            EntryType::Symlink => rustix::fs::symlinkat(OsStr::from_bytes(&target()), &parent, leaf)?,
            EntryType::Link => {
                let target = plan.renamed(&target());
                let (folder, other) = split(&target);
                let from = self.folder(folder)?;
                // What is linked to has its owner, mode and time.
                return Ok(rustix::fs::linkat(&from, other, &parent, leaf, AtFlags::empty())?);
            }
            _ => match node {
                Some((kind, device)) => rustix::fs::mknodat(&parent, leaf, kind, Mode::from_raw_mode(0o600), device)?,
                None => {
                    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                    let file = rustix::fs::openat(&parent, leaf, flags, Mode::from_raw_mode(0o600))?;
                    io::copy(entry, &mut File::from(file))?;
                }
            },
        }
        if self.owners {
            rustix::fs::chownat(&parent, leaf, Some(owner.0), Some(owner.1), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        if !matches!(kind, EntryType::Symlink | EntryType::Directory) {
            change_mode(&parent, leaf, mode)?;
        }
        Ok(rustix::fs::utimensat(&parent, leaf, &times(mtime), AtFlags::SYMLINK_NOFOLLOW)?)
    }

    fn kept(&self, old: &str, new: &str, name: &[u8]) -> Failure {
        let text = format!("cannot overwrite {old} {:?} with {new} {:?}", self.shown(name), self.base);
        Failure::Kept(CommandError::InStream(text))
    }

    /// A directory of the archive's, made where it is missing.
    fn folder(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        let open = |path: &[u8]| {
            let path = if path.is_empty() { OsStr::new(".") } else { OsStr::from_bytes(path) };
            rustix::fs::openat2(&self.root, path, DIRECTORY, Mode::empty(), INSIDE)
        };
        match open(path) {
            Err(Errno::NOENT) => {}
            done => return done,
        }
        let (parent, leaf) = split(path);
        let made = rustix::fs::mkdirat(self.folder(parent)?, leaf, Mode::from_raw_mode(0o755));
        made.or_else(|errno| if errno == Errno::EXIST { Ok(()) } else { Err(errno) })?;
        open(path)
    }

    fn finish(self) -> Result<(), CommandError> {
        // The inner ones first: an outer one may close.
        for (name, mode, mtime) in self.folders.iter().rev() {
            let (folder, leaf) = split(name);
            let set = self.folder(folder).and_then(|parent| {
                change_mode(&parent, leaf, *mode)?;
                rustix::fs::utimensat(&parent, leaf, &times(*mtime), AtFlags::SYMLINK_NOFOLLOW)
            });
            set.map_err(|errno| CommandError::InStream(format!("{}: {}", self.shown(name), reason(&errno.into()))))?;
        }
        Ok(())
    }
}

/// Of what is held by a descriptor first: chmod(2) follows links, and others may work in the directory too.
fn change_mode(parent: &OwnedFd, leaf: &OsStr, mode: Mode) -> Result<(), Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let held = rustix::fs::openat(parent, leaf, flags, Mode::empty())?;
    if FileType::from_raw_mode(rustix::fs::fstat(&held)?.st_mode) == FileType::Symlink {
        return Err(Errno::LOOP);
    }
    rustix::fs::chmod(format!("/proc/self/fd/{}", held.as_raw_fd()), mode)
}

/// Folder and last component; `.` and slashes at the ends mean nothing.
fn split(name: &[u8]) -> (&[u8], &OsStr) {
    let name = name.strip_prefix(b"./").unwrap_or(name);
    let start = name.iter().take_while(|byte| **byte == b'/').count();
    let end = name.len() - name.iter().rev().take_while(|byte| **byte == b'/').count();
    let name = name.get(start..end).unwrap_or_default();
    let name = if name == b"." { b"" } else { name };
    match name.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&name[..at], OsStr::from_bytes(&name[at + 1..])),
        None => (b"", OsStr::from_bytes(name)),
    }
}

fn id(number: u64) -> io::Result<u32> {
    u32::try_from(number).map_err(|_| io::Error::other(format!("{number} is no user and no group")))
}

fn times(seconds: u64) -> Timestamps {
    let time = Timespec { tv_sec: seconds.cast_signed(), tv_nsec: 0 };
    Timestamps { last_access: time, last_modification: time }
}
