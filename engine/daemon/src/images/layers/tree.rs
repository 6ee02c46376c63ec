//! A directory tree that is being made, and from which no name leads out.
//!
//! Every path is resolved by the kernel beneath the root's descriptor (`openat2`, `RESOLVE_BENEATH`): a `..`, an absolute
//! symbolic link or one that climbs out is `EXDEV`, whatever an earlier entry put there. Paths are never joined to the
//! root as strings. Relative links that stay inside are followed, since layers may say `lib -> usr/lib` and then
//! `lib/x`.

use super::UnpackError;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;

/// Deeper trees exist only to make those who delete them run out of descriptors.
const MOST_LEVELS: usize = 255;
const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);
/// The kernel may ask to retry a look-up beneath a root while something is renamed anywhere.
const ATTEMPTS: usize = 32;

/// A name within a directory of the tree.
pub(super) struct Place {
    pub(super) parent: Rc<OwnedFd>,
    pub(super) name: Vec<u8>,
}

impl Place {
    pub(super) fn name(&self) -> &OsStr {
        OsStr::from_bytes(&self.name)
    }
}

/// The tree.
pub(super) struct Tree {
    root: Rc<OwnedFd>,
    /// Entries come folder by folder, so the last parent is nearly always the next one's.
    last_parent: Option<(Vec<u8>, Rc<OwnedFd>)>,
    /// Where what is replaced goes: moving a folder away costs the same for any content.
    discard: OwnedFd,
    discarded: u64,
}

impl Tree {
    pub(super) fn new(root: OwnedFd, discard: OwnedFd) -> Self {
        Self { root: Rc::new(root), last_parent: None, discard, discarded: 0 }
    }

    pub(super) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// The parent of a path, made where it is missing if `create`, and the last name. `None` is the root itself.
    pub(super) fn place(&mut self, path: &[u8], create: bool) -> Result<Option<Place>, UnpackError> {
        let parts = parts(path)?;
        let Some((name, parents)) = parts.split_last() else { return Ok(None) };
        if parts.len() > MOST_LEVELS {
            return Err(UnpackError::TooDeep { path: lossy(path), limit: MOST_LEVELS });
        }
        let key = parents.join(&b'/');
        let parent = match &self.last_parent {
            Some((last, fd)) if *last == key => Rc::clone(fd),
            _ => {
                let fd = self.directory(parents, create).map_err(|errno| resolve_error(path, errno))?;
                self.last_parent = Some((key, Rc::clone(&fd)));
                fd
            }
        };
        Ok(Some(Place { parent, name: name.to_vec() }))
    }

    fn directory(&self, parts: &[&[u8]], create: bool) -> Result<Rc<OwnedFd>, Errno> {
        if parts.is_empty() {
            return Ok(Rc::clone(&self.root));
        }
        match self.open(&parts.join(&b'/')) {
            Err(Errno::NOENT) if create => {}
            result => return result.map(Rc::new),
        }
        let mut at = Rc::clone(&self.root);
        for end in 1..=parts.len() {
            let path = parts[..end].join(&b'/');
            at = Rc::new(match self.open(&path) {
                Err(Errno::NOENT) => {
                    // EEXIST here is a link to nothing: following it would make a folder where no entry asked for one.
                    rustix::fs::mkdirat(&*at, OsStr::from_bytes(parts[end - 1]), Mode::from_raw_mode(0o755))?;
                    self.open(&path)?
                }
                result => result?,
            });
        }
        Ok(at)
    }

    fn open(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        let path = OsStr::from_bytes(path);
        match self.resolve(path, BENEATH | ResolveFlags::NO_SYMLINKS) {
            Err(Errno::LOOP) => {}
            result => return result,
        }
        let fd = self.resolve(path, BENEATH)?;
        // Links make a short path lead deep; see MOST_LEVELS.
        let link = format!("/proc/self/fd/{}", fd.as_raw_fd());
        let real = rustix::fs::readlink(link, Vec::new())?;
        if real.as_bytes().iter().filter(|byte| **byte == b'/').count() > 2 * MOST_LEVELS {
            return Err(Errno::NAMETOOLONG);
        }
        Ok(fd)
    }

    fn resolve(&self, path: &OsStr, how: ResolveFlags) -> Result<OwnedFd, Errno> {
        for _ in 1..ATTEMPTS {
            match rustix::fs::openat2(&*self.root, path, DIRECTORY, Mode::empty(), how) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                result => return result,
            }
        }
        rustix::fs::openat2(&*self.root, path, DIRECTORY, Mode::empty(), how)
    }

    /// What is at a place, links not followed.
    pub(super) fn look(&self, place: &Place) -> io::Result<Option<Found>> {
        match rustix::fs::statat(&*place.parent, place.name(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => Found::Directory,
                FileType::CharacterDevice if stat.st_rdev == 0 => Found::Whiteout,
                _ => Found::Other,
            })),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Takes away what is at a place, so that something else can come there.
    pub(super) fn discard(&mut self, place: &Place) -> io::Result<()> {
        // The remembered parent may be the folder that goes, or lie in it.
        self.last_parent = None;
        self.discarded += 1;
        rustix::fs::renameat(&*place.parent, place.name(), &self.discard, self.discarded.to_string())?;
        Ok(())
    }
}

/// What is already at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Directory,
    /// Overlayfs' mark for "not here any more": a character device 0:0.
    Whiteout,
    Other,
}

/// The components of a path. A leading slash means the layer's root, as for every other engine; `..` means an attack,
/// also where it would stay inside.
fn parts(path: &[u8]) -> Result<Vec<&[u8]>, UnpackError> {
    let parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
    if parts.contains(&&b".."[..]) {
        return Err(UnpackError::Escapes { path: lossy(path) });
    }
    Ok(parts)
}

fn resolve_error(path: &[u8], errno: Errno) -> UnpackError {
    match errno {
        Errno::XDEV => UnpackError::Escapes { path: lossy(path) },
        errno => UnpackError::Apply { operation: "open the parent of", path: lossy(path), source: errno.into() },
    }
}

pub(super) fn lossy(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}
