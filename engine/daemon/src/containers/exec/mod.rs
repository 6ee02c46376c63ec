//! Further processes in a running container.
//!
//! ```text
//!  POST /containers/{id}/exec    Created ---- written down, exec_create
//!  POST /exec/{id}/start         Starting --> Running(pid) ---- exec_start        the shim is its parent
//!  it ends                       Ended(pid, code) ------------- exec_die
//! ```
//! An exec lives in a table, where inspect finds it; what has ended is forgotten some minutes later, or with its container. A description
//! on disk ([`description`]) and the shim together bring the table back after a restart of the daemon ([`restore`]). An exec that has
//! been made and not started survives that, too.

mod description;
mod restore;
mod run;
mod spec;
mod table;

pub(super) use restore::restore_ended;
pub use spec::ExecSpec;
pub(super) use table::ExecTable;

use super::attach::{Attachment, relay};
use super::error::ContainerError;
use super::model::Container;
use super::owner::Handle;
use super::runtime::{StartError, TerminalSize};
use super::shim::is_ended;
use super::state::{Refusal, State};
use super::{ContainerService, Shared};
use crate::ids::random_hex;
use description::Description;
use hull_api::{ExecCreate, ExecInspect, ExecProcessConfig, ExecStart};
use table::{ExecEnd, ExecEntry, ExecState};

impl ContainerService {
    /// Makes an exec; answers with its id.
    ///
    /// # Errors
    /// When there is no such container, it doesn't run or is paused, or there is no command.
    pub async fn exec_create(&self, key: &str, request: ExecCreate) -> Result<String, ContainerError> {
        let handle = self.find(key)?;
        let container = handle.container();
        runnable(&container, key)?;
        let spec = ExecSpec::new(random_hex().map_err(ContainerError::Random)?, request)?;
        let id = spec.id.clone();
        let description = Description { spec: spec.clone(), end: None };
        description.save(&self.shared.paths, &container.id).await;
        let expired = self.shared.execs.insert(container.id.clone(), spec.clone());
        if !expired.is_empty() {
            description::discard(self.shared.paths.clone(), expired);
        }
        announce(&self.shared, &container, "exec_create", &spec);
        Ok(id)
    }

    /// Runs an exec. `None`: it was asked to run detached. A command that cannot be run is told in the stream to an attached client, as
    /// Docker does, and by an error otherwise.
    ///
    /// # Errors
    /// When there is no such exec, it was started before, or its container doesn't run.
    pub async fn exec_start(&self, id: &str, request: &ExecStart) -> Result<Option<Attachment>, ContainerError> {
        let handle = self.exec_container(id, &self.shared.execs.get(id)?)?;
        let container = handle.container();
        runnable(&container, container.id.as_str())?;
        let (spec, size) = self.shared.execs.begin(id)?;
        let mut spec = ExecSpec::clone(&spec);
        spec.size = request.console_size.map(TerminalSize::from_api).or(size).or(spec.size);
        if request.detach {
            // Nobody will send any: the program reads an end of file.
            spec.stdin = false;
        }
        announce(&self.shared, &container, "exec_start", &spec);
        let ends = handle.watch().borrow().ends;
        match self.shared.runtime.exec(&container, &spec).await {
            Ok(live) => Ok(run::run(&self.shared, &handle, spec, live, ends, request.detach).await),
            Err(error) => self.exec_failed(&handle, spec, error, request.detach).await,
        }
    }

    /// The program does not run. That counts as an end.
    async fn exec_failed(
        &self,
        handle: &Handle,
        spec: ExecSpec,
        error: StartError,
        detach: bool,
    ) -> Result<Option<Attachment>, ContainerError> {
        let StartError { message, code, kind } = error;
        // 128 is for a container's start; an exec that could not be tried has "cannot be invoked".
        let code = if code == 127 { 127 } else { 126 };
        let tty = spec.tty;
        // There is no record of a shim's that would say the same after a restart.
        let _ = run::end(&self.shared, handle, spec, ExecEnd::now(0, code)).await;
        if detach {
            return Err(ContainerError::Start { message, kind });
        }
        let (output, chunks) = relay(true, true);
        output.say(format!("{message}\r\n"));
        Ok(Some(Attachment { tty, chunks, stdin: None }))
    }

    /// An exec as it is. `detach_keys` are as they were spelled.
    ///
    /// # Errors
    /// When there is none of this id.
    pub async fn exec_inspect(&self, id: &str) -> Result<ExecInspect, ContainerError> {
        let ExecEntry { container, spec, state, .. } = self.shared.execs.get(id)?;
        let (program, arguments) = spec.argv.split_first().map(|(p, a)| (p.clone(), a.to_vec())).unwrap_or_default();
        let end = if let ExecState::Ended(end) = state { Some(end) } else { None };
        Ok(ExecInspect {
            id: spec.id.clone(),
            running: matches!(state, ExecState::Running { .. } | ExecState::Starting { .. }),
            exit_code: end.map(|end| i64::from(end.code)),
            process_config: ExecProcessConfig {
                tty: spec.tty,
                entrypoint: program,
                arguments,
                privileged: spec.privileged,
                user: spec.user.clone(),
            },
            open_stdin: spec.stdin,
            open_stderr: spec.stderr,
            open_stdout: spec.stdout,
            can_remove: end.is_some_and(|end| end.is_old()),
            container_id: container.to_string(),
            detach_keys: spec.detach_keys.clone(),
            pid: match state {
                ExecState::Running { pid } | ExecState::Ended(ExecEnd { pid, .. }) => i64::from(pid),
                ExecState::Created { .. } | ExecState::Starting { .. } => 0,
            },
        })
    }

    /// Resizes the terminal of an exec. Before the start it is what the terminal starts with: clients resize as soon as they have an id.
    ///
    /// # Errors
    /// When there is none of this id, or its container doesn't run.
    pub async fn exec_resize(&self, id: &str, height: u16, width: u16) -> Result<(), ContainerError> {
        let entry = self.shared.execs.get(id)?;
        let container = self.exec_container(id, &entry)?.container();
        runnable(&container, container.id.as_str())?;
        let size = TerminalSize { rows: height, cols: width };
        if !self.shared.execs.resize(id, size)? {
            return Ok(());
        }
        match self.shared.runtime.resize(&container, Some(id), size).await {
            Ok(()) => Ok(()),
            // It has just ended.
            Err(error) if is_ended(&error) => Ok(()),
            Err(error) => Err(ContainerError::system("resize the terminal of an exec in", &container.id)(error)),
        }
    }

    /// The container that an exec belongs to.
    fn exec_container(&self, id: &str, entry: &ExecEntry) -> Result<Handle, ContainerError> {
        self.find(entry.container.as_str()).map_err(|_gone| ContainerError::NotFound(id.to_owned()))
    }
}

/// Tells of an exec, with its command as Docker spells it.
fn announce(shared: &Shared, container: &Container, verb: &'static str, spec: &ExecSpec) {
    let (program, arguments) = spec.argv.split_first().map_or(("", &[][..]), |(p, a)| (p.as_str(), a));
    let action = format!("{verb}: {program} {}", arguments.join(" "));
    shared.events.publish(container.event(action).with("execID", &spec.id));
}

/// Whether a process can be run in it now; `key` is what the client called it.
fn runnable(container: &Container, key: &str) -> Result<(), ContainerError> {
    match &container.state {
        State::Running(_) => Ok(()),
        State::Paused(_) => {
            let message = format!("container {key} is paused, unpause the container before exec");
            Err(ContainerError::state(Refusal::Paused, message))
        }
        State::Restarting { .. } => Err(ContainerError::restarting(&container.id)),
        _ => Err(ContainerError::not_running(&container.id)),
    }
}
