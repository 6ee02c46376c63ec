//! Further processes in a running container.
//!
//! An exec is made (`POST /containers/{id}/exec`) and started (`POST /exec/{id}/start`) by two calls; between and after them it lives in a
//! table, where inspect finds its exit code. What has ended is forgotten some minutes later, or with its container.

mod table;

pub(super) use table::ExecTable;

use super::attach::{Attachment, Pump, Stdin, relay};
use super::error::ContainerError;
use super::model::Container;
use super::runtime::TerminalSize;
use super::state::{Refusal, State};
use super::{ContainerService, Shared};
use crate::ids::random_hex;
use bytes::Bytes;
use hull_api::{ExecCreate, ExecInspect, ExecProcessConfig, ExecStart};
use std::sync::Arc;
use table::{ExecEntry, ExecState};
use tokio::sync::mpsc;

/// What to run in a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
    /// How the client leaves without ending it.
    pub detach_keys: String,
}

impl ContainerService {
    /// Makes an exec; answers with its id.
    ///
    /// # Errors
    /// When there is no such container, it doesn't run or is paused, or there is no command.
    pub async fn exec_create(&self, key: &str, request: ExecCreate) -> Result<String, ContainerError> {
        let handle = self.find(key)?;
        let container = handle.container();
        runnable(&container)?;
        let argv = request.cmd.unwrap_or_default();
        if argv.is_empty() {
            return Err(ContainerError::BadParameter("No exec command specified".to_owned()));
        }
        let size = request.console_size.map(terminal_size);
        let spec = ExecSpec {
            id: random_hex().map_err(ContainerError::Random)?,
            argv,
            env: request.env,
            user: request.user,
            working_dir: request.working_dir,
            tty: request.tty,
            size,
            privileged: request.privileged,
            stdin: request.attach_stdin,
            stdout: request.attach_stdout,
            stderr: request.attach_stderr,
            detach_keys: request.detach_keys,
        };
        let id = spec.id.clone();
        self.announce_exec(&container, "exec_create", &spec);
        self.shared.execs.insert(container.id.clone(), spec);
        Ok(id)
    }

    /// Runs an exec. `None`: it was asked to run detached. A command that cannot be run is told in the stream to an attached client, as
    /// Docker does, and by an error otherwise.
    ///
    /// # Errors
    /// When there is no such exec, it was started before, or its container doesn't run.
    pub async fn exec_start(&self, id: &str, request: &ExecStart) -> Result<Option<Attachment>, ContainerError> {
        let entry = self.shared.execs.begin(id)?;
        let started = self.exec_run(&entry, request).await;
        if started.is_err() {
            self.shared.execs.abandon(id);
        }
        started
    }

    async fn exec_run(&self, entry: &ExecEntry, request: &ExecStart) -> Result<Option<Attachment>, ContainerError> {
        let container = self.get(entry.container.as_str())?;
        runnable(&container)?;
        let mut spec = entry.spec.clone();
        spec.tty |= request.tty;
        if let Some(size) = request.console_size {
            spec.size = Some(terminal_size(size));
        }
        if request.detach {
            // Nobody will send any: the program reads an end of file.
            spec.stdin = false;
        }
        self.announce_exec(&container, "exec_start", &spec);
        let live = match self.shared.runtime.exec(&container, &spec).await {
            Ok(live) => live,
            Err(error) => {
                self.shared.execs.end(&spec.id, i64::from(error.code));
                exec_died(&self.shared, &container, &spec.id, i64::from(error.code));
                if request.detach {
                    return Err(ContainerError::Start { message: error.message, kind: error.kind });
                }
                let (output, chunks) = relay(true, true);
                output.send(1, Bytes::from(format!("{}\r\n", error.message))).await;
                return Ok(Some(Attachment { tty: spec.tty, chunks, stdin: None }));
            }
        };
        self.shared.execs.running(&spec.id, live.pid);
        let (input, received) = mpsc::channel(16);
        let (output, chunks) = relay(spec.stdout || spec.tty, spec.stderr && !spec.tty);
        let pump = Pump {
            connection: Some(live.connection),
            input: received,
            output: (!request.detach).then_some(output),
            // A shell on a terminal lives on when its client has gone; a filter in a pipe reads an end of file.
            end_is_eof: spec.stdin && !spec.tty,
        };
        tokio::spawn(watch_exec(self.shared.clone(), container, spec.id.clone(), pump));
        if request.detach {
            return Ok(None);
        }
        let stdin = spec.stdin.then(|| Stdin::new(input, !spec.tty));
        Ok(Some(Attachment { tty: spec.tty, chunks, stdin }))
    }

    /// An exec as it is.
    ///
    /// # Errors
    /// When there is none of this id.
    pub async fn exec_inspect(&self, id: &str) -> Result<ExecInspect, ContainerError> {
        let ExecEntry { container, spec, state } = self.shared.execs.get(id)?;
        let (program, arguments) = spec.argv.split_first().map(|(p, a)| (p.clone(), a.to_vec())).unwrap_or_default();
        Ok(ExecInspect {
            id: spec.id,
            running: matches!(state, ExecState::Running { .. }),
            exit_code: if let ExecState::Ended { code, .. } = state { Some(code) } else { None },
            process_config: ExecProcessConfig {
                tty: spec.tty,
                entrypoint: program,
                arguments,
                privileged: spec.privileged,
                user: spec.user,
            },
            open_stdin: spec.stdin,
            open_stderr: spec.stderr,
            open_stdout: spec.stdout,
            can_remove: matches!(state, ExecState::Ended { .. }),
            container_id: container.to_string(),
            detach_keys: spec.detach_keys,
            pid: if let ExecState::Running { pid } = state { i64::from(pid) } else { 0 },
        })
    }

    /// Resizes the terminal of an exec.
    ///
    /// # Errors
    /// When there is none of this id, it doesn't run, or it has no terminal.
    pub async fn exec_resize(&self, id: &str, height: u16, width: u16) -> Result<(), ContainerError> {
        let entry = self.shared.execs.get(id)?;
        let container = self.get(entry.container.as_str())?;
        runnable(&container)?;
        let size = TerminalSize { rows: height, cols: width };
        let resized = self.shared.runtime.resize(&container, Some(id), size).await;
        resized.map_err(ContainerError::system("resize the terminal of an exec in", &container.id))
    }

    fn announce_exec(&self, container: &Container, verb: &'static str, spec: &ExecSpec) {
        let action = format!("{verb}: {}", spec.argv.join(" "));
        self.shared.events.publish(container.event(action).with("execID", &spec.id));
    }
}

fn terminal_size([height, width]: [u32; 2]) -> TerminalSize {
    let cells = |n: u32| u16::try_from(n).unwrap_or(u16::MAX);
    TerminalSize { rows: cells(height), cols: cells(width) }
}

/// Whether a process can be run in it now.
fn runnable(container: &Container) -> Result<(), ContainerError> {
    let id = &container.id;
    match &container.state {
        State::Running(_) => Ok(()),
        State::Paused(_) => {
            let message = format!("container {id} is paused, unpause the container before exec");
            Err(ContainerError::state(Refusal::Paused, message))
        }
        State::Restarting { .. } => Err(ContainerError::restarting(id)),
        _ => Err(ContainerError::state(Refusal::NotRunning, format!("container {id} is not running"))),
    }
}

async fn watch_exec(shared: Arc<Shared>, container: Arc<Container>, id: String, pump: Pump) {
    let code = match pump.run_to_end().await {
        Some(record) => i64::from(record.code),
        // Shim and container are gone together: killed, as far as anyone can tell.
        None => 137,
    };
    shared.execs.end(&id, code);
    exec_died(&shared, &container, &id, code);
}

fn exec_died(shared: &Shared, container: &Container, id: &str, code: i64) {
    shared.events.publish(container.event("exec_die").with("execID", id).with("exitCode", code.to_string()));
}
