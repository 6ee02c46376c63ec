//! Signals, freezing, name and limits.

use super::super::error::ContainerError;
use super::super::shim::is_ended;
use super::super::state::{Change, Refusal, State};
use super::super::{names, update};
use super::{Owner, Purpose};
use crate::store::object::Durability;
use hull_api::UpdateRequest;

const SIGKILL: u32 = 9;

impl Owner {
    /// Sends a signal to the init. One that is to end a container whose restart is pending ends the waiting.
    pub(super) async fn signal(&mut self, signal: u32, purpose: Purpose) -> Result<(), ContainerError> {
        let id = self.container.id.clone();
        if matches!(self.container.state, State::Restarting { .. }) {
            return match purpose {
                Purpose::Notice => Err(ContainerError::restarting(&id)),
                Purpose::Kill | Purpose::Stop | Purpose::Cycle => {
                    self.cancel_restart(purpose).await;
                    Ok(())
                }
            };
        }
        if self.container.state.run().is_none() {
            let message = format!("cannot kill container: {id}: container {id} is not running");
            return Err(ContainerError::state(Refusal::NotRunning, message));
        }
        self.purpose = self.purpose.max(purpose);
        if matches!(purpose, Purpose::Kill | Purpose::Stop) && !self.container.stopped_by_user {
            self.container.stopped_by_user = true;
            if !matches!(self.container.host_config.restart_policy.name.as_str(), "" | "no") {
                // A daemon that dies between this and the end must not find a container to be restarted.
                self.save_or_log(Durability::Renamed).await;
            }
        }
        match self.shared.runtime.signal(&self.container, None, signal).await {
            Ok(()) => {}
            // It has just ended; that is what a kill is for.
            Err(error) if is_ended(&error) => {}
            Err(_gone) if signal == SIGKILL => {
                // The shim does not answer. Its end is on the way, or the container is killed by its cgroup then.
            }
            Err(error) => return Err(ContainerError::system("send a signal to", &id)(error)),
        }
        self.announce("kill", vec![("signal", signal.to_string())]);
        // A frozen process gets its signal when it is thawed.
        if purpose != Purpose::Notice && self.is(|state| matches!(state, State::Paused(_))) {
            self.freeze(false).await?;
        }
        Ok(())
    }

    pub(super) async fn freeze(&mut self, frozen: bool) -> Result<(), ContainerError> {
        let id = self.container.id.clone();
        let change = if frozen { Change::Paused } else { Change::Unpaused };
        let previous = self.container.state.clone();
        self.change(change).map_err(|refusal| {
            if refusal == Refusal::Restarting && frozen {
                return ContainerError::restarting(&id);
            }
            let message = match (refusal, frozen) {
                (Refusal::Paused, true) => format!("container {id} is already paused"),
                (Refusal::NotPaused | Refusal::NotRunning | Refusal::Restarting, false) => {
                    format!("Container {id} is not paused")
                }
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
