//! `GET /containers/{id}/json`.

use super::networks;
use crate::containers::error::ContainerError;
use crate::containers::model::Container;
use crate::containers::state::State;
use crate::containers::{ContainerService, Health, ProbeResult, Shared, links};
use crate::logs::Driver;
use crate::time::Time;
use hull_api::{ContainerInspect, ContainerState, GraphDriver, HealthcheckResult, HostConfig, NetworkSettings};
use std::collections::BTreeMap;
use std::path::Path;

impl ContainerService {
    /// Everything about a container.
    ///
    /// # Errors
    /// When there is none, or several, of this id or name.
    pub async fn inspect(&self, key: &str, size: bool) -> Result<ContainerInspect, ContainerError> {
        let container = self.get(key)?;
        let mut view = inspect(&self.shared, &container);
        if size {
            let sizes = self.sizes(&[container]).await[0];
            view.size_rw = Some(sizes.writable);
            view.size_root_fs = Some(sizes.root);
        }
        Ok(view)
    }
}

fn inspect(shared: &Shared, container: &Container) -> ContainerInspect {
    let paths = &shared.paths;
    let text = |path: &Path| path.display().to_string();
    let file = |name: &str| text(&paths.container_file(&container.id, name));
    let log = match container.log_driver() {
        Driver::JsonFile => text(&paths.container_log(&container.id)),
        // Docker keeps the others' files to itself, too.
        Driver::Local | Driver::Journald | Driver::None => String::new(),
    };
    ContainerInspect {
        id: container.id.to_string(),
        created: container.created.to_string(),
        path: container.path.clone(),
        args: container.args.clone(),
        state: state(container),
        image: container.image.clone(),
        resolv_conf_path: file("resolv.conf"),
        hostname_path: file("hostname"),
        hosts_path: file("hosts"),
        log_path: log,
        name: format!("/{}", container.name),
        restart_count: container.restart_count.cast_signed(),
        driver: "overlay2".to_owned(),
        platform: "linux".to_owned(),
        exec_ids: shared.execs.pending_in(&container.id),
        host_config: HostConfig { links: links::shown(container, &shared.registry), ..container.host_config.clone() },
        graph_driver: graph(shared, container),
        mounts: container.mounts.iter().map(super::super::mounts::MountSpec::view).collect(),
        config: container.config.clone(),
        network_settings: network(container),
        ..ContainerInspect::default()
    }
}

/// Docker's set of booleans and times.
fn state(container: &Container) -> ContainerState {
    let state = &container.state;
    let run = state.run();
    let exit = state.exit();
    let started = run.map(|r| r.started_at).or(exit.map(|e| e.started_at)).unwrap_or(Time::NEVER);
    ContainerState {
        status: state.status().to_owned(),
        running: state.is_active(),
        paused: matches!(state, State::Paused(_)),
        restarting: matches!(state, State::Restarting { .. }),
        oom_killed: run.map_or_else(|| exit.is_some_and(|e| e.oom_killed), |r| r.oom_killed),
        dead: matches!(state, State::Dead { .. }),
        pid: run.map_or(0, |r| i64::from(r.pid)),
        exit_code: i64::from(state.exit_code()),
        error: state.error().to_owned(),
        started_at: started.to_string(),
        finished_at: exit.map_or(Time::NEVER, |e| e.finished_at).to_string(),
        health: container.health.as_ref().map(health),
    }
}

fn health(health: &Health) -> hull_api::Health {
    let result = |result: &ProbeResult| HealthcheckResult {
        start: result.start.to_string(),
        end: result.end.to_string(),
        exit_code: result.exit_code,
        output: result.output.clone(),
    };
    hull_api::Health {
        status: health.status.as_str().to_owned(),
        failing_streak: i64::try_from(health.failing_streak).unwrap_or(i64::MAX),
        log: health.log.iter().map(result).collect(),
    }
}

fn graph(shared: &Shared, container: &Container) -> GraphDriver {
    let layers = shared.paths.layers();
    let lower: Vec<String> = container.layers.iter().map(|l| layers.join(l).display().to_string()).collect();
    // The overlay is mounted in the container's own mount namespace: this is the way there.
    let merged = container.state.run().map(|run| format!("/proc/{}/root", run.pid)).unwrap_or_default();
    let data = [
        ("LowerDir", lower.join(":")),
        ("MergedDir", merged),
        ("UpperDir", shared.paths.container_upper(&container.id).display().to_string()),
        ("WorkDir", shared.paths.container_work(&container.id).display().to_string()),
    ];
    GraphDriver {
        data: data.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<BTreeMap<_, _>>(),
        name: "overlay2".to_owned(),
    }
}

fn network(container: &Container) -> NetworkSettings {
    let networks = networks(container);
    let mut settings = NetworkSettings { networks, ..NetworkSettings::default() };
    if let Some(endpoint) = &container.endpoint {
        settings.endpoint_id.clone_from(&endpoint.id);
        settings.gateway = endpoint.gateway.to_string();
        settings.ip_address = endpoint.ip.to_string();
        settings.ip_prefix_len = endpoint.prefix_len;
        settings.mac_address = endpoint.mac.to_string();
        // Docker's id of the sandbox is another word for the namespace; ours is the running init's.
        settings.sandbox_id.clone_from(&endpoint.id);
    }
    if let Some(run) = container.state.run() {
        settings.sandbox_key = format!("/proc/{}/ns/net", run.pid);
        for port in container.config.exposed_ports.keys() {
            settings.ports.insert(port.clone(), None);
        }
    }
    settings
}
