//! Files and directories. Paths from a container go through [`open_beneath`] only.

use super::call::{Errno, Result, call, retry};
use super::fd::{AsFd, OwnedFd};
use core::ffi::CStr;

/// `open` flags.
#[expect(missing_docs, reason = "the names are the kernel's")]
pub mod flags {
    pub const RDONLY: u64 = 0;
    pub const WRONLY: u64 = 1;
    pub const RDWR: u64 = 2;
    pub const CREAT: u64 = 0o100;
    pub const EXCL: u64 = 0o200;
    pub const NOCTTY: u64 = 0o400;
    pub const TRUNC: u64 = 0o1000;
    pub const APPEND: u64 = 0o2000;
    pub const NONBLOCK: u64 = 0o4000;
    pub const DIRECTORY: u64 = 0o200000;
    pub const NOFOLLOW: u64 = 0o400000;
    pub const CLOEXEC: u64 = 0o2000000;
    pub const PATH: u64 = 0o10000000;
}

/// `openat2` resolution flags.
#[expect(missing_docs, reason = "the names are the kernel's")]
pub mod resolve {
    pub const NO_MAGICLINKS: u64 = 0x02;
    pub const NO_SYMLINKS: u64 = 0x04;
    pub const BENEATH: u64 = 0x08;
    pub const IN_ROOT: u64 = 0x10;
}

/// File types in a mode.
#[expect(missing_docs, reason = "the names are the kernel's")]
pub mod mode {
    pub const TYPE: u32 = 0o170000;
    pub const DIRECTORY: u32 = 0o040000;
    pub const CHARACTER: u32 = 0o020000;
    pub const BLOCK: u32 = 0o060000;
    pub const REGULAR: u32 = 0o100000;
    pub const FIFO: u32 = 0o010000;
    pub const SYMLINK: u32 = 0o120000;
}

const AT_EMPTY_PATH: usize = 0x1000;
const AT_SYMLINK_NOFOLLOW: usize = 0x100;

#[repr(C)]
struct OpenHow {
    flags: u64,
    mode: u64,
    resolve: u64,
}

/// What `stat` tells.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
#[expect(missing_docs, reason = "the names are stat(2)'s")]
pub struct Stat {
    pub dev: u64,
    pub ino: u64,
    pub nlink: u64,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pad: u32,
    pub rdev: u64,
    pub size: i64,
    pub blksize: i64,
    pub blocks: i64,
    pub atime: [i64; 2],
    pub mtime: [i64; 2],
    pub ctime: [i64; 2],
    reserved: [i64; 3],
}

const _: () = assert!(size_of::<Stat>() == 144, "the kernel writes this many bytes");

impl Stat {
    /// The file type bits.
    pub fn kind(&self) -> u32 {
        self.mode & mode::TYPE
    }

    /// It is a character device with this number.
    pub fn is_character_device(&self, major: u32, minor: u32) -> bool {
        self.kind() == mode::CHARACTER && self.rdev == device_number(major, minor)
    }
}

/// The kernel's encoding of a device number in `stat` and `mknod`.
pub fn device_number(major: u32, minor: u32) -> u64 {
    let (major, minor) = (u64::from(major), u64::from(minor));
    (major & 0xfff) << 8 | (major & !0xfff) << 32 | (minor & 0xff) | (minor & !0xff) << 12
}

/// `openat2` with all its parameters. `EAGAIN` (a rename raced with `..` under `RESOLVE_IN_ROOT`) is retried a few times.
pub fn open_with(dir: impl AsFd, path: &CStr, flags: u64, mode: u32, resolve: u64) -> Result<OwnedFd> {
    let how = OpenHow { flags: flags | flags::CLOEXEC, mode: u64::from(mode), resolve };
    let mut attempts = 0;
    loop {
        // SAFETY: `path` ends with NUL and `how` has the size that is passed; the kernel only reads them.
        let result =
            retry(|| unsafe { call!(OPENAT2, dir.fd().arg(), path.as_ptr(), &raw const how, size_of::<OpenHow>()) });
        attempts += 1;
        match result {
            Err(Errno::EAGAIN) if resolve != 0 && attempts < 64 => {}
            other => return other.and_then(OwnedFd::from_result),
        }
    }
}

/// Opens a path of the host.
pub fn open(dir: impl AsFd, path: &CStr, flags: u64, mode: u32) -> Result<OwnedFd> {
    open_with(dir, path, flags, mode, 0)
}

/// Opens a path of a container: `root` is what `/` and `..` cannot leave, and `/proc/self/fd/N` leads nowhere.
pub fn open_beneath(root: impl AsFd, path: &CStr, flags: u64) -> Result<OwnedFd> {
    open_with(root, path, flags, 0, resolve::IN_ROOT | resolve::NO_MAGICLINKS)
}

/// `stat` of what a descriptor refers to.
pub fn stat(fd: impl AsFd) -> Result<Stat> {
    stat_at(fd, c"", AT_EMPTY_PATH)
}

/// `lstat` of a name in a directory.
pub fn stat_name(dir: impl AsFd, name: &CStr) -> Result<Stat> {
    stat_at(dir, name, AT_SYMLINK_NOFOLLOW)
}

/// `stat` of a path as this process sees it, symlinks followed.
pub fn stat_path(path: &CStr) -> Result<Stat> {
    stat_at(super::fd::CWD, path, 0)
}

fn stat_at(dir: impl AsFd, name: &CStr, flags: usize) -> Result<Stat> {
    let mut stat = Stat::default();
    // SAFETY: `name` ends with NUL; the kernel writes one `struct stat`, which `Stat` is (size asserted above), and any
    // bits are valid in its integers.
    unsafe { call!(NEWFSTATAT, dir.fd().arg(), name.as_ptr(), &raw mut stat, flags) }?;
    Ok(stat)
}

/// This descriptor is the root directory of a mount (Linux 5.8).
pub fn is_mount_root(fd: impl AsFd) -> Result<bool> {
    const ATTR_MOUNT_ROOT: u64 = 0x2000;
    let mut statx = [0u64; 32];
    // SAFETY: `struct statx` has 256 bytes, which the array has; any bits are valid in it.
    unsafe { call!(STATX, fd.fd().arg(), c"".as_ptr(), AT_EMPTY_PATH, 0, statx.as_mut_ptr()) }?;
    // `stx_attributes` is the second eight bytes.
    Ok(statx[1] & ATTR_MOUNT_ROOT != 0)
}

/// The `MS_*` flags of the mount that a descriptor is on.
pub fn mount_flags(fd: impl AsFd) -> Result<u64> {
    let mut statfs = [0u64; 15];
    // SAFETY: `struct statfs` has 120 bytes, which the array has; any bits are valid in it.
    unsafe { call!(FSTATFS, fd.fd().arg(), statfs.as_mut_ptr()) }?;
    // `f_flags`: rdonly, nosuid, nodev, noexec, noatime and nodiratime as in mount(2); relatime has another bit.
    let flags = statfs[10];
    Ok(flags & 0xc0f | if flags & 0x1000 == 0 { 0 } else { super::mount::ms::RELATIME })
}

/// `faccessat(X_OK)` as the real user.
pub fn executable(path: &CStr) -> Result<()> {
    // SAFETY: `path` ends with NUL and is only read.
    unsafe { call!(FACCESSAT, super::fd::CWD.arg(), path.as_ptr(), 1) }.map(drop)
}

/// `mkdirat`.
pub fn mkdir(dir: impl AsFd, name: &CStr, mode: u32) -> Result<()> {
    // SAFETY: `name` ends with NUL and is only read.
    unsafe { call!(MKDIRAT, dir.fd().arg(), name.as_ptr(), mode) }.map(drop)
}

/// `mknodat`; `mode` with type bits.
pub fn mknod(dir: impl AsFd, name: &CStr, mode: u32, major: u32, minor: u32) -> Result<()> {
    // SAFETY: `name` ends with NUL and is only read.
    unsafe { call!(MKNODAT, dir.fd().arg(), name.as_ptr(), mode, device_number(major, minor)) }.map(drop)
}

/// `symlinkat`.
pub fn symlink(target: &CStr, dir: impl AsFd, name: &CStr) -> Result<()> {
    // SAFETY: both end with NUL and are only read.
    unsafe { call!(SYMLINKAT, target.as_ptr(), dir.fd().arg(), name.as_ptr()) }.map(drop)
}

/// The symlink's text; it is cut to the buffer. An empty name reads the symlink that `dir` itself is.
pub fn read_link<'b>(dir: impl AsFd, name: &CStr, buffer: &'b mut [u8]) -> Result<&'b [u8]> {
    // SAFETY: `name` ends with NUL; the kernel writes at most `len` bytes into the buffer.
    let length = unsafe { call!(READLINKAT, dir.fd().arg(), name.as_ptr(), buffer.as_mut_ptr(), buffer.len()) }?;
    buffer.get(..length).ok_or(Errno::EINVAL)
}

/// `unlinkat` of something that is not a directory.
pub fn unlink(dir: impl AsFd, name: &CStr) -> Result<()> {
    // SAFETY: `name` ends with NUL and is only read.
    unsafe { call!(UNLINKAT, dir.fd().arg(), name.as_ptr(), 0) }.map(drop)
}

/// `renameat` of two host paths.
pub fn rename(from: &CStr, to: &CStr) -> Result<()> {
    let cwd = super::fd::CWD.arg();
    // SAFETY: both end with NUL and are only read.
    unsafe { call!(RENAMEAT, cwd, from.as_ptr(), cwd, to.as_ptr()) }.map(drop)
}

/// `fchownat(AT_EMPTY_PATH)`; works on `O_PATH` descriptors too.
pub fn chown(fd: impl AsFd, uid: u32, gid: u32) -> Result<()> {
    // SAFETY: the empty path is a literal and only read.
    unsafe { call!(FCHOWNAT, fd.fd().arg(), c"".as_ptr(), uid, gid, AT_EMPTY_PATH) }.map(drop)
}

/// Owner of a name in a directory, of the symlink itself if it is one.
pub fn chown_name(dir: impl AsFd, name: &CStr, uid: u32, gid: u32) -> Result<()> {
    // SAFETY: `name` ends with NUL and is only read.
    unsafe { call!(FCHOWNAT, dir.fd().arg(), name.as_ptr(), uid, gid, AT_SYMLINK_NOFOLLOW) }.map(drop)
}

/// `fchmod`.
pub fn chmod(fd: impl AsFd, mode: u32) -> Result<()> {
    // SAFETY: no memory is involved.
    unsafe { call!(FCHMOD, fd.fd().arg(), mode & 0o7777) }.map(drop)
}

/// Access and modification times of a name in a directory, or of `dir` itself if the name is empty.
pub fn set_times(dir: impl AsFd, name: &CStr, atime: [i64; 2], mtime: [i64; 2]) -> Result<()> {
    let times = [atime, mtime];
    let flags = if name.is_empty() { AT_EMPTY_PATH } else { AT_SYMLINK_NOFOLLOW };
    // SAFETY: `times` are two `struct timespec`, which the kernel only reads.
    unsafe { call!(UTIMENSAT, dir.fd().arg(), name.as_ptr(), times.as_ptr(), flags) }.map(drop)
}

/// The next entries of a directory as `struct linux_dirent64`s; 0 at the end.
pub fn read_directory(fd: impl AsFd, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: the kernel writes at most `len` bytes into the buffer.
    unsafe { call!(GETDENTS64, fd.fd().arg(), buffer.as_mut_ptr(), buffer.len()) }
}

/// Copies up to `length` bytes from one file's position to the other's, inside the kernel; 0 at the end.
pub fn send_file(to: impl AsFd, from: impl AsFd, length: usize) -> Result<usize> {
    // SAFETY: a null offset means the file's own position; no memory is involved.
    retry(|| unsafe { call!(SENDFILE, to.fd().arg(), from.fd().arg(), 0, length) })
}

/// Moves to the end, which is returned.
pub fn seek_end(fd: impl AsFd) -> Result<u64> {
    // SAFETY: no memory is involved.
    unsafe { call!(LSEEK, fd.fd().arg(), 0, 2) }.map(|end| end as u64)
}

/// Moves to the start.
pub fn rewind(fd: impl AsFd) -> Result<()> {
    // SAFETY: no memory is involved.
    unsafe { call!(LSEEK, fd.fd().arg(), 0, 0) }.map(drop)
}

/// `pread64`: reads at a place, wherever the file's position is.
pub fn read_at(fd: impl AsFd, buffer: &mut [u8], offset: u64) -> Result<usize> {
    // SAFETY: the kernel writes at most `len` bytes into this buffer.
    retry(|| unsafe { call!(PREAD64, fd.fd().arg(), buffer.as_mut_ptr(), buffer.len(), offset) })
}

/// An exclusive `flock` if nobody has one; `EAGAIN` otherwise. It never waits.
pub fn try_lock(fd: impl AsFd) -> Result<()> {
    const LOCK_EX_NB: usize = 2 | 4;
    // SAFETY: no memory is involved.
    unsafe { call!(FLOCK, fd.fd().arg(), LOCK_EX_NB) }.map(drop)
}

/// Gives up the `flock`. Closing is not enough: a child that has not reached its `execve` holds the same open file.
pub fn unlock(fd: impl AsFd) -> Result<()> {
    const LOCK_UN: usize = 8;
    // SAFETY: no memory is involved.
    unsafe { call!(FLOCK, fd.fd().arg(), LOCK_UN) }.map(drop)
}

/// Cuts the file.
pub fn truncate(fd: impl AsFd, length: u64) -> Result<()> {
    // SAFETY: no memory is involved.
    unsafe { call!(FTRUNCATE, fd.fd().arg(), length) }.map(drop)
}

/// The names of a file's extended attributes, each with its NUL.
pub fn list_attributes(fd: impl AsFd, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: the kernel writes at most `len` bytes into the buffer.
    unsafe { call!(FLISTXATTR, fd.fd().arg(), buffer.as_mut_ptr(), buffer.len()) }
}

/// One extended attribute's value.
pub fn get_attribute<'b>(fd: impl AsFd, name: &CStr, buffer: &'b mut [u8]) -> Result<&'b [u8]> {
    // SAFETY: `name` ends with NUL; the kernel writes at most `len` bytes into the buffer.
    let length = unsafe { call!(FGETXATTR, fd.fd().arg(), name.as_ptr(), buffer.as_mut_ptr(), buffer.len()) }?;
    buffer.get(..length).ok_or(Errno::ERANGE)
}

/// Sets one extended attribute.
pub fn set_attribute(fd: impl AsFd, name: &CStr, value: &[u8]) -> Result<()> {
    // SAFETY: `name` ends with NUL; both are only read.
    unsafe { call!(FSETXATTR, fd.fd().arg(), name.as_ptr(), value.as_ptr(), value.len(), 0) }.map(drop)
}
