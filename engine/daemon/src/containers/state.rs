//! What state a container is in, and what can happen to it there.
//!
//! ```text
//!             start            pause
//!  Created ----------> Running <------> Paused
//!     |  \ (failed: stays,  ^ ^ \          |
//!     |    with the reason) | |  \ exit    | exit
//!     |                     | |   v        v
//!     |               start | |  Exited <--+
//!     |                     | |  | ^   |
//!     |     the policy runs | +--+ |   | remove
//!     |            it again |      |   |
//!     |                    Restarting  |
//!     |   remove                       |
//!     +-----------> Removing <---------+
//!                      | (failed)
//!                      v
//!                     Dead ---> Removing again
//! ```
//! An end that a restart policy answers goes on from `Exited` to `Restarting` in one step; nobody sees what is between. From there
//! a user's stop leads back to `Exited`, and so does a start that fails.
//!
//! A state carries exactly the data that is true in it: there is no pid of a stopped container and no
//! exit code of one that never ran. `transition` is pure; only a container's owner task calls it. Docker's
//! words for states, and its set of booleans, appear in the API's view alone.

use crate::time::Time;
use serde::{Deserialize, Serialize};

/// A container's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum State {
    /// Made, never ran.
    Created {
        /// Why it doesn't run although somebody tried.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        failure: Option<StartFailure>,
    },
    /// Its init runs.
    Running(Run),
    /// Its init is frozen.
    Paused(Run),
    /// Its init has ended, and the restart policy will run it again.
    Restarting {
        /// How it ended.
        exit: Exit,
        /// When it is run again.
        due: Time,
    },
    /// Its init has ended.
    Exited(Exit),
    /// Its files are being taken away.
    Removing {
        /// How it ended, if it ran.
        exit: Option<Exit>,
    },
    /// Its files could not be taken away.
    Dead {
        /// How it ended, if it ran.
        exit: Option<Exit>,
        /// What went wrong.
        error: String,
    },
}

/// A running init.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its pid where the engine runs.
    pub pid: u32,
    /// Since when.
    pub started_at: Time,
    /// The kernel's OOM killer has taken one of its processes.
    #[serde(default)]
    pub oom_killed: bool,
}

/// How an init ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// 0 to 255; 128 + n when signal n ended it.
    pub code: u8,
    /// The kernel's OOM killer took one of its processes.
    pub oom_killed: bool,
    /// When it had started.
    pub started_at: Time,
    /// When it ended.
    pub finished_at: Time,
    /// What the code doesn't say: `shim lost`, or why a later start failed. Mostly empty.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub error: String,
}

/// A start that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartFailure {
    /// 126, 127 or 128, as Docker's.
    pub code: u8,
    /// Docker's message.
    pub error: String,
}

/// What happens to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// The payload's `execve` succeeded.
    Started(Run),
    /// It didn't come to that.
    StartFailed(StartFailure),
    /// The cgroup is frozen.
    Paused,
    /// The cgroup is thawed.
    Unpaused,
    /// The OOM killer has struck.
    OutOfMemory,
    /// The init has ended.
    Exited(Exit),
    /// The restart policy will run it again, at this time.
    RestartDue(Time),
    /// It will not be run again after all.
    RestartCancelled,
    /// Removal begins.
    RemovalBegun,
    /// Removal failed.
    RemovalFailed(String),
}

/// Why a change is not possible now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It runs already.
    #[error("container is already started")]
    AlreadyRunning,
    /// It doesn't run.
    #[error("container is not running")]
    NotRunning,
    /// It is paused.
    #[error("container is paused")]
    Paused,
    /// It is not paused.
    #[error("container is not paused")]
    NotPaused,
    /// It has ended and waits for its restart.
    #[error("container is restarting")]
    Restarting,
    /// It does not wait for a restart.
    #[error("container is not restarting")]
    NotRestarting,
    /// It is being removed, or could not be.
    #[error("container is marked for removal")]
    Removing,
    /// Removal did not begin.
    #[error("container is not being removed")]
    NotRemoving,
}

/// The state after a change.
///
/// # Errors
/// When the change is not possible in this state; the state then stays.
pub(super) fn transition(state: &State, change: Change) -> Result<State, Refusal> {
    use State::{Created, Dead, Exited, Paused, Removing, Restarting, Running};
    Ok(match (state, change) {
        (Created { .. } | Exited(_) | Restarting { .. }, Change::Started(run)) => Running(run),
        (Running(_), Change::Started(_) | Change::StartFailed(_)) => return Err(Refusal::AlreadyRunning),
        (Paused(_), Change::Started(_) | Change::StartFailed(_)) => return Err(Refusal::Paused),

        (Created { .. }, Change::StartFailed(failure)) => Created { failure: Some(failure) },
        (Exited(exit) | Restarting { exit, .. }, Change::StartFailed(failure)) => {
            Exited(Exit { code: failure.code, error: failure.error, ..exit.clone() })
        }

        (Running(run), Change::Paused) => Paused(*run),
        (Paused(_), Change::Paused) => return Err(Refusal::Paused),
        (Paused(run), Change::Unpaused) => Running(*run),
        (Running(_), Change::Unpaused) => return Err(Refusal::NotPaused),

        (Running(run), Change::OutOfMemory) => Running(Run { oom_killed: true, ..*run }),
        (Paused(run), Change::OutOfMemory) => Paused(Run { oom_killed: true, ..*run }),

        (Running(run) | Paused(run), Change::Exited(exit)) => {
            Exited(Exit { oom_killed: exit.oom_killed || run.oom_killed, started_at: run.started_at, ..exit })
        }

        (Exited(exit), Change::RestartDue(due)) => Restarting { exit: exit.clone(), due },
        (Restarting { exit, .. }, Change::RestartCancelled) => Exited(exit.clone()),

        (Created { .. }, Change::RemovalBegun) => Removing { exit: None },
        (Exited(exit), Change::RemovalBegun) => Removing { exit: Some(exit.clone()) },
        (Dead { exit, .. }, Change::RemovalBegun) => Removing { exit: exit.clone() },
        (Running(_), Change::RemovalBegun) => return Err(Refusal::AlreadyRunning),
        (Paused(_), Change::RemovalBegun) => return Err(Refusal::Paused),
        (Removing { exit }, Change::RemovalFailed(error)) => Dead { exit: exit.clone(), error },
        (_, Change::RemovalFailed(_)) => return Err(Refusal::NotRemoving),

        (Removing { .. } | Dead { .. }, _) => return Err(Refusal::Removing),
        (Restarting { .. }, _) => return Err(Refusal::Restarting),
        (Running(_) | Paused(_), Change::RestartDue(_)) => return Err(Refusal::AlreadyRunning),
        (_, Change::RestartDue(_) | Change::RestartCancelled) => return Err(Refusal::NotRestarting),
        (Created { .. } | Exited(_), Change::Paused | Change::Unpaused | Change::OutOfMemory | Change::Exited(_)) => {
            return Err(Refusal::NotRunning);
        }
    })
}

impl State {
    /// A container that was just made.
    pub const NEW: Self = Self::Created { failure: None };

    /// Docker's word for it.
    pub const fn status(&self) -> &'static str {
        match self {
            Self::Created { .. } => "created",
            Self::Running(_) => "running",
            Self::Paused(_) => "paused",
            Self::Restarting { .. } => "restarting",
            Self::Exited(_) => "exited",
            Self::Removing { .. } => "removing",
            Self::Dead { .. } => "dead",
        }
    }

    /// The init, if it lives (frozen or not).
    pub const fn run(&self) -> Option<&Run> {
        match self {
            Self::Running(run) | Self::Paused(run) => Some(run),
            _ => None,
        }
    }

    /// What Docker calls running: it lives, or is about to.
    pub const fn is_active(&self) -> bool {
        matches!(self, Self::Running(_) | Self::Paused(_) | Self::Restarting { .. })
    }

    /// The last end, if it does not run now.
    pub const fn exit(&self) -> Option<&Exit> {
        match self {
            Self::Exited(exit) | Self::Restarting { exit, .. } => Some(exit),
            Self::Removing { exit } | Self::Dead { exit, .. } => exit.as_ref(),
            _ => None,
        }
    }

    /// What `inspect` gives as `ExitCode`: also that of a failed start.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Created { failure: Some(failure) } => failure.code,
            other => other.exit().map_or(0, |exit| exit.code),
        }
    }

    /// What `inspect` gives as `Error`.
    pub fn error(&self) -> &str {
        match self {
            Self::Created { failure: Some(failure) } => &failure.error,
            Self::Dead { error, .. } => error,
            other => other.exit().map_or("", |exit| &exit.error),
        }
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
