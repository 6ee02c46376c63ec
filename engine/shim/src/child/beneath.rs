//! Finding and making paths of a container, beneath the descriptor of its root.
//!
//! A path of an image is hostile: any component may be a symlink, `..`, or change while one looks. So paths are handed to
//! the kernel whole, with `RESOLVE_IN_ROOT`, and never joined as strings. Only making what is missing has to walk, and
//! each of its steps is again resolved from the root, without symlinks.

use crate::sys::file::{self, flags, mode, resolve};
use crate::sys::{AsFd, Errno, OwnedFd, Result};
use crate::text::Text;
use core::ffi::CStr;

/// What to make where a path ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Make {
    Directory,
    File,
}

/// More symlinks than this are a loop, as for the kernel.
const MAX_LINKS: u32 = 40;

type Path = Text<4096>;

/// An `O_PATH` descriptor of what `path` is, symlinks followed.
pub(super) fn find(root: impl AsFd, path: &CStr) -> Result<OwnedFd> {
    file::open_beneath(root, path, flags::PATH)
}

/// The same for something that may be missing.
pub(super) fn find_if_there(root: impl AsFd, path: &CStr) -> Result<Option<OwnedFd>> {
    match find(root, path) {
        Ok(fd) => Ok(Some(fd)),
        Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// [`find`], making directories on the way and at its end what is asked for.
pub(super) fn find_or_make(root: impl AsFd, path: &CStr, make: Make) -> Result<OwnedFd> {
    match find(&root, path) {
        Err(Errno::ENOENT) => Walk::new(root, path)?.run(Some(make)),
        other => other,
    }
}

/// The directory that shall hold `path`'s last component (made if missing), and that component's name.
pub(super) fn find_parent(root: impl AsFd, path: &CStr) -> Result<(OwnedFd, Text<256>)> {
    let bytes = path.to_bytes();
    let end = bytes.iter().rposition(|b| *b != b'/').ok_or(Errno::EINVAL)? + 1;
    let start = bytes.iter().take(end).rposition(|b| *b == b'/').map_or(0, |slash| slash + 1);
    let name = Text::copy(bytes.get(start..end).unwrap_or_default())?;
    if matches!(name.as_bytes(), b"." | b"..") {
        return Err(Errno::EINVAL);
    }
    let mut parent = Path::copy(b"/")?;
    parent.push(bytes.get(..start).unwrap_or_default())?;
    Ok((find_or_make(root, parent.as_c_str(), Make::Directory)?, name))
}

/// Walks a path of which some part is missing.
struct Walk<R> {
    root: R,
    /// Where the walk is: existing directories, no symlinks, relative to the root. Empty: the root.
    done: Path,
    /// What is left to walk.
    rest: Path,
    links: u32,
}

impl<R: AsFd> Walk<R> {
    fn new(root: R, path: &CStr) -> Result<Self> {
        Ok(Self { root, done: Path::new(), rest: Path::copy(path.to_bytes())?, links: 0 })
    }

    /// Takes the next component off the rest.
    fn next(&mut self) -> Result<Option<Text<256>>> {
        let rest = self.rest;
        let bytes = rest.as_bytes();
        let Some(start) = bytes.iter().position(|b| *b != b'/') else { return Ok(None) };
        let tail = bytes.get(start..).unwrap_or_default();
        let length = tail.iter().position(|b| *b == b'/').unwrap_or(tail.len());
        let (name, left) = tail.split_at(length);
        self.rest = Path::copy(left)?;
        Text::copy(name).map(Some)
    }

    fn is_last(&self) -> bool {
        self.rest.as_bytes().iter().all(|b| *b == b'/')
    }

    fn here(&self) -> Result<OwnedFd> {
        let path = if self.done.is_empty() { c"." } else { self.done.as_c_str() };
        let strict = resolve::IN_ROOT | resolve::NO_SYMLINKS;
        file::open_with(&self.root, path, flags::PATH | flags::DIRECTORY, 0, strict)
    }

    fn run(mut self, make: Option<Make>) -> Result<OwnedFd> {
        while let Some(name) = self.next()? {
            match name.as_bytes() {
                b"." => {}
                b".." => {
                    let parent = self.done.as_bytes().iter().rposition(|b| *b == b'/').unwrap_or(0);
                    self.done.truncate(parent);
                }
                _ => {
                    if let Some(end) = self.step(&name, make)? {
                        return Ok(end);
                    }
                }
            }
        }
        self.here()
    }

    /// Goes into a directory, through a symlink, or makes what is missing. `Some`: that was the end, and not a directory.
    fn step(&mut self, name: &Text<256>, make: Option<Make>) -> Result<Option<OwnedFd>> {
        let here = self.here()?;
        let last = self.is_last();
        let nofollow = flags::PATH | flags::NOFOLLOW;
        let mut made = false;
        let found = loop {
            match file::open_with(&here, name.as_c_str(), nofollow, 0, resolve::BENEATH) {
                Err(Errno::ENOENT) if !made => {
                    made = true;
                    match make.ok_or(Errno::ENOENT)? {
                        Make::File if last => {
                            let exclusive = flags::WRONLY | flags::CREAT | flags::EXCL;
                            match file::open_with(&here, name.as_c_str(), exclusive, 0o644, resolve::BENEATH) {
                                Ok(_) | Err(Errno::EEXIST) => {}
                                Err(errno) => return Err(errno),
                            }
                        }
                        _ => match file::mkdir(&here, name.as_c_str(), 0o755) {
                            Ok(()) | Err(Errno::EEXIST) => {}
                            Err(errno) => return Err(errno),
                        },
                    }
                }
                other => break other?,
            }
        };
        match file::stat(&found)?.kind() {
            mode::DIRECTORY => {
                if !self.done.is_empty() {
                    self.done.push(b"/")?;
                }
                self.done.push(name.as_bytes())?;
                Ok(None)
            }
            mode::SYMLINK => {
                self.follow(&found)?;
                Ok(None)
            }
            _ if last => Ok(Some(found)),
            _ => Err(Errno::ENOTDIR),
        }
    }

    /// Puts a symlink's target in front of what is left.
    fn follow(&mut self, link: &OwnedFd) -> Result<()> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(Errno::ELOOP);
        }
        let mut buffer = [0u8; 4096];
        let mut rest = Path::copy(file::read_link(link, c"", &mut buffer)?)?;
        if rest.as_bytes().first() == Some(&b'/') {
            self.done.truncate(0);
        }
        rest.push(b"/")?;
        rest.push(self.rest.as_bytes())?;
        self.rest = rest;
        Ok(())
    }
}
