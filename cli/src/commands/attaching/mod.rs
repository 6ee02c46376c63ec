//! Being connected to a process: its streams, the terminal and the signals.
//!
//! ```text
//! keyboard -> detach keys? -> connection -> frames or raw -> screen
//!             SIGWINCH     -> POST resize
//!             SIGTERM, ..  -> POST kill          (with --sig-proxy)
//! ```

mod signals;
mod streams;
mod window;

pub(super) use signals::{forward, until_killed};
pub(super) use streams::{Ended, Streams, copy_frames, pump};
pub(super) use window::follow_window;

use super::CommandError;
use crate::tty;

/// Docker's check: a terminal for the process, with an input that is none, would hang or garble.
pub(super) fn check_terminal(stdin_attached: bool, tty: bool) -> Result<(), CommandError> {
    if tty && stdin_attached && !tty::stdin_is_terminal() {
        return Err(CommandError::Refused("the input device is not a TTY"));
    }
    Ok(())
}
