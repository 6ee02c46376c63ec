//! What an exec was asked to be.

use super::super::error::ContainerError;
use super::super::runtime::TerminalSize;
use hull_api::ExecCreate;
use serde::{Deserialize, Serialize};

/// What to run in a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecSpec {
    /// Its id.
    pub id: String,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Added to the container's environment.
    pub env: Vec<String>,
    /// `[user][:group]`; empty: the container's.
    pub user: String,
    /// Empty: the container's.
    pub working_dir: String,
    /// On a terminal of its own.
    pub tty: bool,
    /// The terminal's first size.
    pub size: Option<TerminalSize>,
    /// With all capabilities.
    pub privileged: bool,
    /// With a stdin.
    pub stdin: bool,
    /// With stdout.
    pub stdout: bool,
    /// With stderr.
    pub stderr: bool,
    /// How the client leaves without ending it, as it spelled them.
    pub detach_keys: String,
    /// The engine's own: nobody asks for its end later, so the shim leaves no record of it.
    #[serde(skip)]
    pub unrecorded: bool,
}

impl ExecSpec {
    /// From a client's request.
    ///
    /// # Errors
    /// When there is no command.
    pub(super) fn new(id: String, request: ExecCreate) -> Result<Self, ContainerError> {
        let argv = request.cmd.unwrap_or_default();
        if argv.is_empty() {
            return Err(ContainerError::BadParameter("No exec command specified".to_owned()));
        }
        Ok(Self {
            id,
            argv,
            env: request.env,
            user: request.user,
            working_dir: request.working_dir,
            tty: request.tty,
            size: request.console_size.map(TerminalSize::from_api),
            privileged: request.privileged,
            stdin: request.attach_stdin,
            stdout: request.attach_stdout,
            stderr: request.attach_stderr,
            detach_keys: request.detach_keys,
            unrecorded: false,
        })
    }
}
