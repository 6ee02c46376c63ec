//! What a socket still holds for its peer.

use nix::libc;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// `SIOCOUTQ`, under the name that libc knows for the same number. On a unix socket it counts the memory of what was
/// written and not yet read; on a TCP one, bytes that the peer's kernel has not acknowledged.
pub(crate) fn unread(socket: BorrowedFd<'_>) -> io::Result<usize> {
    let mut held: libc::c_int = 0;
    // SAFETY: the request writes one int to the address given, which is that of a live local; `socket` is open.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut held) };
    if result == 0 { Ok(usize::try_from(held).unwrap_or_default()) } else { Err(io::Error::last_os_error()) }
}
