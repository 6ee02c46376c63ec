//! A process that the shim is the parent of: the container's init, or an exec.

use crate::relay::Relay;
use crate::stdin::Stdin;
use crate::sys::OwnedFd;
use crate::text::Text;
use hull_plan::ExitRecord;

/// The init's place in the table.
pub(crate) const INIT: usize = 0;

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Cloned, and not yet the payload.
    Starting,
    /// A step failed; it will end.
    Failed,
    /// `execve` succeeded.
    Running,
    /// Reaped; its record is on disk. Those who wait hear of it once they have the rest of the output.
    Ended(ExitRecord),
    /// They have heard.
    Told,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Process {
    /// An exec's id; the init has none.
    pub(crate) id: Text<128>,
    pub(crate) pid: u32,
    pub(crate) pidfd: OwnedFd,
    pub(crate) phase: Phase,
    /// The connection that asked for it, while it is starting.
    pub(crate) starter: Option<usize>,
    pub(crate) status: Option<OwnedFd>,
    pub(crate) outputs: [Option<OwnedFd>; 2],
    pub(crate) terminal: Option<OwnedFd>,
    pub(crate) stdin: Stdin,
    /// Where output goes if there is no log.
    pub(crate) relay: Option<Relay>,
    pub(crate) exit_record: Text<1024>,
    pub(crate) oom_file: Text<1024>,
    pub(crate) oom_before: u64,
    pub(crate) started_at: u64,
}

impl Process {
    /// It has not been reaped.
    pub(crate) fn is_alive(&self) -> bool {
        !matches!(self.phase, Phase::Ended(_) | Phase::Told)
    }

    /// It can be attached to.
    pub(crate) fn is_running(&self) -> bool {
        self.phase == Phase::Running
    }

    /// Some output can still come.
    pub(crate) fn has_output(&self) -> bool {
        self.terminal.is_some() || self.outputs.iter().any(Option::is_some)
    }

    /// Output waits for a connection.
    pub(crate) fn is_paused(&self) -> bool {
        self.relay.as_ref().is_some_and(Relay::is_paused)
    }
}
