//! A directory tree that is being made, and from which no name leads out.
//!
//! Every path is resolved by the kernel from the root's descriptor (`openat2`) and never joined to it as a string.
//! In a layer (`RESOLVE_BENEATH`) a `..`, an absolute symbolic link or one that climbs out is `EXDEV`, whatever an
//! earlier entry put there. In a container (`RESOLVE_IN_ROOT`) links mean what they mean to its own processes, which may
//! change them at any moment: nothing that they do leads out of their root. Links are followed on the way to a place,
//! since archives may say `lib -> usr/lib` and then `lib/x`.

use super::unpack_error::UnpackError;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;

/// Deeper trees exist only to make those who delete them run out of descriptors.
const MOST_LEVELS: usize = 255;
const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// The kernel may ask to retry a look-up beneath a root while something is renamed anywhere.
const ATTEMPTS: usize = 32;

/// A name within a directory of the tree.
pub(crate) struct Place {
    pub(crate) parent: Rc<OwnedFd>,
    pub(crate) name: Vec<u8>,
}

impl Place {
    pub(crate) fn name(&self) -> &OsStr {
        OsStr::from_bytes(&self.name)
    }
}

/// The tree.
pub(crate) struct Tree {
    root: Rc<OwnedFd>,
    /// The directory below the root that paths count from.
    base: Vec<u8>,
    how: ResolveFlags,
    /// Entries come folder by folder, so the last parent is nearly always the next one's.
    last_parent: Option<(Vec<u8>, Rc<OwnedFd>)>,
    old: Old,
}

/// What becomes of that which an entry replaces.
enum Old {
    /// It is moved into this directory, under the next number: moving a folder away costs the same for any content.
    Moved(OwnedFd, u64),
    /// It is deleted where it is, as nothing else can be done across mounts.
    Deleted,
}

impl Tree {
    /// A layer that nobody else sees yet.
    pub(crate) fn layer(root: OwnedFd, discard: OwnedFd) -> Self {
        let how = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);
        Self { root: Rc::new(root), base: Vec::new(), how, last_parent: None, old: Old::Moved(discard, 0) }
    }

    /// The directory `base` in the root of a container, absolute.
    pub(crate) fn container(root: OwnedFd, base: &[u8]) -> Self {
        let how = ResolveFlags::IN_ROOT.union(ResolveFlags::NO_MAGICLINKS);
        let base = base.iter().copied().skip_while(|byte| *byte == b'/').collect();
        Self { root: Rc::new(root), base, how, last_parent: None, old: Old::Deleted }
    }

    /// The directory that paths count from.
    pub(crate) fn base(&self) -> Result<Rc<OwnedFd>, Errno> {
        self.directory(&[], false)
    }

    /// Where a path leads, for messages.
    pub(crate) fn shown(&self, path: &[u8]) -> (String, String) {
        let base = format!("/{}", lossy(&self.base));
        let name = lossy(path);
        (format!("{}/{}", base.trim_end_matches('/'), name.trim_start_matches("./").trim_matches('/')), base)
    }

    /// The parent of a path, made where it is missing if `create`, and the last name. `None` is the base itself.
    pub(crate) fn place(&mut self, path: &[u8], create: bool) -> Result<Option<Place>, UnpackError> {
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
        if parts.is_empty() && self.base.is_empty() {
            return Ok(Rc::clone(&self.root));
        }
        match self.open(&self.below(parts)) {
            Err(Errno::NOENT) if create => {}
            result => return result.map(Rc::new),
        }
        let mut at = self.base()?;
        for end in 1..=parts.len() {
            let path = self.below(&parts[..end]);
            at = Rc::new(match self.open(&path) {
                Err(Errno::NOENT) => {
                    match rustix::fs::mkdirat(&*at, OsStr::from_bytes(parts[end - 1]), Mode::from_raw_mode(0o755)) {
                        // In a layer this is a link to nothing: following it would make a folder where no entry asked
                        // for one. In a container somebody may have been faster.
                        Err(Errno::EXIST) if matches!(self.old, Old::Deleted) => {}
                        made => made?,
                    }
                    self.open(&path)?
                }
                result => result?,
            });
        }
        Ok(at)
    }

    fn below(&self, parts: &[&[u8]]) -> Vec<u8> {
        let mut path = self.base.clone();
        for part in parts {
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(part);
        }
        path
    }

    fn open(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        let path = OsStr::from_bytes(path);
        match self.resolve(path, self.how | ResolveFlags::NO_SYMLINKS) {
            Err(Errno::LOOP) => {}
            result => return result,
        }
        let fd = self.resolve(path, self.how)?;
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
    pub(crate) fn look(&self, place: &Place) -> io::Result<Option<Found>> {
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
    pub(crate) fn discard(&mut self, place: &Place) -> io::Result<()> {
        // The remembered parent may be the folder that goes, or lie in it.
        self.last_parent = None;
        match &mut self.old {
            Old::Moved(discard, count) => {
                *count += 1;
                rustix::fs::renameat(&*place.parent, place.name(), discard.as_fd(), count.to_string())?;
            }
            Old::Deleted => super::remove::remove(place.parent.as_fd(), place.name())?,
        }
        Ok(())
    }
}

/// What is already at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Directory,
    /// Overlayfs' mark for "not here any more": a character device 0:0.
    Whiteout,
    Other,
}

/// The components of a path. A leading slash means the tree's base, as for every other engine; `..` means an attack,
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
