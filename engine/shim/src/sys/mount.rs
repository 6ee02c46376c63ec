//! Mounts. Targets are descriptors wherever the kernel allows it, so that no path is resolved twice.

use super::call::{Result, call};
use super::fd::{AsFd, OwnedFd};
use core::ffi::CStr;

/// `MS_*` flags of mount(2).
#[expect(missing_docs, reason = "the names are the kernel's")]
pub mod ms {
    pub const RDONLY: u64 = 1;
    pub const NOSUID: u64 = 2;
    pub const NODEV: u64 = 4;
    pub const NOEXEC: u64 = 8;
    pub const REMOUNT: u64 = 32;
    pub const NOATIME: u64 = 1 << 10;
    pub const NODIRATIME: u64 = 1 << 11;
    pub const BIND: u64 = 1 << 12;
    pub const REC: u64 = 1 << 14;
    pub const PRIVATE: u64 = 1 << 18;
    pub const SLAVE: u64 = 1 << 19;
    pub const SHARED: u64 = 1 << 20;
    pub const RELATIME: u64 = 1 << 21;
    pub const STRICTATIME: u64 = 1 << 24;
}

/// `MOUNT_ATTR_*` of mount_setattr(2).
#[expect(missing_docs, reason = "the names are the kernel's")]
pub mod attribute {
    pub const RDONLY: u64 = 1;
    pub const NOSUID: u64 = 2;
    pub const NODEV: u64 = 4;
    pub const NOEXEC: u64 = 8;
    pub const ATIME: u64 = 0x70;
    pub const NOATIME: u64 = 0x10;
    pub const STRICTATIME: u64 = 0x20;
    pub const NODIRATIME: u64 = 0x80;
}

const AT_EMPTY_PATH: usize = 0x1000;
const AT_RECURSIVE: usize = 0x8000;

/// mount(2). An empty string is passed as null where the kernel ignores it.
pub fn mount(source: &CStr, target: &CStr, fstype: &CStr, flags: u64, data: &CStr) -> Result<()> {
    let or_null = |string: &CStr| if string.is_empty() { core::ptr::null() } else { string.as_ptr() };
    let source = if source.is_empty() { c"none".as_ptr() } else { source.as_ptr() };
    // SAFETY: all strings end with NUL (`data` may be null) and are only read.
    unsafe { call!(MOUNT, source, target.as_ptr(), or_null(fstype), flags, or_null(data)) }.map(drop)
}

/// `umount2(MNT_DETACH)`.
pub fn detach(target: &CStr) -> Result<()> {
    // SAFETY: the string ends with NUL and is only read.
    unsafe { call!(UMOUNT2, target.as_ptr(), 2) }.map(drop)
}

/// `pivot_root(".", ".")`: the working directory becomes the root, and the old root is mounted over it.
pub fn pivot_here() -> Result<()> {
    // SAFETY: literals are read.
    unsafe { call!(PIVOT_ROOT, c".".as_ptr(), c".".as_ptr()) }.map(drop)
}

/// A detached copy of the mount at `path` (below `dir`; empty: `dir` itself), with everything mounted below it or not.
pub fn clone_tree(dir: impl AsFd, path: &CStr, recursive: bool) -> Result<OwnedFd> {
    const CLONE_AND_CLOEXEC: usize = 1 | 0o2000000;
    let flags =
        CLONE_AND_CLOEXEC | if path.is_empty() { AT_EMPTY_PATH } else { 0 } | if recursive { AT_RECURSIVE } else { 0 };
    // SAFETY: the string ends with NUL and is only read.
    unsafe { call!(OPEN_TREE, dir.fd().arg(), path.as_ptr(), flags) }.and_then(OwnedFd::from_result)
}

/// Attaches a detached tree on top of what `target` refers to.
pub fn attach_tree(tree: impl AsFd, target: impl AsFd) -> Result<()> {
    const BOTH_EMPTY: usize = 0x4 | 0x40;
    let empty = c"".as_ptr();
    // SAFETY: literals are read.
    unsafe { call!(MOVE_MOUNT, tree.fd().arg(), empty, target.fd().arg(), empty, BOTH_EMPTY) }.map(drop)
}

/// mount_setattr(2) (Linux 5.12) on the mount that a descriptor is the root of.
pub fn set_attributes(fd: impl AsFd, set: u64, clear: u64, propagation: u64, recursive: bool) -> Result<()> {
    let attributes = [set, clear, propagation, 0];
    let flags = AT_EMPTY_PATH | if recursive { AT_RECURSIVE } else { 0 };
    // SAFETY: `struct mount_attr` is four 64-bit integers, which are only read; its size is passed.
    unsafe { call!(MOUNT_SETATTR, fd.fd().arg(), c"".as_ptr(), flags, attributes.as_ptr(), size_of::<[u64; 4]>()) }
        .map(drop)
}
