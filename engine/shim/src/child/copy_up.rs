//! Docker's rule for a fresh named volume: what the image has at the mount point is copied into it, once.
//!
//! Owner, mode, times and extended attributes are kept; hard links become copies. Recursion is bounded by the depth,
//! not by trust in the image.

use super::beneath;
use super::tree::Tree;
use crate::failure::{At, Outcome};
use crate::sys::file::{self, Stat, flags, mode};
use crate::sys::{Errno, OwnedFd, Result};
use core::ffi::CStr;
use hull_plan::StepKind;

/// Deeper trees are refused: each level costs stack and two descriptors.
const MAX_DEPTH: u32 = 128;
const READ_DIRECTORY: u64 = flags::RDONLY | flags::DIRECTORY | flags::NOFOLLOW | flags::NONBLOCK;

/// Copies `target`'s content into the host's directory `source`, if that is empty.
pub(super) fn run<'p>(tree: &mut Tree, source: &'p CStr, target: &'p CStr) -> Outcome<'p> {
    tree.require_own(StepKind::Mount, target)?;
    let to = tree.take_source().ok_or(Errno::ENOENT).at(StepKind::BindSource, source)?;
    let Some(from) = beneath::find_if_there(tree.root(), target).at(StepKind::Mount, target)? else { return Ok(()) };
    if file::stat(&from).at(StepKind::Mount, target)?.kind() != mode::DIRECTORY {
        return Ok(());
    }
    if !is_empty(&to).at(StepKind::BindSource, source)? {
        return Ok(());
    }
    let from = file::open(&from, c".", flags::RDONLY | flags::DIRECTORY, 0).at(StepKind::Mount, target)?;
    copy_directory(&from, &to, 0).at(StepKind::Mount, target)
}

fn is_empty(directory: &OwnedFd) -> Result<bool> {
    let probe = file::open(directory, c".", flags::RDONLY | flags::DIRECTORY, 0)?;
    let mut empty = true;
    for_each(&probe, |_| {
        empty = false;
        Ok(())
    })?;
    Ok(empty)
}

/// Calls `each` with every name but `.` and `..`.
fn for_each(directory: &OwnedFd, mut each: impl FnMut(&CStr) -> Result<()>) -> Result<()> {
    let mut buffer = [0u8; 2048];
    loop {
        let length = file::read_directory(directory, &mut buffer)?;
        let mut entries = buffer.get(..length).unwrap_or_default();
        if entries.is_empty() {
            return Ok(());
        }
        // struct linux_dirent64: ino 8, offset 8, record length 2, type 1, name.
        while let Some((entry, rest)) = record_length(entries).and_then(|length| entries.split_at_checked(length)) {
            let name = entry.get(19..).and_then(|name| CStr::from_bytes_until_nul(name).ok()).ok_or(Errno::EIO)?;
            if name != c"." && name != c".." {
                each(name)?;
            }
            entries = rest;
        }
    }
}

fn record_length(entries: &[u8]) -> Option<usize> {
    let length = usize::from(u16::from_ne_bytes([*entries.get(16)?, *entries.get(17)?]));
    (length > 19).then_some(length)
}

fn copy_directory(from: &OwnedFd, to: &OwnedFd, depth: u32) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(Errno::ELOOP);
    }
    for_each(from, |name| copy_entry(from, to, name, depth))?;
    finish(from, to, &file::stat(from)?)
}

fn copy_entry(from: &OwnedFd, to: &OwnedFd, name: &CStr, depth: u32) -> Result<()> {
    let stat = file::stat_name(from, name)?;
    match stat.kind() {
        mode::DIRECTORY => {
            file::mkdir(to, name, 0o700)?;
            let inner_from = file::open(from, name, READ_DIRECTORY, 0)?;
            let inner_to = file::open(to, name, READ_DIRECTORY, 0)?;
            copy_directory(&inner_from, &inner_to, depth + 1)
        }
        mode::REGULAR => {
            let source = file::open(from, name, flags::RDONLY | flags::NOFOLLOW | flags::NONBLOCK, 0)?;
            let copy = file::open(to, name, flags::WRONLY | flags::CREAT | flags::EXCL, 0o600)?;
            while file::send_file(&copy, &source, 1 << 30)? > 0 {}
            finish(&source, &copy, &stat)
        }
        mode::SYMLINK => {
            let mut buffer = [0u8; 4096];
            let target = crate::text::Text::<4097>::copy(file::read_link(from, name, &mut buffer)?)?;
            file::symlink(target.as_c_str(), to, name)?;
            file::chown_name(to, name, stat.uid, stat.gid)?;
            file::set_times(to, name, stat.atime, stat.mtime)
        }
        kind @ (mode::CHARACTER | mode::BLOCK | mode::FIFO) => {
            let (major, minor) = if kind == mode::FIFO { (0, 0) } else { device_parts(stat.rdev) };
            file::mknod(to, name, stat.mode, major, minor)?;
            file::chown_name(to, name, stat.uid, stat.gid)?;
            file::set_times(to, name, stat.atime, stat.mtime)
        }
        // A socket means nothing without its listener.
        _ => Ok(()),
    }
}

fn device_parts(rdev: u64) -> (u32, u32) {
    let major = rdev >> 8 & 0xfff | rdev >> 32 & !0xfff;
    let minor = rdev & 0xff | rdev >> 12 & !0xff;
    (major as u32, minor as u32)
}

/// Owner first: changing it clears set-user-ID bits. Times last: everything else changes them.
fn finish(from: &OwnedFd, to: &OwnedFd, stat: &Stat) -> Result<()> {
    file::chown(to, stat.uid, stat.gid)?;
    file::chmod(to, stat.mode)?;
    copy_attributes(from, to)?;
    file::set_times(to, c"", stat.atime, stat.mtime)
}

fn copy_attributes(from: &OwnedFd, to: &OwnedFd) -> Result<()> {
    let mut names = [0u8; 1024];
    let length = match file::list_attributes(from, &mut names) {
        Ok(length) => length,
        Err(Errno::EOPNOTSUPP) => return Ok(()),
        Err(errno) => return Err(errno),
    };
    let mut rest = names.get(..length).unwrap_or_default();
    while let Ok(name) = CStr::from_bytes_until_nul(rest) {
        rest = rest.get(name.count_bytes() + 1..).unwrap_or_default();
        // An overlay's own bookkeeping is not the image's.
        if name.to_bytes().starts_with(b"trusted.overlay.") {
            continue;
        }
        let mut value = [0u8; 4096];
        match file::get_attribute(from, name, &mut value).and_then(|value| file::set_attribute(to, name, value)) {
            Ok(()) | Err(Errno::EOPNOTSUPP | Errno::ENODATA) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_numbers_split_and_join() {
        for (major, minor) in [(1, 3), (5, 2), (259, 70_000), (4095, 255), (5000, 1 << 19)] {
            assert_eq!(device_parts(file::device_number(major, minor)), (major, minor));
        }
    }
}
