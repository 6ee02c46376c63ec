//! The user's terminal: raw mode, its size, and the keys that detach.

mod keys;

use std::io::{IsTerminal, stdin, stdout};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

pub(crate) use keys::{Detector, Keys};

pub(crate) fn stdin_is_terminal() -> bool {
    stdin().is_terminal()
}

pub(crate) fn stdout_is_terminal() -> bool {
    stdout().is_terminal()
}

/// Rows and columns, or `None` where the output is no terminal.
pub(crate) fn size() -> Option<(u16, u16)> {
    let size = tcgetwinsize(stdout()).ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some((size.ws_row, size.ws_col))
}

/// Standard input in raw mode, until this is dropped.
///
/// Every way out of a command passes the drop: errors return, panics unwind, and a signal that would end the
/// program is turned into a return (see `commands::attaching::signals`). Only SIGKILL leaves a raw terminal.
pub(crate) struct RawMode {
    before: Termios,
}

impl RawMode {
    /// `None` where the input is no terminal: nothing needs to be done there.
    pub(crate) fn enter() -> Option<Self> {
        let before = tcgetattr(stdin()).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Now, &raw).ok()?;
        Some(Self { before })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // Nobody can be told of a failure: the terminal that would show it is gone.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.before);
    }
}
