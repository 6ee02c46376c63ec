//! Unpacks a tar into a directory: one function for each kind of entry.
//!
//! As a layer for overlayfs:
//!
//! | in the tar | in the directory |
//! | --- | --- |
//! | `.wh.name` | character device 0:0 `name` |
//! | `.wh..wh..opq` | `trusted.overlay.opaque=y` on its folder |
//! | other `.wh..wh.*` | nothing: bookkeeping of aufs |
//!
//! An entry that comes twice: the later one wins, as in Docker. A whiteout hides what lower layers have and never what
//! the same layer brings, in whichever order the two come (OCI image-spec, layer.md).
//!
//! As files that are copied into a container none of these names mean anything, and a file is made beside its place and
//! renamed into it: a program in the container sees the old or the new one, and a transfer that breaks off leaves the old.

use super::ArchiveError;
use super::apply::{by_descriptor, by_name, node, set_opaque, times};
use super::limits::Limits;
use super::place_file::{self, Unnamed};
use super::reader::{Archive, Entry, Kind};
use super::tree::{Found, Place, Tree, lossy};
use super::unpack_error::UnpackError;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
const BOOKKEEPING: &[u8] = b".wh..wh.";
const COPY_BUFFER: usize = 128 * 1024;

/// What the entries become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rules {
    /// A layer, complete and on disk at the end.
    Layer,
    /// Files in a container.
    Copy {
        /// Whose they become; else whose the archive says.
        owner: Option<(u32, u32)>,
        /// A directory never gives way to something else, nor something else to a directory.
        keep_kinds: bool,
    },
}

impl Rules {
    fn owner(self) -> Option<(u32, u32)> {
        match self {
            Self::Layer => None,
            Self::Copy { owner, .. } => owner,
        }
    }
}

/// Unpacks all of `tar`. Returns the size of the files.
pub(crate) fn unpack(tar: impl Read, tree: Tree, rules: Rules, limits: Limits) -> Result<u64, UnpackError> {
    let mut archive = Archive::new(tar);
    let mut unpacking = Unpacking { tree, rules, directories: BTreeMap::new(), buffer: vec![0; COPY_BUFFER], size: 0 };
    let mut entries = 0;
    while let Some(entry) = archive.next().map_err(told)? {
        entries += 1;
        if entries > limits.entries {
            return Err(UnpackError::TooMany { limit: limits.entries });
        }
        unpacking.entry(&entry, &mut archive)?;
    }
    archive.drain().map_err(told)?;
    unpacking.finish()
}

/// A limit that was met while a header was read.
fn told(error: ArchiveError) -> UnpackError {
    match error {
        ArchiveError::Read(source) => UnpackError::read(source),
        error => error.into(),
    }
}

struct Unpacking {
    tree: Tree,
    rules: Rules,
    /// Times of folders, set at the end: each new child changes them.
    directories: BTreeMap<Vec<u8>, (i64, u32)>,
    buffer: Vec<u8>,
    size: u64,
}

impl Unpacking {
    fn entry(&mut self, entry: &Entry, data: &mut impl Read) -> Result<(), UnpackError> {
        let apply = |operation| move |source: io::Error| UnpackError::Apply { operation, path: entry.name(), source };
        let is_layer = self.rules == Rules::Layer;
        let Some(mut place) = self.tree.place(&entry.path, true)? else {
            return self.base(entry);
        };
        if is_layer && place.name.starts_with(WHITEOUT) {
            return self.whiteout(entry, place);
        }
        let mut opaque = false;
        let found = self.tree.look(&place).map_err(apply("look at"))?;
        self.keep_kinds(entry, found)?;
        match found {
            None => {}
            Some(Found::Directory) if entry.kind == Kind::Directory => {}
            // A file takes the place of what is no directory at its end, in one step.
            Some(Found::Other | Found::Whiteout) if !is_layer && entry.kind == Kind::File => {}
            Some(found) => {
                opaque = is_layer && found == Found::Whiteout && entry.kind == Kind::Directory;
                self.tree.discard(&place).map_err(apply("replace"))?;
                // What was replaced may have been on the way to the place.
                place = self.tree.place(&entry.path, true)?.ok_or(UnpackError::Escapes { path: entry.name() })?;
            }
        }
        let owner = self.rules.owner();
        match entry.kind {
            Kind::File => self.file(entry, &place, data)?,
            Kind::Directory => self.directory(entry, &place, found != Some(Found::Directory), opaque)?,
            Kind::HardLink => self.hard_link(entry, &place)?,
            Kind::Symlink => {
                let target = OsStr::from_bytes(&entry.link);
                rustix::fs::symlinkat(target, &*place.parent, place.name()).map_err(|e| apply("create")(e.into()))?;
                by_name(entry, &place, owner)?;
            }
            Kind::CharDevice { major, minor } => {
                node(entry, &place, owner, FileType::CharacterDevice, (major, minor))?;
            }
            Kind::BlockDevice { major, minor } => node(entry, &place, owner, FileType::BlockDevice, (major, minor))?,
            Kind::Fifo => node(entry, &place, owner, FileType::Fifo, (0, 0))?,
        }
        Ok(())
    }

    fn keep_kinds(&self, entry: &Entry, found: Option<Found>) -> Result<(), UnpackError> {
        if !matches!(self.rules, Rules::Copy { keep_kinds: true, .. }) {
            return Ok(());
        }
        let (path, base) = self.tree.shown(&entry.path);
        match (found, entry.kind == Kind::Directory) {
            (Some(Found::Directory), false) => Err(UnpackError::DirectoryKept { path, base }),
            (Some(Found::Other | Found::Whiteout), true) => Err(UnpackError::NonDirectoryKept { path, base }),
            _ => Ok(()),
        }
    }

    /// `./`: owner, mode and time of the layer's root. What a container's directory is stays, as with Docker.
    fn base(&mut self, entry: &Entry) -> Result<(), UnpackError> {
        if entry.kind != Kind::Directory {
            return Err(UnpackError::Escapes { path: entry.name() });
        }
        if self.rules != Rules::Layer {
            return Ok(());
        }
        let apply = |source| UnpackError::Apply { operation: "open", path: entry.name(), source };
        // The tree's own descriptor is for look-ups only (O_PATH): it cannot be changed through.
        let base = self.tree.base().map_err(|errno| apply(errno.into()))?;
        let here = open_directory(&*base, OsStr::new(".")).map_err(apply)?;
        self.directories.insert(Vec::new(), entry.mtime);
        by_descriptor(entry, here.as_fd(), None)
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
        if self.rules != Rules::Layer {
            let mut unnamed = Unnamed::create(place).map_err(apply("create"))?;
            self.content(entry, data, &mut unnamed.file)?;
            return place_file::put(entry, unnamed);
        }
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&*place.parent, place.name(), flags, Mode::from_raw_mode(0o600));
        let mut file = File::from(file.map_err(|e| apply("create")(e.into()))?);
        self.content(entry, data, &mut file)
    }

    fn content(&mut self, entry: &Entry, data: &mut impl Read, file: &mut File) -> Result<(), UnpackError> {
        let apply = |operation| move |source: io::Error| UnpackError::Apply { operation, path: entry.name(), source };
        match &entry.sparse {
            None => self.copy(entry, data, file, entry.stored)?,
            Some(sparse) => {
                for (start, length) in &sparse.pieces {
                    file.seek(SeekFrom::Start(*start)).map_err(apply("seek in"))?;
                    self.copy(entry, data, file, *length)?;
                }
                file.set_len(sparse.size).map_err(apply("set the size of"))?;
            }
        }
        self.size += entry.stored;
        by_descriptor(entry, file.as_fd(), self.rules.owner())?;
        rustix::fs::futimens(file, &times(entry.mtime)).map_err(|e| apply("set the times of")(e.into()))
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
        by_descriptor(entry, here.as_fd(), self.rules.owner())
    }

    /// The target is named from the tree's base, and is resolved like every name: else an archive could link to, and so
    /// read or change, any file of the host's.
    fn hard_link(&mut self, entry: &Entry, place: &Place) -> Result<(), UnpackError> {
        let target = self.tree.place(&entry.link, false)?.ok_or(UnpackError::Escapes { path: lossy(&entry.link) })?;
        rustix::fs::linkat(&*target.parent, target.name(), &*place.parent, place.name(), AtFlags::empty())
            .map_err(|errno| UnpackError::Link { path: entry.name(), target: lossy(&entry.link), source: errno.into() })
    }

    /// Sets the folders' times, and puts a layer on disk.
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
                Ok(None) => set(self.tree.base().map_err(apply)?.as_fd(), OsStr::new(".")).map_err(apply)?,
                // Its parent is gone, or is a file now.
                Err(UnpackError::Apply { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        if self.rules != Rules::Layer {
            return Ok(self.size);
        }
        // One call instead of a sync for each of thousands of files.
        let base = self.tree.base().map_err(io::Error::from);
        let fd =
            base.and_then(|base| open_directory(&*base, OsStr::new("."))).and_then(|fd| Ok(rustix::fs::syncfs(fd)?));
        fd.map_err(|source| UnpackError::Apply { operation: "sync", path: ".".to_owned(), source })?;
        Ok(self.size)
    }
}

fn open_directory(parent: impl AsFd, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(parent, name, flags, Mode::empty())?)
}
