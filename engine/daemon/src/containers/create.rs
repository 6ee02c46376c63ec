//! `POST /containers/create`: the request, completed by the image and by defaults, checked, and written down.

use super::error::ContainerError;
use super::model::Container;
use super::owner::{self, Handle};
use super::resolve::ResolvedImage;
use super::{ContainerService, Shared, defaults, health, merge, mounts, names, platform, restart, signal, spec};
use crate::ids::ContainerId;
use crate::store::object::{self, Durability, ObjectError};
use crate::time::Time;
use hull_api::{ContainerConfig, CreateRequest, CreateResponse, HostConfig};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Tries at a random name before an engine is full of them.
const NAME_ATTEMPTS: u8 = 100;

impl ContainerService {
    /// Makes a container. It is on disk when this returns.
    ///
    /// # Errors
    /// When the image is unknown, the request makes no sense, or the name is invalid or taken.
    pub async fn create(&self, name: Option<String>, request: CreateRequest) -> Result<CreateResponse, ContainerError> {
        self.create_for(name, None, request).await
    }

    /// As [`ContainerService::create`]; the image must be of `platform` (`linux/arm64`).
    ///
    /// # Errors
    /// As [`ContainerService::create`], and when the image is of another platform.
    pub async fn create_for(
        &self,
        name: Option<String>,
        platform: Option<&str>,
        request: CreateRequest,
    ) -> Result<CreateResponse, ContainerError> {
        let name = match name.filter(|name| !name.is_empty()) {
            Some(name) => Some(names::check(&name)?.to_owned()),
            None => None,
        };
        let invalid = |error: spec::Invalid| ContainerError::BadParameter(error.to_string());
        // Before the image's configuration is mixed in: an image may expose ports where the user must not.
        spec::check_request(&request).map_err(invalid)?;
        let image = (self.shared.images)(&request.config.image)?;
        let mut warnings = platform::check(&request.config.image, &image, platform)?;
        // A start follows soon, and the first of its cgroup writes waits for the kernel's grace period unless one is under way.
        let hierarchies = self.shared.runtime.features().hierarchies.clone();
        tokio::task::spawn_blocking(move || hierarchies.warm_up());
        let CreateRequest { mut config, mut host_config, networking_config } = request;
        merge::merge(&mut config, &image.config);
        for mode in [&mut host_config.network_mode, &mut host_config.pid_mode, &mut host_config.ipc_mode] {
            // By id from here on: a name may be given to another container before this one starts.
            if let Some(key) = mode.strip_prefix("container:") {
                *mode = format!("container:{}", self.find(key)?.id());
            }
        }
        let links = super::links::resolve(&mut host_config, &self.shared.registry)?;
        check(&config, &host_config)?;
        self.shared.logs.complete(&config, &mut host_config)?;
        let features = self.shared.runtime.features();
        warnings.extend(spec::validate(&mut config, &mut host_config, features).map_err(invalid)?);
        spec::cgroup_driver(&host_config, self.shared.runtime.cgroup_driver()).map_err(invalid)?;
        let id = ContainerId::random().map_err(ContainerError::Random)?;
        let neighbour = host_config.network_mode.strip_prefix("container:").map(|id| self.get(id)).transpose()?;
        defaults::complete(&mut config, &mut host_config, &id, neighbour.as_deref(), features);
        let name = self.name(name, &id)?;
        let container = new_container(id, name, config, host_config, networking_config, image);
        let container = Container { links, ..container };
        match make(self.shared.clone(), container).await {
            Ok(handle) => Ok(CreateResponse { id: handle.id().to_string(), warnings }),
            Err((id, error)) => {
                self.shared.registry.remove(&id);
                Err(error)
            }
        }
    }

    /// Reserves the given name, or a random one.
    fn name(&self, given: Option<String>, id: &ContainerId) -> Result<String, ContainerError> {
        if let Some(name) = given {
            self.shared.registry.reserve(&name, id)?;
            return Ok(name);
        }
        for attempt in 0..NAME_ATTEMPTS {
            let random = crate::ids::random_hex().map_err(ContainerError::Random)?;
            let byte = |at: usize| u8::from_str_radix(&random[at..at + 2], 16).unwrap_or_default();
            // Plain names first; digits only when they run short.
            let name = names::random([byte(0), byte(2)], attempt.saturating_sub(5));
            if self.shared.registry.reserve(&name, id).is_ok() {
                return Ok(name);
            }
        }
        let name = id.short().to_owned();
        self.shared.registry.reserve(&name, id)?;
        Ok(name)
    }
}

/// What needs no knowledge of the kernel; limits, namespaces and security are checked by `spec::validate`.
fn check(config: &ContainerConfig, host: &HostConfig) -> Result<(), ContainerError> {
    let bad = |message: &str| Err(ContainerError::BadParameter(message.to_owned()));
    if config.entrypoint.as_ref().is_none_or(Vec::is_empty) && config.cmd.as_ref().is_none_or(Vec::is_empty) {
        return bad("no command specified");
    }
    if !config.stop_signal.is_empty() {
        signal::parse(&config.stop_signal)?;
    }
    restart::check(&host.restart_policy, host.auto_remove)?;
    health::check(config)
}

fn new_container(
    id: ContainerId,
    name: String,
    config: ContainerConfig,
    host_config: HostConfig,
    networking: hull_api::NetworkingConfig,
    image: ResolvedImage,
) -> Container {
    let command = [&config.entrypoint, &config.cmd].into_iter().flatten().flatten().cloned();
    let mut command: std::collections::VecDeque<String> = command.collect();
    Container {
        id,
        name,
        created: Time::now(),
        image: image.id,
        layers: image.layers,
        path: command.pop_front().unwrap_or_default(),
        args: command.into(),
        config,
        host_config,
        networking,
        mounts: Vec::new(),
        links: Vec::new(),
        state: super::State::NEW,
        endpoint: None,
        cgroup_id: None,
        restart_count: 0,
        restart_delay: 0,
        stopped_by_user: false,
        health: None,
        boot_id: String::new(),
    }
}

/// Volumes, directories and the description; then the container is there for all to see.
async fn make(shared: Arc<Shared>, container: Container) -> Result<Handle, (ContainerId, ContainerError)> {
    let id = container.id.clone();
    let on_disk = shared.clone();
    let made = tokio::task::spawn_blocking(move || {
        let mut container = container;
        let result = make_files(&on_disk, &mut container);
        (container, result)
    })
    .await;
    let (container, result) = made.map_err(|_down| (id.clone(), ContainerError::ShuttingDown))?;
    if let Err(error) = result {
        let undo = shared.clone();
        let undone = tokio::task::spawn_blocking(move || {
            let _ = undo.volumes.release(&container.id, true);
            // Found and removed as an orphan at the next start if it cannot be removed now.
            let _ = fs::remove_dir_all(undo.paths.container(&container.id));
        });
        let _ = undone.await;
        return Err((id, error));
    }
    let event = container.event("create");
    let handle = owner::spawn(shared.clone(), container, None);
    // Before anyone can start it: create is the first event of every container.
    shared.events.publish(event);
    shared.registry.insert(handle.clone());
    Ok(handle)
}

fn make_files(shared: &Shared, container: &mut Container) -> Result<(), ContainerError> {
    let id = &container.id;
    let io = |operation: &'static str, path: &Path| {
        let path = path.to_owned();
        move |source: io::Error| ObjectError::Io { operation, path, source }
    };
    let directory = shared.paths.container(id);
    // Before the volumes: a directory without a description tells the next daemon that they are nobody's.
    fs::create_dir(&directory).map_err(io("create", &directory))?;
    let donor = |key: &str| Ok(shared.registry.find(key)?.container());
    container.mounts =
        mounts::resolve(id, &container.config, &container.host_config, &shared.volumes, &shared.images, &donor)?;
    for layer in [shared.paths.container_upper(id), shared.paths.container_work(id)] {
        fs::create_dir(&layer).map_err(io("create", &layer))?;
    }
    for image in container.mounts.iter().filter_map(|mount| mount.image.as_ref()) {
        let place = shared.paths.image_mount(id, image.number);
        for layer in [place.join("upper"), place.join("work")] {
            fs::create_dir_all(&layer).map_err(io("create", &layer))?;
        }
    }
    object::write(&shared.paths.container_json(id), container, Durability::Synced)?;
    let parent = shared.paths.containers();
    object::sync_directory(&parent).map_err(io("sync", &parent))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Option<Vec<String>> {
        Some(words.iter().map(|w| (*w).to_owned()).collect())
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_dockers_words() {
        let runnable = ContainerConfig { cmd: words(&["true"]), ..ContainerConfig::default() };
        let none = ContainerConfig::default();
        assert_eq!(check(&none, &HostConfig::default()).unwrap_err().to_string(), "no command specified");
        let mut host = HostConfig { auto_remove: true, ..HostConfig::default() };
        "always".clone_into(&mut host.restart_policy.name);
        let error = check(&runnable, &host).unwrap_err();
        assert_eq!(error.to_string(), "can't create 'AutoRemove' container with restart policy");
    }
}
