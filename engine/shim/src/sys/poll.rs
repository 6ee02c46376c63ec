//! epoll and signalfd: what the loop waits on.

use super::call::{Errno, Result, call, retry};
use super::fd::{AsFd, OwnedFd};

/// Bytes can be read, or a connection accepted.
pub const READABLE: u32 = 0x001;
/// Bytes can be written.
pub const WRITABLE: u32 = 0x004;
/// The other side is gone; always reported.
pub const HANGUP: u32 = 0x010;
/// An error is pending; always reported.
pub const ERROR: u32 = 0x008;

/// Report changes only, not states.
pub const EDGE: u32 = 1 << 31;

/// What happened, and the number under which its descriptor was registered.
#[repr(C, packed)]
#[derive(Debug, Clone, Copy, Default)]
pub struct Event {
    flags: u32,
    token: u64,
}

impl Event {
    /// `READABLE`...
    pub fn flags(self) -> u32 {
        self.flags
    }

    /// The number given at registration.
    pub fn token(self) -> u64 {
        self.token
    }
}

/// A set of descriptors to wait on, level-triggered.
#[derive(Debug)]
pub struct Poll(OwnedFd);

impl Poll {
    /// An empty set.
    pub fn new() -> Result<Self> {
        // SAFETY: no memory is involved.
        unsafe { call!(EPOLL_CREATE1, 0o2000000) }.and_then(OwnedFd::from_result).map(Self)
    }

    fn control(&self, operation: usize, fd: impl AsFd, flags: u32, token: u64) -> Result<()> {
        let event = Event { flags, token };
        // SAFETY: `Event` has the packed layout of x86_64's `struct epoll_event`, and is only read.
        unsafe { call!(EPOLL_CTL, self.0.fd().arg(), operation, fd.fd().arg(), &raw const event) }.map(drop)
    }

    /// Adds a descriptor. It leaves the set when it is closed.
    pub fn add(&self, fd: impl AsFd, flags: u32, token: u64) -> Result<()> {
        self.control(1, fd, flags, token)
    }

    /// Changes what is waited for.
    pub fn modify(&self, fd: impl AsFd, flags: u32, token: u64) -> Result<()> {
        self.control(3, fd, flags, token)
    }

    /// Takes a descriptor out.
    pub fn remove(&self, fd: impl AsFd) -> Result<()> {
        self.control(2, fd, 0, 0)
    }

    /// One event. One at a time, so that handling it can close and reuse anything: no stale event is left over.
    /// `None`: nothing is ready (only if not `block`ing).
    pub fn wait(&self, block: bool) -> Result<Option<Event>> {
        let mut event = Event::default();
        let timeout: i32 = if block { -1 } else { 0 };
        // SAFETY: the kernel writes at most one event.
        let ready = retry(|| unsafe { call!(EPOLL_WAIT, self.0.fd().arg(), &raw mut event, 1, timeout) })?;
        Ok((ready == 1).then_some(event))
    }
}

/// Blocks all signals, gives every one its default action, and returns a descriptor that is readable on SIGCHLD.
///
/// Blocked is how the shim survives SIGTERM, SIGINT, SIGHUP and SIGPIPE; default actions are what its children inherit.
pub fn take_over_signals() -> Result<OwnedFd> {
    const SIGCHLD: u32 = 17;
    let all = u64::MAX;
    // SAFETY: sets of 8 bytes are read; no old set is wanted.
    unsafe { call!(RT_SIGPROCMASK, 2, &raw const all, 0, 8) }?;
    let default_action = [0usize; 4];
    for signal in 1..=64 {
        // SAFETY: a zeroed `struct sigaction` (32 bytes) means SIG_DFL; SIGKILL and SIGSTOP refuse, as they should.
        let _ = unsafe { call!(RT_SIGACTION, signal, default_action.as_ptr(), 0, 8) };
    }
    let children = 1u64 << (SIGCHLD - 1);
    // SAFETY: a set of 8 bytes is read.
    unsafe { call!(SIGNALFD4, -1i32, &raw const children, 8, 0o2004000) }.and_then(OwnedFd::from_result)
}

/// Takes all pending signals off the descriptor.
pub fn drain_signals(fd: impl AsFd) {
    let mut infos = [0u8; 512];
    while super::fd::read(&fd, &mut infos).is_ok_and(|length| length == infos.len()) {}
}

/// Unblocks every signal: the last thing before the payload's `execve`.
pub fn unblock_signals() -> Result<()> {
    let none = 0u64;
    // SAFETY: a set of 8 bytes is read.
    unsafe { call!(RT_SIGPROCMASK, 2, &raw const none, 0, 8) }.map(drop)
}

/// Nothing can be read or written now, but later: not an error.
pub fn would_block(errno: Errno) -> bool {
    errno == Errno::EAGAIN
}
