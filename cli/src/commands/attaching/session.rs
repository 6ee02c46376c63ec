//! A connection to a process, with everything that goes on beside it.

use super::super::{CommandError, Context, Outcome};
use super::{Caught, Ended, Streams, follow_window, pump, until_killed};
use crate::client::Hijacked;
use crate::request::values;
use crate::tty::{Keys, RawMode};

/// How a client is attached.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct AttachFlags {
    /// Override the key sequence for detaching a container
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    pub(crate) detach_keys: String,
    /// Proxy received signals to the process
    #[arg(long, value_name = "true|false", value_parser = values::boolean, action = clap::ArgAction::Set, default_value = "true", default_missing_value = "true", num_args = 0..=1, require_equals = true)]
    pub(crate) sig_proxy: bool,
}

/// How a verb ends when the user types the detach keys: it did what it was to do, or what it was for is cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaving {
    Quiet,
    Told,
}

/// A process that this program is connected to.
pub(crate) struct Session<'a> {
    pub(crate) context: &'a Context,
    pub(crate) connection: Hijacked,
    pub(crate) stdin: bool,
    pub(crate) tty: bool,
    pub(crate) detach_keys: &'a str,
    /// Where its terminal's size is told.
    pub(crate) resize: String,
    /// What it means that the user leaves it.
    pub(crate) leaving: Leaving,
    /// This program's signals, and the container that gets them.
    pub(crate) signals: Option<(Caught, &'a str)>,
}

impl Session<'_> {
    /// The keyboard as the process's terminal wants it.
    pub(crate) fn raw(stdin: bool, tty: bool) -> Option<RawMode> {
        (tty && stdin).then(RawMode::enter).flatten()
    }

    /// Holds it until the output ends, and asks for the process's code then; or until the user leaves.
    pub(crate) async fn hold(self, raw: Option<RawMode>, code: impl Future<Output = Outcome>) -> Outcome {
        let window = async {
            match self.tty {
                true => follow_window(self.context, &self.resize).await,
                false => std::future::pending().await,
            }
        };
        let killed = async {
            match self.signals {
                Some((caught, id)) => caught.forward(self.context, id).await,
                None => until_killed().await,
            }
        };
        let streams = Streams { stdin: self.stdin, tty: self.tty, keys: Keys::parse(self.detach_keys) };
        let whole = async {
            match pump(self.connection, &streams).await? {
                Ended::Detached if self.leaving == Leaving::Quiet => Ok(0),
                Ended::Detached => Err(CommandError::Refused("read escape sequence")),
                Ended::Output => code.await,
            }
        };
        let outcome = tokio::select! {
            outcome = whole => outcome,
            code = killed => Ok(code),
            () = window => Ok(0),
        };
        drop(raw);
        outcome
    }
}
