//! Descriptors with an owner.

use super::call::{Errno, Result, call, retry};
use core::marker::PhantomData;

/// A descriptor that is closed when this is dropped.
#[derive(Debug)]
pub struct OwnedFd(i32);

/// A descriptor that somebody else keeps open for `'fd`.
#[derive(Debug, Clone, Copy)]
pub struct BorrowedFd<'fd> {
    raw: i32,
    owner: PhantomData<&'fd OwnedFd>,
}

/// "Relative to the working directory", where a call takes a directory.
pub const CWD: BorrowedFd<'static> = BorrowedFd { raw: -100, owner: PhantomData };

/// Descriptor 0 of this process, whatever it is.
pub const STDIN: BorrowedFd<'static> = BorrowedFd { raw: 0, owner: PhantomData };

impl BorrowedFd<'_> {
    /// The number, for system calls and for `/proc/self/fd`.
    pub fn raw(self) -> i32 {
        self.raw
    }

    /// As an argument of a system call. The kernel takes the lower 32 bits.
    pub(super) fn arg(self) -> usize {
        self.raw as usize
    }
}

impl OwnedFd {
    /// Takes over what a system call returned.
    pub(super) fn from_result(raw: usize) -> Result<Self> {
        i32::try_from(raw).map(Self).map_err(|_| Errno::EBADF)
    }

    /// Takes over a descriptor that this process was started with or received, named by its number.
    ///
    /// # Safety
    /// Nobody else in this process may own it.
    pub(super) unsafe fn adopt(raw: i32) -> Self {
        Self(raw)
    }

    /// Lends it.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        BorrowedFd { raw: self.0, owner: PhantomData }
    }

    /// The number.
    pub fn raw(&self) -> i32 {
        self.0
    }
}

impl Drop for OwnedFd {
    fn drop(&mut self) {
        // SAFETY: this is the owner, and it is gone after this. close() is never repeated: the number is free even
        // when it fails.
        let _ = unsafe { call!(CLOSE, self.0) };
    }
}

/// Anything that can lend a descriptor.
pub trait AsFd {
    /// Lends it.
    fn fd(&self) -> BorrowedFd<'_>;
}

impl AsFd for OwnedFd {
    fn fd(&self) -> BorrowedFd<'_> {
        self.as_fd()
    }
}

impl AsFd for BorrowedFd<'_> {
    fn fd(&self) -> BorrowedFd<'_> {
        *self
    }
}

impl<T: AsFd> AsFd for &T {
    fn fd(&self) -> BorrowedFd<'_> {
        (**self).fd()
    }
}

/// Takes over the descriptor 0, on which the daemon talks to this process. Only the first call gets it.
pub fn take_stdin() -> Option<OwnedFd> {
    use core::sync::atomic::{AtomicBool, Ordering};
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::Relaxed) {
        return None;
    }
    // SAFETY: this process was started with it, and the flag lets one caller pass.
    Some(unsafe { OwnedFd::adopt(0) })
}

/// `read`; 0 is the end.
pub fn read(fd: impl AsFd, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: the kernel writes at most `len` bytes into this buffer.
    retry(|| unsafe { call!(READ, fd.fd().arg(), buffer.as_mut_ptr(), buffer.len()) })
}

/// `write`.
pub fn write(fd: impl AsFd, bytes: &[u8]) -> Result<usize> {
    // SAFETY: the kernel reads at most `len` bytes of this slice.
    retry(|| unsafe { call!(WRITE, fd.fd().arg(), bytes.as_ptr(), bytes.len()) })
}

/// `write` until everything is written.
pub fn write_all(fd: impl AsFd, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        let written = write(&fd, bytes)?;
        bytes = bytes.get(written..).filter(|_| written > 0).ok_or(Errno::EIO)?;
    }
    Ok(())
}

/// `dup3` onto a number that nobody in this process owns: 0, 1 or 2 of the payload.
pub fn install_stdio(fd: impl AsFd, number: u8) -> Result<()> {
    if fd.fd().raw() == i32::from(number) {
        return Err(Errno::EINVAL);
    }
    // SAFETY: 0 to 2 belong to the program that this process is about to become; the shim's own descriptor 0 is moved
    // away at its start.
    retry(|| unsafe { call!(DUP3, fd.fd().arg(), number, 0) }).map(drop)
}

/// Closes every descriptor from `first` to `last`, whoever owns it.
pub fn close_all(first: u32, last: u32) -> Result<()> {
    if first > last {
        return Ok(());
    }
    // SAFETY: called before anything is opened, and in the child, which uses none of these any more and never runs their
    // owners' drop: it ends in execve or exit_group.
    unsafe { call!(CLOSE_RANGE, first, last, 0) }.map(drop)
}

/// Closes every descriptor from 3 on but these, whoever owns it.
pub fn close_all_but(keep: &mut [i32]) -> Result<()> {
    keep.sort_unstable();
    let mut from = 3u32;
    for number in keep.iter().filter_map(|number| u32::try_from(*number).ok()).filter(|number| *number >= 3) {
        close_all(from, number.saturating_sub(1))?;
        from = number.saturating_add(1);
    }
    close_all(from, u32::MAX)
}

/// Makes it `number` in the program that this process is about to become. The caller has seen to it that nothing else of that program's
/// lies there.
pub fn hand_over(fd: impl AsFd, number: i32) -> Result<()> {
    const F_SETFD: usize = 2;
    if fd.fd().raw() == number {
        // SAFETY: no memory is involved.
        return unsafe { call!(FCNTL, number, F_SETFD, 0) }.map(drop);
    }
    // SAFETY: what was there is closed, which only a child that is about to execve asks for.
    retry(|| unsafe { call!(DUP3, fd.fd().arg(), number, 0) }).map(drop)
}

/// `FD_CLOEXEC` on.
pub fn close_at_exec(fd: impl AsFd) -> Result<()> {
    const F_SETFD: usize = 2;
    const FD_CLOEXEC: usize = 1;
    // SAFETY: no memory is involved.
    unsafe { call!(FCNTL, fd.fd().arg(), F_SETFD, FD_CLOEXEC) }.map(drop)
}

/// `O_NONBLOCK` on.
pub fn set_nonblocking(fd: impl AsFd) -> Result<()> {
    const F_GETFL: usize = 3;
    const F_SETFL: usize = 4;
    // SAFETY: no memory is involved.
    let flags = unsafe { call!(FCNTL, fd.fd().arg(), F_GETFL) }?;
    // SAFETY: no memory is involved.
    unsafe { call!(FCNTL, fd.fd().arg(), F_SETFL, flags | 0o4000) }.map(drop)
}

/// A copy with the lowest free number from `lowest` on, closed at `execve`.
pub fn duplicate(fd: impl AsFd, lowest: i32) -> Result<OwnedFd> {
    const F_DUPFD_CLOEXEC: usize = 1030;
    // SAFETY: no memory is involved.
    unsafe { call!(FCNTL, fd.fd().arg(), F_DUPFD_CLOEXEC, lowest) }.and_then(OwnedFd::from_result)
}

/// `pipe2` with `O_CLOEXEC`: the reading and the writing end.
pub fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    let mut ends = [-1i32; 2];
    // SAFETY: the kernel writes two numbers.
    unsafe { call!(PIPE2, ends.as_mut_ptr(), 0o2000000) }?;
    // SAFETY: both are new.
    Ok(unsafe { (OwnedFd::adopt(ends[0]), OwnedFd::adopt(ends[1])) })
}
