//! Containers: made, run, watched, ended, removed.
//!
//! ```text
//!  ContainerService      what the API calls; short methods, one file for each group of operations
//!    |-- registry        id, prefix and name -> Handle
//!    |-- owner           one task per container; the only one that changes it (state.rs is its pure core)
//!    |     `-- Runtime   the seam: launch/ (cgroups, network, shim) or a test's fake
//!    |-- shim            frames over the shim's sockets
//!    |-- exec, attach    further processes, and clients' streams
//!    |-- files           copies in and out, diff, export, what commit needs
//!    `-- reaper          what takes long goes away in the background
//! ```
//! A container is described by one file, `container.json` ([`model::Container`]); memory holds the same and is published
//! through a watch. Whoever wants to know when something has happened (`wait`, `stop`, `attach`) waits on that watch; nobody polls.
//! Absent on purpose: HTTP (that is `api`), image storage, address management.

mod attach;
mod boot;
mod control;
mod create;
mod defaults;
mod departed;
mod end;
mod error;
mod exec;
pub mod files;
mod filters;
mod health;
mod launch;
mod links;
mod logging;
mod merge;
mod model;
pub mod mounts;
mod names;
mod owner;
mod platform;
mod prune;
#[cfg(test)]
mod real_tests;
mod reaper;
mod registry;
mod resolve;
mod restart;
mod restore;
pub mod runtime;
pub mod shim;
mod signal;
mod source;
pub mod spec;
mod state;
mod stats;
#[cfg(test)]
mod tests;
mod unfinished;
mod update;
mod view;
mod wait;

pub use attach::{AttachOptions, Attachment, LogOptions, Output, Relay, Stdin};
pub use control::StopOptions;
pub use error::{ContainerError, Kind};
pub use exec::ExecSpec;
pub use filters::{Filters, ListOptions};
pub use health::{Health, HealthStatus, ProbeResult};
pub use launch::ShimRuntime;
pub use merge::merge as complete_config;
pub use model::{Container, NetworkMode};
pub use owner::RemoveOptions;
pub use resolve::{ImageResolver, ResolvedImage, images};
pub use restore::RestoreError;
pub use state::{Exit, Run, State};
pub use wait::WaitCondition;

use crate::events::EventBus;
use crate::ids::ContainerId;
use crate::logs::LogDefaults;
use crate::store::paths::Paths;
use crate::volumes::VolumeService;
use owner::Handle;
use std::borrow::Cow;
use std::sync::Arc;

/// The engine's containers. Clones share them.
#[derive(Clone)]
pub struct ContainerService {
    shared: Arc<Shared>,
    _guard: Arc<Guard>,
}

/// What the service and all owners use.
struct Shared {
    paths: Arc<Paths>,
    events: EventBus,
    volumes: Arc<VolumeService>,
    images: ImageResolver,
    runtime: Arc<dyn runtime::Runtime>,
    registry: registry::Registry,
    execs: exec::ExecTable,
    logs: logging::Logging,
    departed: departed::Departed,
}

/// Held by every clone of the service. Owner tasks hold `Shared`, and with it each other's handles: they end when the last
/// service has taken these away.
struct Guard(Arc<Shared>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.registry.clear();
    }
}

/// How many containers are in which state, for `/info`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Running.
    pub running: usize,
    /// Paused.
    pub paused: usize,
    /// Everything else.
    pub stopped: usize,
}

impl ContainerService {
    /// Without any container yet; [`ContainerService::restore`] brings back those of an earlier daemon.
    ///
    /// # Errors
    /// When the kernel gives no inotify instance to follow logs with.
    pub fn new(
        paths: Arc<Paths>,
        events: EventBus,
        volumes: Arc<VolumeService>,
        images: ImageResolver,
        runtime: Arc<dyn runtime::Runtime>,
        log_defaults: LogDefaults,
    ) -> std::io::Result<Self> {
        let departed = departed::Departed::open(paths.departed());
        let shared = Shared {
            paths,
            events,
            volumes,
            images,
            runtime,
            registry: registry::Registry::default(),
            execs: exec::ExecTable::default(),
            logs: logging::Logging::new(log_defaults)?,
            departed,
        };
        let shared = Arc::new(shared);
        Ok(Self { _guard: Arc::new(Guard(shared.clone())), shared })
    }

    /// The log drivers that this host has, sorted.
    pub fn log_drivers(&self) -> Vec<&'static str> {
        self.shared.logs.drivers()
    }

    fn find(&self, key: &str) -> Result<Handle, ContainerError> {
        self.shared.registry.find(key)
    }

    /// A container as it is now, by id, beginning of the id, or name.
    ///
    /// # Errors
    /// When there is none, or several.
    pub fn get(&self, key: &str) -> Result<Arc<Container>, ContainerError> {
        Ok(self.find(key)?.container())
    }

    /// All containers as they are now, newest first.
    pub fn all(&self) -> Vec<Arc<Container>> {
        let mut all: Vec<_> = self.shared.registry.all().iter().map(Handle::container).collect();
        all.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.id.cmp(&b.id)));
        all
    }

    /// How many containers are in which state.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for handle in self.shared.registry.all() {
            match handle.container().state {
                State::Running(_) => counts.running += 1,
                State::Paused(_) => counts.paused += 1,
                _ => counts.stopped += 1,
            }
        }
        counts
    }

    /// Renames a container.
    ///
    /// # Errors
    /// When there is no such container, or the name is invalid or taken.
    pub async fn rename(&self, key: &str, name: &str) -> Result<(), ContainerError> {
        if name.is_empty() {
            return Err(ContainerError::BadParameter("Neither old nor new names may be empty".to_owned()));
        }
        let name = name.to_owned();
        self.find(key)?.ask(|reply| owner::Command::Rename { name, reply }).await
    }

    /// Takes a link out of a container; the one that it leads to stays.
    ///
    /// # Errors
    /// When there is no such container or link.
    pub async fn unlink(&self, key: &str, alias: &str) -> Result<(), ContainerError> {
        let alias = alias.to_owned();
        self.find(key)?.ask(|reply| owner::Command::Unlink { alias, reply }).await
    }

    /// Changes limits and restart policy, of a running container at once.
    ///
    /// # Errors
    /// When there is no such container or the limits make no sense.
    pub async fn update(
        &self,
        key: &str,
        request: hull_api::UpdateRequest,
    ) -> Result<hull_api::UpdateResponse, ContainerError> {
        let request = Box::new(request);
        let warnings = self.find(key)?.ask(|reply| owner::Command::Update { request, reply }).await?;
        Ok(hull_api::UpdateResponse { warnings })
    }

    /// Has something that was done to a container from outside this module told in its turn among the container's events.
    pub async fn announce(
        &self,
        id: &ContainerId,
        action: impl Into<Cow<'static, str>>,
        attributes: Vec<(&'static str, String)>,
    ) {
        // A container that has just been removed has had its last event.
        if let Ok(handle) = self.find(id.as_str()) {
            handle.announce(action, attributes).await;
        }
    }

    /// Removes a container.
    ///
    /// # Errors
    /// When there is no such container, it runs and `force` is not set, or its files cannot be taken away.
    pub async fn remove(&self, key: &str, options: RemoveOptions) -> Result<(), ContainerError> {
        self.find(key)?.ask(|reply| owner::Command::Remove { options, reply }).await
    }
}
