//! Processes: making, becoming, ending and waiting for them.

use super::call::{Errno, Result, call, retry};
use super::fd::{AsFd, BorrowedFd, OwnedFd};
use super::map::Pointers;
use core::ffi::CStr;

/// `CLONE_NEW*` flags.
#[expect(missing_docs, reason = "the names are the kernel's")]
pub mod ns {
    pub const TIME: u64 = 0x80;
    pub const MNT: u64 = 0x0002_0000;
    pub const CGROUP: u64 = 0x0200_0000;
    pub const UTS: u64 = 0x0400_0000;
    pub const IPC: u64 = 0x0800_0000;
    pub const USER: u64 = 0x1000_0000;
    pub const PID: u64 = 0x2000_0000;
    pub const NET: u64 = 0x4000_0000;
    /// All of them.
    pub const ALL: u64 = TIME | MNT | CGROUP | UTS | IPC | USER | PID | NET;
}

/// On which side of a clone one is.
#[derive(Debug)]
pub enum Cloned {
    /// In the new process.
    Child,
    /// In the old one.
    Parent {
        /// The child's pid, in this process's namespace.
        pid: u32,
        /// Refers to the child, and to nobody else ever.
        pidfd: OwnedFd,
    },
}

/// `clone3` with a copy of the memory, into new namespaces and a cgroup2 directory.
pub fn clone(namespaces: u64, cgroup: Option<BorrowedFd<'_>>) -> Result<Cloned> {
    const PIDFD: u64 = 0x1000;
    const INTO_CGROUP: u64 = 0x2_0000_0000;
    const SIGCHLD: u64 = 17;
    let mut pidfd = -1i32;
    let arguments: [u64; 11] = [
        namespaces | PIDFD | if cgroup.is_some() { INTO_CGROUP } else { 0 },
        (&raw mut pidfd).expose_provenance() as u64,
        0,
        0,
        SIGCHLD,
        0,
        0,
        0,
        0,
        0,
        cgroup.map_or(0, |cgroup| cgroup.arg() as u64),
    ];
    // SAFETY: `struct clone_args` is 11 64-bit integers, only read; the kernel writes the pidfd. There is no CLONE_VM: the
    // child goes on with its own copy of memory and stack. Nothing can be locked or half done by another thread,
    // because there is none.
    let pid = unsafe { call!(CLONE3, arguments.as_ptr(), size_of::<[u64; 11]>()) }?;
    if pid == 0 {
        return Ok(Cloned::Child);
    }
    // SAFETY: the kernel made it for this process.
    let pidfd = unsafe { OwnedFd::adopt(pidfd) };
    Ok(Cloned::Parent { pid: u32::try_from(pid).map_err(|_| Errno::ESRCH)?, pidfd })
}

/// `fork`: a child with a copy of everything. Its pid, or `None` in the child itself.
pub fn fork() -> Result<Option<u32>> {
    const SIGCHLD: usize = 17;
    // By clone(2): a seccomp profile may know nothing of clone3.
    // SAFETY: no CLONE_VM: the child goes on with its own copy of memory and stack; the process has one thread.
    let pid = unsafe { call!(CLONE, SIGCHLD) }?;
    if pid == 0 {
        return Ok(None);
    }
    u32::try_from(pid).map(Some).map_err(|_| Errno::ESRCH)
}

/// A process group of one's own.
pub fn new_group() -> Result<()> {
    // SAFETY: no memory is involved.
    unsafe { call!(SETPGID, 0, 0) }.map(drop)
}

/// The working directory becomes this process's `/`.
pub fn change_root_here() -> Result<()> {
    // SAFETY: a string with its NUL is read.
    unsafe { call!(CHROOT, c".".as_ptr()) }.map(drop)
}

/// Becomes the program that a descriptor refers to; returns only on failure.
pub fn execute_descriptor(program: impl AsFd, arguments: &Pointers<'_>, environment: &Pointers<'_>) -> Errno {
    const AT_EMPTY_PATH: usize = 0x1000;
    let (path, fd) = (c"", program.fd().arg());
    // SAFETY: as in `execute`.
    match unsafe { call!(EXECVEAT, fd, path.as_ptr(), arguments.as_ptr(), environment.as_ptr(), AT_EMPTY_PATH) } {
        Ok(_) => Errno::EINVAL,
        Err(errno) => errno,
    }
}

/// Becomes another program; returns only on failure.
pub fn execute(path: &CStr, arguments: &Pointers<'_>, environment: &Pointers<'_>) -> Errno {
    // SAFETY: `path` ends with NUL, both arrays end with a null pointer and their strings outlive the call; all are
    // only read.
    match unsafe { call!(EXECVE, path.as_ptr(), arguments.as_ptr(), environment.as_ptr()) } {
        Ok(_) => Errno::EINVAL,
        Err(errno) => errno,
    }
}

/// Ends this process.
pub fn exit(code: u8) -> ! {
    loop {
        // SAFETY: it does not return.
        let _ = unsafe { call!(EXIT_GROUP, code) };
    }
}

/// A child that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Its pid.
    pub pid: u32,
    /// Its exit code, if no signal ended it.
    pub code: u8,
    /// The signal, or 0.
    pub signal: u8,
}

/// Reaps any child that has ended. `None`: none has.
pub fn reap() -> Option<Ended> {
    const ALL: usize = 0;
    const EXITED_NOHANG: usize = 4 | 1;
    const CLD_EXITED: i32 = 1;
    // siginfo_t: 128 bytes, as 32-bit words: signo, errno, code, pad, pid, uid, status.
    let mut info = [0i32; 32];
    // SAFETY: the kernel writes one siginfo_t.
    retry(|| unsafe { call!(WAITID, ALL, 0, info.as_mut_ptr(), EXITED_NOHANG, 0) }).ok()?;
    let pid = u32::try_from(info[4]).ok().filter(|pid| *pid != 0)?;
    let status = info[6].to_le_bytes()[0];
    if info[2] == CLD_EXITED {
        Some(Ended { pid, code: status, signal: 0 })
    } else {
        Some(Ended { pid, code: 128u8.wrapping_add(status), signal: status })
    }
}

/// Kills a child that has not become its payload, and reaps it.
pub fn abandon(pidfd: impl AsFd) {
    const PIDFD: usize = 3;
    const EXITED: usize = 4;
    if signal(&pidfd, 9).is_ok() {
        // SAFETY: no siginfo is asked for.
        let _ = retry(|| unsafe { call!(WAITID, PIDFD, pidfd.fd().arg(), 0, EXITED, 0) });
    }
}

/// Sends a signal.
pub fn signal(pidfd: impl AsFd, signal: u32) -> Result<()> {
    // SAFETY: no siginfo is passed.
    unsafe { call!(PIDFD_SEND_SIGNAL, pidfd.fd().arg(), signal, 0, 0) }.map(drop)
}

/// `setns`, with an nsfs descriptor and one flag, or a pidfd and several.
pub fn join(fd: impl AsFd, kinds: u64) -> Result<()> {
    // SAFETY: no memory is involved; the process has one thread.
    unsafe { call!(SETNS, fd.fd().arg(), kinds) }.map(drop)
}

/// `unshare`.
pub fn unshare(kinds: u64) -> Result<()> {
    // SAFETY: no memory is involved; the process has one thread.
    unsafe { call!(UNSHARE, kinds) }.map(drop)
}

/// A session of one's own.
pub fn new_session() -> Result<()> {
    // SAFETY: no memory is involved.
    unsafe { call!(SETSID) }.map(drop)
}

/// This process's pid, in its own namespace.
pub fn own_pid() -> u32 {
    // SAFETY: no memory is involved, and it cannot fail.
    unsafe { call!(GETPID) }.ok().and_then(|pid| u32::try_from(pid).ok()).unwrap_or(0)
}

/// `fchdir`.
pub fn change_directory(dir: impl AsFd) -> Result<()> {
    // SAFETY: no memory is involved.
    unsafe { call!(FCHDIR, dir.fd().arg()) }.map(drop)
}

/// The working directory's path starts at this process's root: it is not outside (then the kernel says "(unreachable)").
pub fn directory_is_inside() -> Result<bool> {
    let mut path = [0u8; 4096];
    // SAFETY: the kernel writes at most `len` bytes.
    unsafe { call!(GETCWD, path.as_mut_ptr(), path.len()) }?;
    Ok(path[0] == b'/')
}
