//! Logs of containers: which driver each has, and what the engine does for it.

use super::Shared;
use super::error::ContainerError;
use super::model::Container;
use super::owner::Published;
use super::state::State;
use crate::logs::{Attributes, Driver, Files, Keeper, Keeping, LogDefaults, LogWatcher, Subject, options};
use futures_util::FutureExt;
use hull_api::{ContainerConfig, HostConfig};
use std::io;
use std::sync::Arc;
use tokio::sync::watch;

/// What containers' logs share.
pub(super) struct Logging {
    /// Wakes readers.
    pub(super) watcher: Arc<LogWatcher>,
    keeper: Keeper,
    defaults: LogDefaults,
}

impl Logging {
    pub(super) fn new(defaults: LogDefaults) -> io::Result<Self> {
        let watcher = Arc::new(LogWatcher::new()?);
        Ok(Self { keeper: Keeper::new(watcher.clone(), &defaults.journal)?, watcher, defaults })
    }

    /// Completes what was asked for by the daemon's defaults, and checks it.
    pub(super) fn complete(&self, config: &ContainerConfig, host: &mut HostConfig) -> Result<(), ContainerError> {
        let log = &mut host.log_config;
        self.defaults.complete(&mut log.kind, &mut log.config);
        let subject = Subject { image: &config.image, labels: &config.labels, env: &config.env, ..Subject::default() };
        let checked = options::check_for(&log.kind, &log.config, &subject);
        checked.map_err(|error| ContainerError::BadParameter(error.to_string()))
    }

    /// Whether a container's driver can take output now; in Docker's words why not.
    pub(super) fn ready(&self, container: &Container) -> Result<(), String> {
        self.keeper.ready(container.log_driver()).map_err(|reason| {
            format!("failed to create task for container: failed to initialize logging driver: {reason}")
        })
    }

    /// The drivers that this host has.
    pub(super) fn drivers(&self) -> Vec<&'static str> {
        self.keeper.drivers()
    }

    /// Looks after a container's log until the container is removed.
    pub(super) fn keep(&self, shared: &Shared, container: &Container, mut state: watch::Receiver<Published>) {
        let gone = async move {
            let gone = |published: &Published| {
                matches!(published.container.state, State::Removing { .. } | State::Dead { .. })
            };
            // A closed watch is a removed container, or a daemon that goes down.
            let _ = state.wait_for(gone).await;
        };
        let log = Keeping {
            path: &shared.paths.container_log(&container.id),
            driver: container.log_driver(),
            options: &container.host_config.log_config.config,
            subject: container.log_subject(),
        };
        self.keeper.keep(&log, gone.boxed().shared());
    }
}

impl Container {
    /// Where its output goes.
    pub fn log_driver(&self) -> Driver {
        // The name was checked at create.
        Driver::named(&self.host_config.log_config.kind).unwrap_or(Driver::JsonFile)
    }

    /// Its output is kept in files.
    pub fn keeps_log(&self) -> bool {
        self.log_driver() != Driver::None
    }

    /// How its log's files are kept.
    pub fn log_files(&self) -> Option<Files> {
        let driver = self.log_driver();
        // The values were checked at create.
        options::files(driver, &self.host_config.log_config.config).ok().filter(|_| driver != Driver::None)
    }

    /// What every record of its log carries.
    pub fn log_attributes(&self) -> Option<String> {
        Attributes::of(&self.log_subject(), &self.host_config.log_config.config).ok()?.json()
    }

    fn log_subject(&self) -> Subject<'_> {
        Subject {
            id: self.id.as_str(),
            name: &self.name,
            image: &self.config.image,
            image_id: &self.image,
            program: &self.path,
            arguments: &self.args,
            labels: &self.config.labels,
            env: &self.config.env,
        }
    }
}
