//! `POST /containers/create`: the request, completed by the image and by defaults, checked, and written down.

use super::error::ContainerError;
use super::model::Container;
use super::owner::{self, Handle};
use super::resolve::ResolvedImage;
use super::{ContainerService, Shared, health, mounts, names, restart, signal, spec};
use crate::ids::ContainerId;
use crate::store::object::{self, Durability, ObjectError};
use crate::time::Time;
use hull_api::{ContainerConfig, CreateRequest, CreateResponse, HostConfig};
use hull_runtime::cgroup::Mode;
use hull_runtime::features::Features;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Tries at a random name before an engine is full of them.
const NAME_ATTEMPTS: u8 = 100;

/// Docker's size of `/dev/shm`.
const SHM_SIZE: i64 = 64 << 20;

impl ContainerService {
    /// Makes a container. It is on disk when this returns.
    ///
    /// # Errors
    /// When the image is unknown, the request makes no sense, or the name is invalid or taken.
    pub async fn create(&self, name: Option<String>, request: CreateRequest) -> Result<CreateResponse, ContainerError> {
        let name = match name.filter(|name| !name.is_empty()) {
            Some(name) => Some(names::check(&name)?.to_owned()),
            None => None,
        };
        let image = (self.shared.images)(&request.config.image)?;
        // A start follows soon, and the first of its cgroup writes waits for the kernel's grace period unless one is under way.
        let hierarchies = self.shared.runtime.features().hierarchies.clone();
        tokio::task::spawn_blocking(move || hierarchies.warm_up());
        let CreateRequest { mut config, mut host_config, networking_config } = request;
        merge(&mut config, &image.config);
        for mode in [&mut host_config.network_mode, &mut host_config.pid_mode, &mut host_config.ipc_mode] {
            // By id from here on: a name may be given to another container before this one starts.
            if let Some(key) = mode.strip_prefix("container:") {
                *mode = format!("container:{}", self.find(key)?.id());
            }
        }
        let links = super::links::resolve(&mut host_config, &self.shared.registry)?;
        check(&config, &host_config)?;
        self.shared.logs.complete(&config, &mut host_config)?;
        let warnings = spec::validate(&mut config, &mut host_config, self.shared.runtime.features());
        let warnings = warnings.map_err(|invalid| ContainerError::BadParameter(invalid.to_string()))?;
        let id = ContainerId::random().map_err(ContainerError::Random)?;
        complete(&mut config, &mut host_config, &id, self.shared.runtime.features());
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

/// What the request leaves open is the image's, by Docker's rules.
fn merge(config: &mut ContainerConfig, image: &ContainerConfig) {
    if config.user.is_empty() {
        config.user.clone_from(&image.user);
    }
    for (port, empty) in &image.exposed_ports {
        config.exposed_ports.entry(port.clone()).or_insert(*empty);
    }
    let mut env: Vec<String> = Vec::new();
    let names_same = |a: &str, b: &str| a.split('=').next() == b.split('=').next();
    for entry in &image.env {
        if !config.env.iter().any(|own| names_same(own, entry)) {
            env.push(entry.clone());
        }
    }
    // The user's come after the image's, in both their orders.
    env.append(&mut config.env);
    config.env = env;
    for (label, value) in &image.labels {
        config.labels.entry(label.clone()).or_insert_with(|| value.clone());
    }
    // An entrypoint of the user's hides the image's command too.
    let no_entrypoint = config.entrypoint.as_ref().is_none_or(Vec::is_empty);
    if no_entrypoint {
        if config.cmd.as_ref().is_none_or(Vec::is_empty) {
            config.cmd.clone_from(&image.cmd);
        }
        if config.entrypoint.is_none() {
            config.entrypoint.clone_from(&image.entrypoint);
        }
    }
    // `--entrypoint ""` resets the image's.
    if config.entrypoint.as_ref().is_some_and(|e| e.len() == 1 && e[0].is_empty()) {
        config.entrypoint = None;
    }
    if config.working_dir.is_empty() {
        config.working_dir.clone_from(&image.working_dir);
    }
    for (volume, empty) in &image.volumes {
        config.volumes.entry(volume.clone()).or_insert(*empty);
    }
    if config.stop_signal.is_empty() {
        config.stop_signal.clone_from(&image.stop_signal);
    }
    if config.shell.is_none() {
        config.shell.clone_from(&image.shell);
    }
    merge_healthcheck(config, image);
}

fn merge_healthcheck(config: &mut ContainerConfig, image: &ContainerConfig) {
    let Some(of_image) = &image.healthcheck else { return };
    let own = config.healthcheck.get_or_insert_with(Default::default);
    if own.test.as_ref().is_none_or(Vec::is_empty) {
        own.test.clone_from(&of_image.test);
    }
    for (field, default) in [
        (&mut own.interval, of_image.interval),
        (&mut own.timeout, of_image.timeout),
        (&mut own.start_period, of_image.start_period),
        (&mut own.start_interval, of_image.start_interval),
        (&mut own.retries, of_image.retries),
    ] {
        if *field == 0 {
            *field = default;
        }
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

/// Defaults, written out, so that inspect shows what holds.
fn complete(config: &mut ContainerConfig, host: &mut HostConfig, id: &ContainerId, features: &Features) {
    let default = |field: &mut String, value: &str| {
        if field.is_empty() {
            value.clone_into(field);
        }
    };
    if matches!(host.network_mode.as_str(), "" | "default") {
        "bridge".clone_into(&mut host.network_mode);
    }
    if host.network_mode == "host" || host.uts_mode == "host" {
        default(&mut config.hostname, &rustix::system::uname().nodename().to_string_lossy());
    } else if !host.network_mode.starts_with("container:") {
        default(&mut config.hostname, id.short());
    }
    default(&mut host.ipc_mode, "private");
    let cgroupns = if features.hierarchies.mode() == Mode::V2 && !host.privileged { "private" } else { "host" };
    default(&mut host.cgroupns_mode, cgroupns);
    default(&mut host.restart_policy.name, "no");
    default(&mut host.runtime, "hull");
    if host.shm_size == 0 {
        host.shm_size = SHM_SIZE;
    }
    if host.memory > 0 && host.memory_swap == 0 {
        host.memory_swap = host.memory.saturating_mul(2);
    }
    if host.oom_kill_disable.is_none() {
        host.oom_kill_disable = Some(false);
    }
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
    container.mounts = mounts::resolve(id, &container.config, &container.host_config, &shared.volumes)?;
    for layer in [shared.paths.container_upper(id), shared.paths.container_work(id)] {
        fs::create_dir(&layer).map_err(io("create", &layer))?;
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

    fn image() -> ContainerConfig {
        ContainerConfig {
            entrypoint: words(&["/entry"]),
            cmd: words(&["default"]),
            env: vec!["PATH=/bin".to_owned(), "A=image".to_owned()],
            ..ContainerConfig::default()
        }
    }

    #[test]
    fn entrypoint_and_command_follow_dockers_table() {
        for (entrypoint, cmd, entrypoint_after, cmd_after) in [
            (None, None, words(&["/entry"]), words(&["default"])),
            (None, words(&["x"]), words(&["/entry"]), words(&["x"])),
            (words(&["/own"]), None, words(&["/own"]), None),
            (words(&["/own"]), words(&["x"]), words(&["/own"]), words(&["x"])),
            (words(&[""]), words(&["x"]), None, words(&["x"])),
            (words(&[]), None, words(&[]), words(&["default"])),
        ] {
            let mut config = ContainerConfig { entrypoint: entrypoint.clone(), cmd, ..ContainerConfig::default() };
            merge(&mut config, &image());
            assert_eq!((config.entrypoint, config.cmd), (entrypoint_after, cmd_after), "{entrypoint:?}");
        }
    }

    #[test]
    fn the_users_environment_replaces_the_images_by_name() {
        let mut config =
            ContainerConfig { env: vec!["A=own".to_owned(), "B=1".to_owned()], ..ContainerConfig::default() };
        merge(&mut config, &image());
        assert_eq!(config.env, ["PATH=/bin", "A=own", "B=1"]);
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
