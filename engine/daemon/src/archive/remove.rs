//! Taking a tree away that something else shall replace, by descriptors, and never into a mount.

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::ffi::{CStr, OsStr};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

/// Each level holds a descriptor and a frame of the stack.
const MOST_LEVELS: usize = 1000;
/// A link that was put in a directory's place a moment ago leads nowhere; a volume that is mounted inside is not deleted.
const HERE: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_XDEV)
    .union(ResolveFlags::NO_MAGICLINKS);

/// Removes `name`, whatever it is, with all that it has inside. That it is gone already is fine.
pub(super) fn remove(parent: impl AsFd, name: &OsStr) -> Result<(), Errno> {
    match rustix::fs::unlinkat(&parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(Errno::ISDIR) => directory(parent, name, 0),
        Err(errno) => Err(errno),
    }
}

fn directory(parent: impl AsFd, name: &OsStr, level: usize) -> Result<(), Errno> {
    if level == MOST_LEVELS {
        return Err(Errno::NAMETOOLONG);
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let here = match rustix::fs::openat2(&parent, name, flags, Mode::empty(), HERE) {
        Err(Errno::NOENT) => return Ok(()),
        // Told as what it means for who wanted it away: something is mounted there.
        Err(Errno::XDEV) => return Err(Errno::BUSY),
        here => here?,
    };
    for entry in Dir::read_from(&here)? {
        let entry = entry?;
        let child: &CStr = entry.file_name();
        if child == c"." || child == c".." {
            continue;
        }
        let child = OsStr::from_bytes(child.to_bytes());
        if entry.file_type() == FileType::Directory {
            directory(&here, child, level + 1)?;
            continue;
        }
        match rustix::fs::unlinkat(&here, child, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(Errno::ISDIR) => directory(&here, child, level + 1)?,
            Err(errno) => return Err(errno),
        }
    }
    match rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Err(Errno::NOENT) => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_tree_goes_and_what_its_links_mean_stays() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        fs::create_dir_all(path("tree/a/b")).unwrap();
        fs::create_dir(path("outside")).unwrap();
        fs::write(path("outside/file"), "stays").unwrap();
        fs::write(path("tree/a/file"), "goes").unwrap();
        std::os::unix::fs::symlink("../../outside", path("tree/a/link")).unwrap();
        let here = fs::File::open(root.path()).unwrap();
        remove(&here, OsStr::new("tree")).unwrap();
        remove(&here, OsStr::new("tree")).unwrap();
        assert!(!path("tree").exists());
        assert_eq!(fs::read_to_string(path("outside/file")).unwrap(), "stays");
    }
}
