//! Paths of a container: cleaned as words, and followed by the kernel from the root.
//!
//! A path is the user's, what lies on it is the container's: any component may be a link, and may change while one
//! looks. Nothing here is joined to a path of the host.

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// More links than this are a loop, as for the kernel.
const MOST_LINKS: usize = 40;
const IN_ROOT: ResolveFlags = ResolveFlags::IN_ROOT.union(ResolveFlags::NO_MAGICLINKS);
const ONLY_LOOK: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

/// A path as a user wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    /// Absolute, without `.`, `..` and doubled slashes.
    pub(super) clean: Vec<u8>,
    /// It ends in `/` or `/.`: a link at its end is followed, and a directory is expected.
    pub(super) directory: bool,
    /// It ends in `/.`: the content of the directory is meant.
    pub(super) dot: bool,
}

impl Written {
    pub(super) fn new(path: &str) -> Self {
        let mut parts: Vec<&str> = Vec::new();
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                other => parts.push(other),
            }
        }
        let dot = path == "." || path.ends_with("/.");
        let clean = format!("/{}", parts.join("/")).into_bytes();
        Self { directory: dot || path.ends_with('/') || parts.is_empty(), dot, clean }
    }

    /// What an archive of it calls it, and its status: `.`, `/`, or the last component.
    pub(super) fn base(&self) -> &[u8] {
        if self.dot {
            return b".";
        }
        match split(&self.clean).1 {
            b"" => b"/",
            name => name,
        }
    }
}

/// Parent and last component of a clean path.
fn split(clean: &[u8]) -> (&[u8], &[u8]) {
    match clean.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&clean[..at], &clean[at + 1..]),
        None => (b"", clean),
    }
}

/// Something in a container: where to look, and what was there.
pub(super) struct Located {
    pub(super) parent: OwnedFd,
    pub(super) leaf: OsString,
    pub(super) stat: Stat,
}

impl Located {
    pub(super) fn is(&self, kind: FileType) -> bool {
        FileType::from_raw_mode(self.stat.st_mode) == kind
    }
}

/// Finds what a path names. A link at its end is not followed, unless the path ends like a directory.
pub(super) fn locate(root: BorrowedFd<'_>, path: &Written) -> Result<Located, Errno> {
    if path.directory {
        let parent = open(root, &path.clean, ONLY_LOOK | OFlags::DIRECTORY, IN_ROOT)?;
        let stat = rustix::fs::fstat(&parent)?;
        return Ok(Located { parent, leaf: ".".into(), stat });
    }
    let (parent, leaf) = split(&path.clean);
    let parent = open(root, parent, ONLY_LOOK | OFlags::DIRECTORY, IN_ROOT)?;
    let stat = rustix::fs::statat(&parent, OsStr::from_bytes(leaf), AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(Located { parent, leaf: OsString::from_vec(leaf.to_vec()), stat })
}

fn open(root: BorrowedFd<'_>, path: &[u8], flags: OFlags, how: ResolveFlags) -> Result<OwnedFd, Errno> {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    let path = if path.is_empty() { OsStr::new(".") } else { OsStr::from_bytes(path) };
    loop {
        match rustix::fs::openat2(root, path, flags, Mode::empty(), how) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            done => return done,
        }
    }
}

/// The path without links that a path leads to, absolute in the root; what does not exist stays as it is written.
pub(super) fn resolve(root: BorrowedFd<'_>, path: &[u8]) -> Result<Vec<u8>, Errno> {
    let mut done: Vec<Vec<u8>> = Vec::new();
    let mut rest: VecDeque<Vec<u8>> = parts(path).collect();
    let (mut links, mut exists) = (0, true);
    while let Some(part) = rest.pop_front() {
        if part == b".." {
            done.pop();
            continue;
        }
        if !exists {
            done.push(part);
            continue;
        }
        let here =
            match open(root, &done.join(&b'/'), ONLY_LOOK | OFlags::DIRECTORY, IN_ROOT | ResolveFlags::NO_SYMLINKS) {
                Err(Errno::NOENT | Errno::NOTDIR) => {
                    exists = false;
                    rest.push_front(part);
                    continue;
                }
                here => here?,
            };
        match rustix::fs::readlinkat(&here, OsStr::from_bytes(&part), Vec::new()) {
            Ok(target) => {
                links += 1;
                if links > MOST_LINKS {
                    return Err(Errno::LOOP);
                }
                let target = target.into_bytes();
                if target.starts_with(b"/") {
                    done.clear();
                }
                for part in parts(&target).collect::<Vec<_>>().into_iter().rev() {
                    rest.push_front(part);
                }
            }
            // No link, or nothing yet.
            Err(Errno::INVAL) => done.push(part),
            Err(Errno::NOENT | Errno::NOTDIR) => {
                exists = false;
                done.push(part);
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok([b"/", &done.join(&b'/')[..]].concat())
}

fn parts(path: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let meant = |part: &&[u8]| !matches!(*part, b"" | b".");
    path.split(|byte| *byte == b'/').filter(meant).map(<[u8]>::to_vec)
}

/// Finds the place of a mount, making what is missing.
pub(super) fn find_or_make(root: BorrowedFd<'_>, path: &[u8], directory: bool) -> Result<OwnedFd, Errno> {
    match open(root, path, ONLY_LOOK, IN_ROOT) {
        Err(Errno::NOENT) => {}
        found => return found,
    }
    let path = resolve(root, path)?;
    let parts: Vec<Vec<u8>> = parts(&path).collect();
    for end in 1..=parts.len() {
        let parent = open(root, &parts[..end - 1].join(&b'/'), ONLY_LOOK, IN_ROOT | ResolveFlags::NO_SYMLINKS)?;
        let name = OsStr::from_bytes(&parts[end - 1]);
        let made = if end == parts.len() && !directory {
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
            rustix::fs::openat(&parent, name, flags, Mode::from_raw_mode(0o644)).map(drop)
        } else {
            rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o755))
        };
        match made {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
    }
    open(root, &path, ONLY_LOOK, IN_ROOT | ResolveFlags::NO_SYMLINKS)
}

/// What a path names, links followed; only to be looked at.
pub(super) fn find(root: impl AsFd, path: &[u8]) -> Result<OwnedFd, Errno> {
    open(root.as_fd(), path, ONLY_LOOK, IN_ROOT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;

    #[test]
    fn what_is_written_says_how_it_ends() {
        for (path, clean, directory, dot, base) in [
            ("/a/b", "/a/b", false, false, "b"),
            ("a/../b//c", "/b/c", false, false, "c"),
            ("/a/", "/a", true, false, "a"),
            ("/a/.", "/a", true, true, "."),
            ("/", "/", true, false, "/"),
            ("../../..", "/", true, false, "/"),
            (".", "/", true, true, "."),
        ] {
            let written = Written::new(path);
            let expected = Written { clean: clean.as_bytes().to_vec(), directory, dot };
            assert_eq!((&written, written.base()), (&expected, base.as_bytes()), "{path}");
        }
    }

    #[test]
    fn links_mean_what_they_mean_inside() {
        let outer = tempfile::tempdir().unwrap();
        let inside = |path: &str| outer.path().join("root").join(path);
        fs::create_dir_all(inside("a/b")).unwrap();
        fs::write(inside("a/file"), "").unwrap();
        symlink("/a", inside("absolute")).unwrap();
        symlink("../../../../a/b", inside("a/climbing")).unwrap();
        symlink("absolute/new", inside("broken")).unwrap();
        symlink("loop", inside("loop")).unwrap();
        let root = File::open(outer.path().join("root")).unwrap();
        let resolved = |path: &str| resolve(root.as_fd(), path.as_bytes()).map(|path| String::from_utf8(path).unwrap());
        assert_eq!(resolved("/absolute/b").unwrap(), "/a/b");
        assert_eq!(resolved("a/climbing/..").unwrap(), "/a");
        assert_eq!(resolved("/broken/x").unwrap(), "/a/new/x");
        assert_eq!(resolved("/../../etc/none").unwrap(), "/etc/none");
        assert_eq!(resolved("/a/file/x").unwrap(), "/a/file/x");
        assert_eq!(resolved("/loop").unwrap_err(), Errno::LOOP);

        let located = |path: &str| locate(root.as_fd(), &Written::new(path));
        assert!(located("/absolute").unwrap().is(FileType::Symlink));
        assert!(located("/absolute/").unwrap().is(FileType::Directory));
        assert!(located("/a/climbing/.").unwrap().is(FileType::Directory));
        assert_eq!(located("/a/file/").err(), Some(Errno::NOTDIR));
        assert_eq!(located("/none").err(), Some(Errno::NOENT));
    }

    #[test]
    fn places_of_mounts_are_made_inside() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        fs::create_dir(&root).unwrap();
        symlink("/../../outside", root.join("link")).unwrap();
        let opened = File::open(&root).unwrap();
        find_or_make(opened.as_fd(), b"/link/x/file", false).unwrap();
        find_or_make(opened.as_fd(), b"/d/e", true).unwrap();
        assert!(root.join("outside/x/file").is_file() && root.join("d/e").is_dir());
        assert!(!outer.path().join("outside").exists());
    }
}
