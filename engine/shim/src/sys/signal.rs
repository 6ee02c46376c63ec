//! Signals of a process that handles none: it takes them one by one.

use super::call::{Result, call};

/// A child has ended.
pub const CHLD: u32 = 17;
/// Somebody in the background read from the terminal.
pub const TTIN: u32 = 21;
/// Somebody in the background wrote to the terminal.
pub const TTOU: u32 = 22;

/// Blocks all signals: they wait until [`wait`] takes them. Also those that would be ignored: a PID 1 gets them only so.
pub fn block_all() -> Result<()> {
    let all = u64::MAX;
    // SAFETY: a set of 8 bytes is read; no old set is wanted.
    unsafe { call!(RT_SIGPROCMASK, 2, &raw const all, 0, 8) }.map(drop)
}

/// Takes the next signal.
pub fn wait() -> Result<u32> {
    let all = u64::MAX;
    // SAFETY: a set of 8 bytes is read; neither its siginfo nor a timeout is given.
    let signal = unsafe { call!(RT_SIGTIMEDWAIT, &raw const all, 0, 0, 8) }?;
    Ok(u32::try_from(signal).unwrap_or(0))
}

/// Sends a signal to a child that has not been reaped, so that the pid is its own.
pub fn send(pid: u32, signal: u32) -> Result<()> {
    // SAFETY: no memory is involved.
    unsafe { call!(KILL, pid, signal) }.map(drop)
}
