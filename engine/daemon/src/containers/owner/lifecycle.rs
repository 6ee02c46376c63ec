//! Start, end, signals, freezing, name and limits.

use super::super::error::ContainerError;
use super::super::model::Container;
use super::super::runtime::StartError;
use super::super::spec::Joins;
use super::super::state::{Change, Exit, Refusal, Run, StartFailure, State};
use super::super::{links, names, update};
use super::{Next, Owner};
use crate::events::{Event, Kind};
use crate::store::object::Durability;
use hull_api::UpdateRequest;

const SIGKILL: u32 = 9;

impl Owner {
    pub(super) async fn start(&mut self) -> Result<(), ContainerError> {
        match &self.container.state {
            State::Created { .. } | State::Exited(_) => {}
            State::Running(_) => return Err(ContainerError::NotModified("container is already started")),
            State::Paused(_) => {
                let message = "cannot start a paused container, try unpause instead";
                return Err(ContainerError::state(Refusal::Paused, message));
            }
            State::Removing { .. } | State::Dead { .. } => {
                let message = "container is marked for removal and cannot be started";
                return Err(ContainerError::state(Refusal::Removing, message));
            }
        }
        self.container.stopped_by_user = false;
        let joins = self.joins()?;
        let linked = links::applied(&self.container, &self.shared.registry)?;
        let clients = std::mem::take(&mut self.early);
        let live = match self.shared.runtime.start(&linked, joins, clients).await {
            Ok(live) => live,
            Err(error) => return Err(self.start_failed(error).await),
        };
        self.exit = Some(live.exit);
        self.container.endpoint = live.endpoint;
        self.container.cgroup_id = live.cgroup_id;
        let run = Run { pid: live.pid, started_at: live.started_at, oom_killed: false };
        self.change(Change::Started(run)).map_err(|refusal| ContainerError::state(refusal, refusal.to_string()))?;
        // The process runs whatever happens here; a daemon that comes back finds it by its socket.
        self.save_or_log(Durability::Renamed).await;
        self.publish();
        self.announce_network("connect");
        self.announce("start", Vec::new());
        Ok(())
    }

    /// The inits of the containers whose namespaces it shares.
    fn joins(&self) -> Result<Joins, ContainerError> {
        let host = &self.container.host_config;
        let init = |mode: &str| {
            let Some(key) = mode.strip_prefix("container:") else { return Ok(None) };
            let other = self.shared.registry.find(key)?.container();
            match other.state.run() {
                Some(run) => Ok(Some(run.pid)),
                None => {
                    let message = format!(
                        "cannot join namespace of a non running container: container /{} is {}",
                        other.name,
                        other.state.status()
                    );
                    Err(ContainerError::state(Refusal::NotRunning, message))
                }
            }
        };
        Ok(Joins { net: init(&host.network_mode)?, pid: init(&host.pid_mode)?, ipc: init(&host.ipc_mode)? })
    }

    async fn start_failed(&mut self, error: StartError) -> ContainerError {
        let failure = StartFailure { code: error.code, error: error.message.clone() };
        if let Err(refusal) = self.change(Change::StartFailed(failure)) {
            tracing::error!(container = %self.container.id, %refusal, "a failed start does not fit the state");
        }
        self.save_or_log(Durability::Renamed).await;
        self.publish_end();
        ContainerError::Start { message: error.message, kind: error.kind }
    }

    /// The init has ended.
    pub(super) async fn ended(&mut self, exit: Exit) -> Next {
        let seen_before = self.container.state.run().is_some_and(|run| run.oom_killed);
        if exit.oom_killed && !seen_before {
            self.announce("oom", Vec::new());
        }
        let before = self.container.clone();
        if let Err(refusal) = self.change(Change::Exited(exit)) {
            tracing::error!(container = %self.container.id, %refusal, "an exit does not fit the state");
            return Next::Continue;
        }
        self.container.endpoint = None;
        self.container.cgroup_id = None;
        // Written down before the run directory goes, which has the exit's only other record.
        self.save_or_log(Durability::Renamed).await;
        self.shared.runtime.ended(&before);
        self.publish_end();
        self.announce_exit();
        self.announce_disconnect(&before);
        if self.container.host_config.auto_remove {
            return self.remove_automatically().await;
        }
        Next::Continue
    }

    fn announce_exit(&self) {
        if let Some(exit) = self.container.state.exit() {
            let seconds = exit.finished_at.nanos().saturating_sub(exit.started_at.nanos()) / 1_000_000_000;
            self.announce("die", vec![("exitCode", exit.code.to_string()), ("execDuration", seconds.to_string())]);
        }
    }

    fn announce_network(&self, action: &'static str) {
        network_event(&self.shared, &self.container, action);
    }

    fn announce_disconnect(&self, before: &Container) {
        network_event(&self.shared, before, "disconnect");
    }

    pub(super) async fn signal(&mut self, signal: u32, stops: bool) -> Result<(), ContainerError> {
        let id = self.container.id.clone();
        if self.container.state.run().is_none() {
            let message = format!("cannot kill container: {id}: container {id} is not running");
            return Err(ContainerError::state(Refusal::NotRunning, message));
        }
        match self.shared.runtime.signal(&self.container, None, signal).await {
            Ok(()) => {}
            // It has just ended; that is what a kill is for.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => {}
            Err(_gone) if signal == SIGKILL => {
                // The shim does not answer. Its end is on the way, or the container is killed by its cgroup then.
            }
            Err(error) => return Err(ContainerError::system("send a signal to", &id)(error)),
        }
        if stops && !self.container.stopped_by_user {
            self.container.stopped_by_user = true;
        }
        self.announce("kill", vec![("signal", signal.to_string())]);
        // A frozen process gets its signal when it is thawed.
        if stops && self.is(|state| matches!(state, State::Paused(_))) {
            self.freeze(false).await?;
        }
        Ok(())
    }

    pub(super) async fn freeze(&mut self, frozen: bool) -> Result<(), ContainerError> {
        let id = self.container.id.clone();
        let change = if frozen { Change::Paused } else { Change::Unpaused };
        let previous = self.container.state.clone();
        self.change(change).map_err(|refusal| {
            let message = match (refusal, frozen) {
                (Refusal::Paused, true) => format!("container {id} is already paused"),
                (Refusal::NotPaused | Refusal::NotRunning, false) => format!("Container {id} is not paused"),
                _ => format!("container {id} is not running"),
            };
            ContainerError::state(refusal, message)
        })?;
        if let Err(error) = self.shared.runtime.freeze(&self.container, frozen).await {
            self.container.state = previous;
            let operation = if frozen { "cannot pause" } else { "cannot unpause" };
            return Err(ContainerError::system(operation, &id)(error));
        }
        self.save_or_log(Durability::Renamed).await;
        self.publish();
        self.announce(if frozen { "pause" } else { "unpause" }, Vec::new());
        Ok(())
    }

    pub(super) async fn out_of_memory(&mut self) {
        if self.change(Change::OutOfMemory).is_ok() {
            self.save_or_log(Durability::Renamed).await;
            self.publish();
            self.announce("oom", Vec::new());
        }
    }

    pub(super) async fn rename(&mut self, name: String) -> Result<(), ContainerError> {
        let name = names::check(&name)?.to_owned();
        let old = self.container.name.clone();
        if name == old {
            let message = "Renaming a container with the same name as its current name";
            return Err(ContainerError::BadParameter(message.to_owned()));
        }
        self.shared.registry.reserve(&name, &self.container.id)?;
        self.container.name.clone_from(&name);
        if let Err(error) = self.save(Durability::Synced).await {
            self.container.name = old;
            self.shared.registry.release(&name, &self.container.id);
            return Err(error);
        }
        self.shared.registry.release(&old, &self.container.id);
        self.publish();
        self.announce("rename", vec![("oldName", format!("/{old}"))]);
        Ok(())
    }

    pub(super) async fn unlink(&mut self, alias: &str) -> Result<(), ContainerError> {
        let links = &mut self.container.links;
        let Some(at) = links.iter().position(|link| link.alias == alias) else {
            return Err(ContainerError::NotFound(format!("/{}/{alias}", self.container.name)));
        };
        let link = links.remove(at);
        if let Err(error) = self.save(Durability::Synced).await {
            self.container.links.insert(at, link);
            return Err(error);
        }
        self.publish();
        Ok(())
    }

    pub(super) async fn update(&mut self, request: &UpdateRequest) -> Result<Vec<String>, ContainerError> {
        let mut changed = self.container.clone();
        let mut warnings = update::apply(&mut changed, request, self.shared.runtime.features())?;
        if changed.state.run().is_some() {
            let id = &changed.id;
            let applied = self.shared.runtime.update(&changed).await;
            warnings.extend(
                applied
                    .map_err(|error| ContainerError::BadParameter(format!("Cannot update container {id}: {error}")))?,
            );
        }
        self.container = changed;
        self.save(Durability::Synced).await?;
        self.publish();
        self.announce("update", Vec::new());
        Ok(warnings)
    }
}

fn network_event(shared: &super::super::Shared, container: &Container, action: &'static str) {
    if let Some(endpoint) = &container.endpoint {
        let event = Event::new(Kind::Network, action, &endpoint.network_id)
            .with("container", container.id.as_str())
            .with("name", &endpoint.network)
            .with("type", "bridge");
        shared.events.publish(event);
    }
}
