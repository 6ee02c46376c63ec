//! After a restart of the daemon: containers are there as they were, those that live are adopted, and what nobody claims is
//! taken away.

use super::model::Container;
use super::owner;
use super::runtime::Adopted;
use super::state::{Change, State, transition};
use super::{ContainerService, RemoveOptions};
use crate::ids::ContainerId;
use crate::networks::{Endpoint, NetworkError, NetworkService};
use crate::observability::OomVictim;
use crate::store::object::{self, Durability};
use futures_util::future::join_all;
use std::fs;
use std::io;
use tokio::sync::broadcast;

/// Why an engine's containers cannot be brought back.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The list of containers, or the leftovers.
    #[error("list {directory}")]
    List {
        /// Where.
        directory: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The network's leases.
    #[error("restore the networks")]
    Networks(#[from] NetworkError),
    /// The daemon goes down already.
    #[error("the engine is shutting down")]
    ShuttingDown,
}

impl ContainerService {
    /// Brings back the containers of an earlier daemon. To be called once, before anything else.
    ///
    /// # Errors
    /// When the containers cannot be listed. One whose description is damaged is left alone, with a line in the log: its files may be all that
    /// somebody has.
    pub async fn restore(&self, networks: &NetworkService) -> Result<(), RestoreError> {
        self.restore_all(async |endpoints| networks.restore(&endpoints).await).await
    }

    /// [`ContainerService::restore`]; `leases` is told the endpoints that are still in use.
    pub(super) async fn restore_all(
        &self,
        leases: impl AsyncFnOnce(Vec<Endpoint>) -> Result<(), NetworkError>,
    ) -> Result<(), RestoreError> {
        let (containers, damaged) = self.read_all().await?;
        let found = join_all(containers.into_iter().map(|container| self.adopt(container))).await;
        let is_live = |container: &Container| container.state.run().is_some();
        let live: Vec<_> = found.iter().filter(|(c, _)| is_live(c)).map(|(c, _)| c.clone()).collect();
        let endpoints: Vec<_> = live.iter().filter_map(|c| c.endpoint.clone()).collect();
        leases(endpoints).await?;
        let mut known: Vec<ContainerId> = found.iter().map(|(c, _)| c.id.clone()).collect();
        known.extend(damaged);
        let mut removals = Vec::new();
        for (container, exit) in found {
            let id = container.id.clone();
            if self.shared.registry.reserve(&container.name, &id).is_err() {
                tracing::error!(container = %id, name = container.name, "two containers have one name");
            }
            let ended = matches!(container.state, State::Exited(_) | State::Removing { .. } | State::Dead { .. });
            if ended && (container.host_config.auto_remove || !matches!(container.state, State::Exited(_))) {
                removals.push(id);
            }
            self.shared.registry.insert(owner::spawn(self.shared.clone(), container, exit));
        }
        let (runtime, live) = (self.shared.runtime.clone(), live.into_iter().map(|c| c.id).collect::<Vec<_>>());
        let reaped = tokio::task::spawn_blocking(move || runtime.reap_orphans(&known, &live)).await;
        reaped.map_err(|_| RestoreError::ShuttingDown)?.map_err(|source| RestoreError::List {
            directory: self.shared.paths.exec_root().display().to_string(),
            source,
        })?;
        for id in removals {
            // A `--rm` container that ended, or a removal that a crash cut short.
            let options = RemoveOptions { volumes: true, ..RemoveOptions::default() };
            if let Err(error) = self.remove(id.as_str(), options).await {
                tracing::warn!(container = %id, %error, "a removal from before the restart failed");
            }
        }
        Ok(())
    }

    /// Reads every description; the second list is of those that cannot be read.
    async fn read_all(&self) -> Result<(Vec<Container>, Vec<ContainerId>), RestoreError> {
        let shared = self.shared.clone();
        let read = move || -> io::Result<_> {
            let (mut containers, mut damaged) = (Vec::new(), Vec::new());
            for entry in fs::read_dir(shared.paths.containers())? {
                let Ok(name) = entry?.file_name().into_string() else { continue };
                let Ok(id) = ContainerId::try_from(name) else { continue };
                match object::read::<Container>(&shared.paths.container_json(&id)) {
                    Ok(Some(container)) => {
                        for mount in container.mounts.iter().filter_map(|m| m.name.as_deref()) {
                            if let Err(error) = shared.volumes.acquire(mount, &id) {
                                tracing::error!(container = %id, volume = mount, %error, "a volume is not there");
                            }
                        }
                        containers.push(container);
                    }
                    // A create that a crash cut short: an orphan.
                    Ok(None) => {}
                    Err(error) => {
                        tracing::error!(container = %id, %error, "a container is left out");
                        damaged.push(id);
                    }
                }
            }
            Ok((containers, damaged))
        };
        let directory = self.shared.paths.containers().display().to_string();
        let read = tokio::task::spawn_blocking(read).await.map_err(|_| RestoreError::ShuttingDown)?;
        read.map_err(|source| RestoreError::List { directory, source })
    }

    /// What became of a container that ran.
    async fn adopt(
        &self,
        mut container: Container,
    ) -> (Container, Option<futures_util::future::BoxFuture<'static, super::Exit>>) {
        if container.state.run().is_none() {
            return (container, None);
        }
        match self.shared.runtime.adopt(&container).await {
            Adopted::Running { exit } => (container, Some(exit)),
            Adopted::Ended(exit) => {
                let before = container.clone();
                // A live state admits an exit always.
                if let Ok(state) = transition(&container.state, Change::Exited(exit)) {
                    container.state = state;
                }
                container.endpoint = None;
                container.cgroup_id = None;
                let written = owner::write(&self.shared, container.clone(), Durability::Renamed).await;
                if let Err(error) = written {
                    tracing::error!(container = %container.id, %error, "the container's state is not on disk");
                }
                self.shared.runtime.ended(&before);
                let code = container.state.exit_code().to_string();
                self.shared.events.publish(container.event("die").with("exitCode", code));
                (container, None)
            }
        }
    }

    /// Tells the owner of a container of each process that the kernel kills for want of memory.
    pub fn watch_oom(&self, mut victims: broadcast::Receiver<OomVictim>) {
        let service = self.clone();
        tokio::spawn(async move {
            loop {
                match victims.recv().await {
                    Ok(victim) => {
                        let all = service.shared.registry.all();
                        let handle = all.iter().find(|h| h.container().cgroup_id == Some(victim.cgroup_id));
                        if let Some(handle) = handle {
                            handle.out_of_memory().await;
                        }
                    }
                    Err(broadcast::error::RecvError::Lagged(lost)) => {
                        tracing::warn!(lost, "more processes were killed for want of memory than could be told");
                    }
                    Err(broadcast::error::RecvError::Closed) => return,
                }
            }
        });
    }
}
