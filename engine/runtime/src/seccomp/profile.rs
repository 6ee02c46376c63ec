//! A profile, and what it comes to for one container.

use super::argument::Comparison;

/// Which profile.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Profile {
    /// No filter at all.
    Unconfined,
    /// Docker's default.
    Default,
    /// The text of a JSON profile in Docker's format.
    Custom(String),
}

/// What happens to a system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// It is made.
    Allow,
    /// It fails with this error number.
    Errno(u16),
    /// It is made and logged by the kernel.
    Log,
    /// The process gets SIGSYS.
    Trap,
    /// A tracer is asked.
    Trace(u16),
    /// The thread is killed.
    KillThread,
    /// The process is killed.
    KillProcess,
}

impl Action {
    /// `SECCOMP_RET_*`.
    pub(super) fn code(self) -> u32 {
        match self {
            Self::KillProcess => 0x8000_0000,
            Self::KillThread => 0,
            Self::Trap => 0x0003_0000,
            Self::Errno(errno) => 0x0005_0000 | u32::from(errno),
            Self::Trace(data) => 0x7ff0_0000 | u32::from(data),
            Self::Log => 0x7ffc_0000,
            Self::Allow => 0x7fff_0000,
        }
    }
}

/// A profile without conditions on capabilities, machine or kernel: those are decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rules {
    /// For a call that no rule names.
    pub(super) default: Action,
    pub(super) list: Vec<Rule>,
}

/// One action for a set of calls, perhaps only for certain arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) names: Vec<String>,
    pub(super) action: Action,
    /// All must hold.
    pub(super) arguments: Vec<Comparison>,
}
