//! Removal: on request, or by itself at the end of a `--rm` container.

use super::super::error::ContainerError;
use super::super::state::{Change, Refusal, State};
use super::super::unfinished;
use super::{Next, Owner, Purpose, RemoveOptions, Reply, resolved};
use crate::store::object::Durability;
use futures_util::FutureExt;
use std::time::Duration;

/// How long a killed init may take to be gone. Only a process in uninterruptible sleep needs any of it.
const KILL_PATIENCE: Duration = Duration::from_secs(10);

impl Owner {
    pub(super) async fn remove_on_request(&mut self, options: RemoveOptions, reply: Reply<()>) -> Next {
        if options.link {
            let message = "Conflict, cannot remove the default link name of the container";
            let _ = reply.send(Err(ContainerError::state(Refusal::NotRemoving, message)));
            return Next::Continue;
        }
        if let Err(error) = self.make_removable(options.force).await {
            let _ = reply.send(Err(error));
            return Next::Continue;
        }
        if matches!(self.container.state, State::Removing { .. }) {
            // An auto-remove got in first, at the end that we have just brought about.
            let _ = reply.send(Ok(()));
            return Next::Gone;
        }
        match self.remove(options.volumes).await {
            Ok(()) => {
                let _ = reply.send(Ok(()));
                Next::Gone
            }
            Err(error) => {
                let _ = reply.send(Err(error));
                Next::Continue
            }
        }
    }

    /// At the end of a `--rm` container.
    pub(super) async fn remove_automatically(&mut self) -> Next {
        // First: a crash after this finds the container, or its code, or both.
        self.shared.departed.remember(&self.container);
        match self.remove(true).await {
            Ok(()) => Next::Gone,
            Err(error) => {
                tracing::error!(container = %self.container.id, %error, "automatic removal failed");
                Next::Continue
            }
        }
    }

    /// Kills a running container if that is allowed.
    async fn make_removable(&mut self, force: bool) -> Result<(), ContainerError> {
        let status = self.container.state.status();
        if !self.container.state.is_active() {
            return Ok(());
        }
        let name = &self.container.name;
        if !force {
            let (refusal, what) = if status == "paused" {
                (Refusal::Paused, "container is paused and must be unpaused first".to_owned())
            } else {
                let advice = "stop the container before removing or force remove";
                (Refusal::AlreadyRunning, format!("container is {status}: {advice}"))
            };
            return Err(ContainerError::state(refusal, format!("cannot remove container \"/{name}\": {what}")));
        }
        self.signal(9, Purpose::Kill).await?;
        if self.container.state.run().is_none() {
            // It waited for its restart.
            return Ok(());
        }
        let exit = tokio::time::timeout(KILL_PATIENCE, resolved(&mut self.exit)).await;
        let exit = exit.map_err(|_elapsed| {
            let id = &self.container.id;
            ContainerError::BadParameter(format!("cannot remove container \"/{}\": could not kill container: tried to kill container, but did not receive an exit event ({id})", self.container.name))
        })?;
        // Ended here rather than in the loop, so that nothing comes between the end and the removal. The end must not
        // remove by itself as well.
        let automatic = std::mem::take(&mut self.container.host_config.auto_remove);
        let _ = Box::pin(self.ended(exit)).await;
        self.container.host_config.auto_remove = automatic;
        Ok(())
    }

    async fn remove(&mut self, volumes: bool) -> Result<(), ContainerError> {
        let id = self.container.id.clone();
        self.change(Change::RemovalBegun).map_err(|refusal| {
            ContainerError::state(refusal, format!("removal of container {id} is already in progress"))
        })?;
        self.publish();
        // Whoever copies from it hears of it.
        self.gate.close(Duration::ZERO).await;
        let (shared, container) = (self.shared.clone(), self.container.clone());
        let removed = tokio::task::spawn_blocking(move || {
            let unused = shared.logs.watcher.idle(&shared.paths.container(&container.id));
            if volumes {
                unfinished::mark(&shared.paths, &container)?;
            }
            // The container is gone from here on.
            shared.runtime.discard(&container, unused.boxed())?;
            Ok::<_, std::io::Error>(shared.volumes.release(&container.id, volumes))
        })
        .await
        .map_err(|_down| ContainerError::ShuttingDown)?;
        match removed {
            Ok(released) => {
                if let Err(error) = released {
                    tracing::warn!(container = %id, %error, "a volume was not removed");
                }
                self.shared.execs.forget(&id);
                self.shared.registry.remove(&id);
                self.announce("destroy", Vec::new());
                Ok(())
            }
            Err(error) => {
                let reason = error.to_string();
                // Removing admits this change always.
                let _ = self.change(Change::RemovalFailed(reason));
                self.save_or_log(Durability::Renamed).await;
                self.publish();
                Err(ContainerError::system("unable to remove filesystem for", &id)(error))
            }
        }
    }
}
