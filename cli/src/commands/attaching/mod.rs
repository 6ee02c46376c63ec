//! Being connected to a process: its streams, the terminal and the signals.
//!
//! ```text
//! keyboard -> detach keys? -> connection -> frames or raw -> screen
//!             SIGWINCH     -> POST resize
//!             SIGTERM, ..  -> POST kill          (with --sig-proxy)
//! ```

mod session;
mod signals;
mod streams;
mod window;

pub(super) use session::{AttachFlags, Leaving, Session};
pub(super) use signals::Caught;
pub(super) use streams::copy_frames;

use signals::until_killed;
use streams::{Ended, Streams, pump};
use window::follow_window;

use super::CommandError;
use crate::tty;

/// Docker's check: a terminal for the process, with an input that is none, would hang or garble.
pub(super) fn check_terminal(stdin_attached: bool, tty: bool) -> Result<(), CommandError> {
    if tty && stdin_attached && !tty::stdin_is_terminal() {
        return Err(CommandError::Refused("the input device is not a TTY"));
    }
    Ok(())
}
