//! What a running container is attached to, told as events: its network, its volumes.
//!
//! Order as dockerd's: `connect` and `mount` before `start`; `disconnect` and `unmount` before `die`.

use super::super::Shared;
use super::super::model::Container;
use super::super::mounts::{MountKind, MountSpec};
use crate::events::{Event, Kind};
use crate::networks::Endpoint;
use crate::volumes::DRIVER;

/// It is about to be told that the container has started.
pub(super) fn attached(shared: &Shared, container: &Container) {
    if let Some(endpoint) = &container.endpoint {
        shared.events.publish(network(container, endpoint, "connect"));
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
    if let Some(endpoint) = &before.endpoint {
        shared.events.publish(network(before, endpoint, "disconnect"));
    }
    for (name, _) in volumes(before) {
        shared.events.publish(volume(before, name, "unmount"));
    }
}

fn network(container: &Container, endpoint: &Endpoint, action: &'static str) -> Event {
    Event::new(Kind::Network, action, &endpoint.network_id)
        .with("container", container.id.as_str())
        .with("name", &endpoint.network)
        .with("type", "bridge")
}

fn volume(container: &Container, name: &str, action: &'static str) -> Event {
    Event::new(Kind::Volume, action, name).with("container", container.id.as_str()).with("driver", DRIVER)
}

fn volumes(container: &Container) -> impl Iterator<Item = (&str, &MountSpec)> {
    let volumes = container.mounts.iter().filter(|mount| mount.kind == MountKind::Volume);
    volumes.filter_map(|mount| Some((mount.name.as_deref()?, mount)))
}
