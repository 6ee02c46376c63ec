//! System calls, and everything else that needs `unsafe`: the rest of the crate has none.
//!
//! Wrappers take references, slices and borrowed descriptors and are safe to call; they decide nothing. There is no C
//! library: x86_64 Linux only, by the `syscall` instruction.
#![allow(unsafe_code, reason = "this folder is where it lives; see the note at each block")]

mod call;
pub mod fd;
pub mod file;
pub mod identity;
pub mod launch;
pub mod map;
pub mod mount;
pub mod net;
pub mod poll;
pub mod process;
pub mod signal;
#[cfg(feature = "freestanding")]
mod start;
pub mod time;
pub mod tty;

pub use call::{Errno, Result};
pub use fd::{AsFd, BorrowedFd, CWD, OwnedFd, STDIN};
