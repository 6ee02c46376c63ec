//! Whose copied files become with `copyUIDGID`: the container's user's, by the names that its image knows.

use super::error::FilesError;
use super::walk;
use rustix::fs::{FileType, fstat};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Longer user databases are not one.
const LONGEST: u64 = 1 << 20;

/// The ids of `user[:group]`; `None` where the container has no user of its own.
pub(super) fn owner(root: BorrowedFd<'_>, user: &str) -> Result<Option<(u32, u32)>, FilesError> {
    if user.is_empty() {
        return Ok(None);
    }
    let (name, group) = user.split_once(':').unwrap_or((user, ""));
    let lines = |path: &[u8]| read(root, path).unwrap_or_default();
    let entry = find(&lines(b"/etc/passwd"), name);
    let (uid, own_group) = match (entry, name.parse::<u32>()) {
        (Some(fields), _) => (number(&fields, 2), number(&fields, 3)),
        // A number needs no entry, as for `--user`.
        (None, Ok(uid)) => (Some(uid), Some(0)),
        (None, Err(_)) => (None, None),
    };
    let gid = match group {
        "" => own_group,
        group => group.parse().ok().or_else(|| find(&lines(b"/etc/group"), group).and_then(|f| number(&f, 2))),
    };
    match (uid, gid) {
        (Some(uid), Some(gid)) => Ok(Some((uid, gid))),
        _ => Err(FilesError::NoUser(user.to_owned())),
    }
}

/// The line of a name, or of a number in the third field.
fn find(lines: &str, key: &str) -> Option<Vec<String>> {
    let fields = lines.lines().map(|line| line.split(':').map(str::to_owned).collect::<Vec<_>>());
    let mut matching = fields.filter(|f| f.len() >= 3);
    matching.find(|f| f[0] == key || f[2] == key)
}

fn number(fields: &[String], at: usize) -> Option<u32> {
    fields.get(at)?.parse().ok()
}

/// A file of the container's, if it is one: opening something else could do anything.
fn read(root: BorrowedFd<'_>, path: &[u8]) -> Option<String> {
    let held = walk::find(root, path).ok()?;
    if FileType::from_raw_mode(fstat(&held).ok()?.st_mode) != FileType::RegularFile {
        return None;
    }
    let mut bytes = Vec::new();
    let file = File::open(format!("/proc/self/fd/{}", held.as_raw_fd())).ok()?;
    file.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn users_are_those_of_the_image() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("etc")).unwrap();
        std::fs::write(root.path().join("etc/passwd"), "root:x:0:0::/:\nweb:x:33:34::/:\nbroken\n").unwrap();
        std::fs::write(root.path().join("etc/group"), "web:x:34:\nlog:x:77:\n").unwrap();
        let opened = File::open(root.path()).unwrap();
        let owner = |user: &str| owner(opened.as_fd(), user);
        for (user, ids) in [
            ("", None),
            ("web", Some((33, 34))),
            ("33", Some((33, 34))),
            ("web:log", Some((33, 77))),
            ("web:5", Some((33, 5))),
            ("1000", Some((1000, 0))),
        ] {
            assert_eq!(owner(user).unwrap(), ids, "{user}");
        }
        let error = owner("nosuch").unwrap_err().to_string();
        assert_eq!(error, "unable to find user nosuch: no matching entries in passwd file");
    }
}
