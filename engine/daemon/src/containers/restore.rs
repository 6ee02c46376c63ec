//! After a restart of the daemon: containers are there as they were, those that live are adopted, and what nobody claims is
//! taken away.

use super::exec::restore_ended;
use super::model::Container;
use super::owner;
use super::runtime::Adopted;
use super::state::{Change, Exit, State, transition};
use super::unfinished;
use super::{ContainerService, RemoveOptions, boot, end, restart};
use crate::ids::ContainerId;
use crate::networks::{Endpoint, NetworkError, NetworkService};
use crate::observability::OomVictim;
use crate::store::object::{self, Durability};
use crate::time::Time;
use futures_util::future::{BoxFuture, join_all};
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
        // Before anyone is started again: what a start makes has the names of what its last one left.
        let (runtime, live) = (self.shared.runtime.clone(), live.into_iter().map(|c| c.id).collect::<Vec<_>>());
        let in_use = live.clone();
        let reaped = tokio::task::spawn_blocking(move || runtime.reap_orphans(&known, &in_use)).await;
        reaped.map_err(|_| RestoreError::ShuttingDown)?.map_err(|source| RestoreError::List {
            directory: self.shared.paths.exec_root().display().to_string(),
            source,
        })?;
        let mut removals = Vec::new();
        for (container, _) in &found {
            if self.shared.registry.reserve(&container.name, &container.id).is_err() {
                tracing::error!(container = %container.id, name = container.name, "two containers have one name");
            }
        }
        for (container, exit) in found {
            let half_removed = matches!(container.state, State::Removing { .. } | State::Dead { .. });
            let removes_itself = matches!(container.state, State::Exited(_)) && container.host_config.auto_remove;
            if removes_itself {
                self.shared.departed.remember(&container);
            }
            if half_removed || removes_itself {
                removals.push(container.id.clone());
            }
            self.shared.registry.insert(owner::spawn(self.shared.clone(), container, exit));
        }
        let running: Vec<_> = live.iter().filter_map(|id| self.find(id.as_str()).ok()).collect();
        join_all(running.iter().map(|handle| self.restore_execs(handle))).await;
        for id in removals {
            // A `--rm` container that ended, or a removal that a crash cut short.
            let options = RemoveOptions { volumes: true, ..RemoveOptions::default() };
            if let Err(error) = self.remove(id.as_str(), options).await {
                tracing::warn!(container = %id, %error, "a removal from before the restart failed");
            }
        }
        self.thaw_forgotten().await;
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
                            if let Err(error) = shared.volumes.claim(mount, &id) {
                                tracing::error!(container = %id, volume = mount, %error, "a volume is not there");
                            }
                        }
                        containers.push(container);
                    }
                    // A create that a crash cut short: an orphan.
                    Ok(None) => {
                        if let Err(error) = shared.volumes.forsake(&id) {
                            tracing::warn!(container = %id, %error, "volumes of an unfinished container stay");
                        }
                    }
                    Err(error) => {
                        tracing::error!(container = %id, %error, "a container is left out");
                        damaged.push(id);
                    }
                }
            }
            // Only now is it known which volumes are in use.
            unfinished::finish(&shared.paths, &shared.volumes)?;
            Ok((containers, damaged))
        };
        let directory = self.shared.paths.containers().display().to_string();
        let read = tokio::task::spawn_blocking(read).await.map_err(|_| RestoreError::ShuttingDown)?;
        read.map_err(|source| RestoreError::List { directory, source })
    }

    /// What became of a container while no daemon looked, and what its restart policy makes of that.
    async fn adopt(&self, mut container: Container) -> (Container, Option<BoxFuture<'static, Exit>>) {
        if container.state.run().is_some() {
            let adopted = if boot::is_over(&container.boot_id) {
                Adopted::Ended(died_with_the_host())
            } else {
                self.shared.runtime.adopt(&container).await
            };
            match adopted {
                Adopted::Running { exit, frozen } => {
                    self.agree_on_freeze(&mut container, frozen).await;
                    return (container, Some(exit));
                }
                Adopted::Ended(exit) => self.ended_unseen(&mut container, exit).await,
            }
        }
        if let State::Exited(_) = container.state
            && restart::at_daemon_start(&container)
            // An exited one admits this always.
            && let Ok(state) = transition(&container.state, Change::RestartDue(Time::now()))
        {
            container.state = state;
            container.restart_count = 0;
            container.restart_delay = 0;
            container.stopped_by_user = false;
            self.save(&container).await;
        }
        (container, None)
    }

    /// A daemon that died between the freezer and the description, either way, left them in disagreement: the kernel is right.
    async fn agree_on_freeze(&self, container: &mut Container, frozen: bool) {
        let (change, action) = if frozen { (Change::Paused, "pause") } else { (Change::Unpaused, "unpause") };
        // Refused where they agree.
        if let Ok(state) = transition(&container.state, change) {
            container.state = state;
            self.save(container).await;
            self.shared.events.publish(container.event(action));
        }
    }

    async fn ended_unseen(&self, container: &mut Container, exit: Exit) {
        restore_ended(&self.shared, container, !exit.error.is_empty()).await;
        let before = container.clone();
        match end::conclude(container, exit, true) {
            Ok(events) => {
                self.save(container).await;
                self.shared.runtime.ended(&before);
                owner::attached::ended(&self.shared, &before, events);
            }
            // A live state admits an exit always.
            Err(refusal) => tracing::error!(container = %container.id, %refusal, "an exit does not fit the state"),
        }
    }

    async fn save(&self, container: &Container) {
        if let Err(error) = owner::write(&self.shared, container.clone(), Durability::Renamed).await {
            tracing::error!(container = %container.id, %error, "the container's state is not on disk");
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

/// A container of another boot of the host: it ended with that, and nobody knows when. The code is Docker's.
fn died_with_the_host() -> Exit {
    Exit { code: 255, oom_killed: false, started_at: Time::NEVER, finished_at: Time::now(), error: String::new() }
}
