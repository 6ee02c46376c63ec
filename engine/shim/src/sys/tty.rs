//! Pseudo-terminals.

use super::call::{Result, call};
use super::fd::{AsFd, OwnedFd};

const TIOCSCTTY: usize = 0x540e;
const TIOCSPGRP: usize = 0x5410;
const TIOCSWINSZ: usize = 0x5414;
const TIOCSPTLCK: usize = 0x4004_5431;
const TIOCGPTPEER: usize = 0x5441;

/// Unlocks a multiplexer's terminal and opens its other side, by the descriptor: no path can be swapped in between.
pub fn open_peer(master: impl AsFd) -> Result<OwnedFd> {
    const READ_WRITE_NOCTTY_CLOEXEC: usize = 0o2 | 0o400 | 0o2000000;
    let unlocked = 0i32;
    // SAFETY: one `int` is read.
    unsafe { call!(IOCTL, master.fd().arg(), TIOCSPTLCK, &raw const unlocked) }?;
    // SAFETY: no memory is involved.
    unsafe { call!(IOCTL, master.fd().arg(), TIOCGPTPEER, READ_WRITE_NOCTTY_CLOEXEC) }.and_then(OwnedFd::from_result)
}

/// Makes it the controlling terminal of this session.
pub fn control(terminal: impl AsFd) -> Result<()> {
    // SAFETY: no memory is involved.
    unsafe { call!(IOCTL, terminal.fd().arg(), TIOCSCTTY, 0) }.map(drop)
}

/// Makes a process group of this session the one that the terminal listens to.
pub fn set_foreground(terminal: impl AsFd, group: u32) -> Result<()> {
    // SAFETY: one `pid_t` is read.
    unsafe { call!(IOCTL, terminal.fd().arg(), TIOCSPGRP, &raw const group) }.map(drop)
}

/// Sets its size and tells the foreground processes.
pub fn resize(terminal: impl AsFd, rows: u16, cols: u16) -> Result<()> {
    let size = [rows, cols, 0, 0];
    // SAFETY: one `struct winsize`, four 16-bit integers, is read.
    unsafe { call!(IOCTL, terminal.fd().arg(), TIOCSWINSZ, size.as_ptr()) }.map(drop)
}
