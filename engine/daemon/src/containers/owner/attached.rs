//! What a running container is attached to, told as events: its network, its volumes.
//!
//! Order as dockerd's: `connect` and `mount` before `start`; `disconnect` and `unmount` before `die`.

use super::super::Shared;
use super::super::model::{Container, NetworkMode};
use super::super::mounts::{MountKind, MountSpec};
use crate::events::{Event, Kind};
use crate::volumes::DRIVER;

/// It is about to be told that the container has started.
pub(super) fn attached(shared: &Shared, container: &Container) {
    if let Some(event) = network(shared, container, "connect") {
        shared.events.publish(event);
    }
    for (name, mount) in volumes(container) {
        let event = volume(container, name, "mount")
            .with("destination", &mount.target)
            .with("read/write", (!mount.read_only).to_string())
            .with("propagation", &mount.propagation);
        shared.events.publish(event);
    }
}

/// Tells of the end of a run: these events, and before `die` what the container, as it was while it ran, has left.
pub(in crate::containers) fn ended(shared: &Shared, before: &Container, events: Vec<Event>) {
    for event in events {
        if event.action == "die" {
            detached(shared, before);
        }
        shared.events.publish(event);
    }
}

fn detached(shared: &Shared, before: &Container) {
    if let Some(event) = network(shared, before, "disconnect") {
        shared.events.publish(event);
    }
    for (name, _) in volumes(before) {
        shared.events.publish(volume(before, name, "unmount"));
    }
}

/// `None`: it has another container's network, or none was asked for.
fn network(shared: &Shared, container: &Container, action: &'static str) -> Option<Event> {
    let (id, name, driver) = match (&container.endpoint, container.network_mode()) {
        (Some(endpoint), _) => (endpoint.network_id.clone(), endpoint.network.as_str(), "bridge"),
        (None, NetworkMode::Host) => (shared.runtime.network_id("host")?, "host", "host"),
        (None, NetworkMode::None) if !container.config.network_disabled => {
            (shared.runtime.network_id("none")?, "none", "null")
        }
        (None, _) => return None,
    };
    let event = Event::new(Kind::Network, action, id).with("container", container.id.as_str());
    Some(event.with("name", name).with("type", driver))
}

fn volume(container: &Container, name: &str, action: &'static str) -> Event {
    Event::new(Kind::Volume, action, name).with("container", container.id.as_str()).with("driver", DRIVER)
}

fn volumes(container: &Container) -> impl Iterator<Item = (&str, &MountSpec)> {
    let volumes = container.mounts.iter().filter(|mount| mount.kind == MountKind::Volume);
    volumes.filter_map(|mount| Some((mount.name.as_deref()?, mount)))
}
