//! Unpacks a layer's tar into a directory for overlayfs: one function for each kind of entry.
//!
//! | in the tar | in the directory |
//! | --- | --- |
//! | `.wh.name` | character device 0:0 `name` |
//! | `.wh..wh..opq` | `trusted.overlay.opaque=y` on its folder |
//! | other `.wh..wh.*` | nothing: bookkeeping of aufs |
//!
//! An entry that comes twice: the later one wins, as in Docker. A whiteout hides what lower layers have and never what
//! the same layer brings, in whichever order the two come (OCI image-spec, layer.md).

use super::tree::{Found, Place, Tree, lossy};
use super::{Limits, UnpackError};
use crate::images::archive::{Archive, Entry, Kind};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Timespec, Timestamps, XattrFlags};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
const BOOKKEEPING: &[u8] = b".wh..wh.";
const OVERLAY_OPAQUE: &str = "trusted.overlay.opaque";
/// What overlayfs believes about a lower layer must come from us: a redirect would show other folders of the host's.
const OVERLAY_XATTRS: [&str; 2] = ["trusted.overlay.", "user.overlay."];
const COPY_BUFFER: usize = 128 * 1024;

/// Unpacks all of `tar` beneath `root`; what it replaces on the way goes to `discard`. Returns the size of the files.
pub(super) fn unpack(tar: impl Read, root: OwnedFd, discard: OwnedFd, limits: Limits) -> Result<u64, UnpackError> {
    let mut archive = Archive::new(tar);
    let mut unpacking = Unpacking {
        tree: Tree::new(root, discard),
        directories: BTreeMap::new(),
        buffer: vec![0; COPY_BUFFER],
        size: 0,
    };
    let mut entries = 0;
    while let Some(entry) = archive.next()? {
        entries += 1;
        if entries > limits.entries {
            return Err(UnpackError::TooMany { limit: limits.entries });
        }
        unpacking.entry(&entry, &mut archive)?;
    }
    archive.drain()?;
    unpacking.finish()
}

struct Unpacking {
    tree: Tree,
    /// Times of folders, set at the end: each new child changes them.
    directories: BTreeMap<Vec<u8>, (i64, u32)>,
    buffer: Vec<u8>,
    size: u64,
}

impl Unpacking {
    fn entry(&mut self, entry: &Entry, data: &mut impl Read) -> Result<(), UnpackError> {
        let apply = |operation| move |source: io::Error| UnpackError::Apply { operation, path: entry.name(), source };
        let Some(mut place) = self.tree.place(&entry.path, true)? else {
            return self.root(entry);
        };
        if place.name.starts_with(WHITEOUT) {
            return self.whiteout(entry, place);
        }
        let mut opaque = false;
        let found = self.tree.look(&place).map_err(apply("look at"))?;
        match found {
            None => {}
            Some(Found::Directory) if entry.kind == Kind::Directory => {}
            Some(found) => {
                opaque = found == Found::Whiteout && entry.kind == Kind::Directory;
                self.tree.discard(&place).map_err(apply("replace"))?;
                // What was replaced may have been on the way to the place.
                place = self.tree.place(&entry.path, true)?.ok_or(UnpackError::Escapes { path: entry.name() })?;
            }
        }
        match entry.kind {
            Kind::File => self.file(entry, &place, data)?,
            Kind::Directory => self.directory(entry, &place, found != Some(Found::Directory), opaque)?,
            Kind::HardLink => self.hard_link(entry, &place)?,
            Kind::Symlink => {
                let target = OsStr::from_bytes(&entry.link);
                rustix::fs::symlinkat(target, &*place.parent, place.name()).map_err(|e| apply("create")(e.into()))?;
                by_name(entry, &place)?;
            }
            Kind::CharDevice { major, minor } => node(entry, &place, FileType::CharacterDevice, major, minor)?,
            Kind::BlockDevice { major, minor } => node(entry, &place, FileType::BlockDevice, major, minor)?,
            Kind::Fifo => node(entry, &place, FileType::Fifo, 0, 0)?,
        }
        Ok(())
    }

    /// `./`: owner, mode and time of the layer's root.
    fn root(&mut self, entry: &Entry) -> Result<(), UnpackError> {
        if entry.kind != Kind::Directory {
            return Err(UnpackError::Escapes { path: entry.name() });
        }
        let apply = |source| UnpackError::Apply { operation: "open", path: entry.name(), source };
        // The tree's own descriptor is for look-ups only (O_PATH): it cannot be changed through.
        let here = open_directory(self.tree.root(), OsStr::new(".")).map_err(apply)?;
        self.directories.insert(Vec::new(), entry.mtime);
        by_descriptor(entry, here.as_fd())
    }

    fn whiteout(&mut self, entry: &Entry, place: Place) -> Result<(), UnpackError> {
        let apply = |operation| move |source: io::Error| UnpackError::Apply { operation, path: entry.name(), source };
        if place.name == OPAQUE {
            let here = open_directory(&*place.parent, OsStr::new(".")).map_err(apply("open the folder of"))?;
            return set_opaque(here.as_fd()).map_err(apply("hide what lies under the folder of"));
        }
        if place.name.starts_with(BOOKKEEPING) {
            return Ok(());
        }
        let hidden = place.name[WHITEOUT.len()..].to_vec();
        if matches!(&hidden[..], b"" | b"." | b"..") {
            return Err(UnpackError::Escapes { path: entry.name() });
        }
        let place = Place { parent: place.parent, name: hidden };
        match self.tree.look(&place).map_err(apply("look at"))? {
            Some(Found::Directory) => {
                let here = open_directory(&*place.parent, place.name()).map_err(apply("open"))?;
                set_opaque(here.as_fd()).map_err(apply("hide what lies under"))
            }
            Some(_) => Ok(()),
            None => {
                let device = rustix::fs::makedev(0, 0);
                rustix::fs::mknodat(&*place.parent, place.name(), FileType::CharacterDevice, Mode::empty(), device)
                    .map_err(|e| apply("hide")(e.into()))
            }
        }
    }

    fn file(&mut self, entry: &Entry, place: &Place, data: &mut impl Read) -> Result<(), UnpackError> {
        let apply = |operation| move |source: io::Error| UnpackError::Apply { operation, path: entry.name(), source };
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&*place.parent, place.name(), flags, Mode::from_raw_mode(0o600));
        let mut file = File::from(file.map_err(|e| apply("create")(e.into()))?);
        match &entry.sparse {
            None => self.copy(entry, data, &mut file, entry.stored)?,
            Some(sparse) => {
                for (start, length) in &sparse.pieces {
                    file.seek(SeekFrom::Start(*start)).map_err(apply("seek in"))?;
                    self.copy(entry, data, &mut file, *length)?;
                }
                file.set_len(sparse.size).map_err(apply("set the size of"))?;
            }
        }
        self.size += entry.stored;
        by_descriptor(entry, file.as_fd())?;
        rustix::fs::futimens(&file, &times(entry.mtime)).map_err(|e| apply("set the times of")(e.into()))
    }

    fn copy(&mut self, entry: &Entry, data: &mut impl Read, file: &mut File, length: u64) -> Result<(), UnpackError> {
        let mut left = length;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
            let count = match data.read(&mut self.buffer[..most]) {
                Ok(0) => return Err(UnpackError::read(io::ErrorKind::UnexpectedEof.into())),
                Ok(count) => count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(UnpackError::read(source)),
            };
            file.write_all(&self.buffer[..count]).map_err(|source| UnpackError::Apply {
                operation: "write",
                path: entry.name(),
                source,
            })?;
            left -= count as u64;
        }
        Ok(())
    }

    fn directory(&mut self, entry: &Entry, place: &Place, new: bool, opaque: bool) -> Result<(), UnpackError> {
        let apply = |operation| move |source: io::Error| UnpackError::Apply { operation, path: entry.name(), source };
        if new {
            let mode = Mode::from_raw_mode(0o700);
            rustix::fs::mkdirat(&*place.parent, place.name(), mode).map_err(|e| apply("create")(e.into()))?;
        }
        let here = open_directory(&*place.parent, place.name()).map_err(apply("open"))?;
        if opaque {
            set_opaque(here.as_fd()).map_err(apply("hide what lies under"))?;
        }
        self.directories.insert(entry.path.clone(), entry.mtime);
        by_descriptor(entry, here.as_fd())
    }

    /// The target is named from the layer's root, and is resolved beneath it as well: else a layer could link to, and so
    /// read or change, any file of the host's.
    fn hard_link(&mut self, entry: &Entry, place: &Place) -> Result<(), UnpackError> {
        let target = self.tree.place(&entry.link, false)?.ok_or(UnpackError::Escapes { path: lossy(&entry.link) })?;
        rustix::fs::linkat(&*target.parent, target.name(), &*place.parent, place.name(), AtFlags::empty())
            .map_err(|errno| UnpackError::Link { path: entry.name(), target: lossy(&entry.link), source: errno.into() })
    }

    /// Sets the folders' times, and puts everything on disk.
    fn finish(mut self) -> Result<u64, UnpackError> {
        for (path, mtime) in std::mem::take(&mut self.directories) {
            let apply = |source: Errno| UnpackError::Apply {
                operation: "set the times of",
                path: lossy(&path),
                source: source.into(),
            };
            let set = |directory: BorrowedFd<'_>, name: &OsStr| {
                // It may have been replaced by something else, whose own times are set already.
                match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => {
                        rustix::fs::utimensat(directory, name, &times(mtime), AtFlags::SYMLINK_NOFOLLOW)
                    }
                    Ok(_) | Err(Errno::NOENT) => Ok(()),
                    Err(errno) => Err(errno),
                }
            };
            match self.tree.place(&path, false) {
                Ok(Some(place)) => set(place.parent.as_fd(), place.name()).map_err(apply)?,
                Ok(None) => set(self.tree.root(), OsStr::new(".")).map_err(apply)?,
                // Its parent is gone, or is a file now.
                Err(UnpackError::Apply { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        // One call instead of a sync for each of thousands of files.
        let fd = open_directory(self.tree.root(), OsStr::new(".")).and_then(|fd| Ok(rustix::fs::syncfs(fd)?));
        fd.map_err(|source| UnpackError::Apply { operation: "sync", path: ".".to_owned(), source })?;
        Ok(self.size)
    }
}

fn open_directory(parent: impl AsFd, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(parent, name, flags, Mode::empty())?)
}

fn set_opaque(directory: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::fs::fsetxattr(directory, OVERLAY_OPAQUE, b"y", XattrFlags::empty())?)
}

fn node(entry: &Entry, place: &Place, kind: FileType, major: u32, minor: u32) -> Result<(), UnpackError> {
    let device = rustix::fs::makedev(major, minor);
    let made = rustix::fs::mknodat(&*place.parent, place.name(), kind, Mode::from_raw_mode(0o600), device);
    let apply = |source: Errno| UnpackError::Apply { operation: "create", path: entry.name(), source: source.into() };
    made.map_err(apply)?;
    by_name(entry, place)
}

/// Owner before mode before attributes: chown clears the set-id bits and the file's capabilities.
fn by_descriptor(entry: &Entry, fd: BorrowedFd<'_>) -> Result<(), UnpackError> {
    let apply =
        |operation| move |source: Errno| UnpackError::Apply { operation, path: entry.name(), source: source.into() };
    let (owner, group) = owner(entry)?;
    rustix::fs::fchown(fd, Some(owner), Some(group)).map_err(apply("set the owner of"))?;
    rustix::fs::fchmod(fd, Mode::from_raw_mode(entry.mode)).map_err(apply("set the mode of"))?;
    for (name, value) in wanted_xattrs(entry) {
        let result = rustix::fs::fsetxattr(fd, name, value, XattrFlags::empty());
        result.or_else(|errno| tolerate(name, errno)).map_err(apply("set an extended attribute of"))?;
    }
    Ok(())
}

/// The same for what must not be opened: links, devices, pipes.
fn by_name(entry: &Entry, place: &Place) -> Result<(), UnpackError> {
    let apply =
        |operation| move |source: Errno| UnpackError::Apply { operation, path: entry.name(), source: source.into() };
    let (owner, group) = owner(entry)?;
    let (parent, name) = (&*place.parent, place.name());
    let no_follow = AtFlags::SYMLINK_NOFOLLOW;
    rustix::fs::chownat(parent, name, Some(owner), Some(group), no_follow).map_err(apply("set the owner of"))?;
    if entry.kind != Kind::Symlink {
        let mode = Mode::from_raw_mode(entry.mode);
        rustix::fs::chmodat(parent, name, mode, AtFlags::empty()).map_err(apply("set the mode of"))?;
    }
    // There is no lsetxattrat before Linux 6.13; the parent's descriptor makes the path as safe.
    let mut path = format!("/proc/self/fd/{}/", parent.as_raw_fd()).into_bytes();
    path.extend(&place.name);
    for (attribute, value) in wanted_xattrs(entry) {
        let result = rustix::fs::lsetxattr(OsStr::from_bytes(&path), attribute, value, XattrFlags::empty());
        result.or_else(|errno| tolerate(attribute, errno)).map_err(apply("set an extended attribute of"))?;
    }
    rustix::fs::utimensat(parent, name, &times(entry.mtime), no_follow).map_err(apply("set the times of"))
}

fn owner(entry: &Entry) -> Result<(rustix::fs::Uid, rustix::fs::Gid), UnpackError> {
    // The largest number means "leave as it is" to chown.
    let id = |id: u64| u32::try_from(id).ok().filter(|id| *id != u32::MAX);
    match (id(entry.uid), id(entry.gid)) {
        (Some(uid), Some(gid)) => Ok((rustix::fs::Uid::from_raw(uid), rustix::fs::Gid::from_raw(gid))),
        _ => Err(UnpackError::Owner { path: entry.name(), uid: entry.uid, gid: entry.gid }),
    }
}

fn wanted_xattrs(entry: &Entry) -> impl Iterator<Item = (&str, &[u8])> {
    let ours = |name: &str| !OVERLAY_XATTRS.iter().any(|prefix| name.starts_with(prefix));
    entry.xattrs.iter().filter(move |(name, _)| ours(name)).map(|(name, value)| (&name[..], &value[..]))
}

/// Capabilities must be set, or a program of the image fails later and strangely; labels of another host's SELinux or of
/// a file system that lacks user attributes are left out, as Docker does.
fn tolerate(name: &str, errno: Errno) -> Result<(), Errno> {
    match errno {
        Errno::NOTSUP | Errno::PERM | Errno::INVAL if name != "security.capability" => Ok(()),
        errno => Err(errno),
    }
}

fn times((seconds, nanos): (i64, u32)) -> Timestamps {
    let time = Timespec { tv_sec: seconds, tv_nsec: nanos.into() };
    Timestamps { last_access: time, last_modification: time }
}
