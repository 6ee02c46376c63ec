//! One line of `GET /containers/json`.

use super::{networks, status};
use crate::containers::model::Container;
use hull_api::{ContainerSummary, Port, SummaryHostConfig, SummaryNetworkSettings};

pub(in crate::containers) fn summary(container: &Container, image: String) -> ContainerSummary {
    ContainerSummary {
        id: container.id.to_string(),
        names: vec![format!("/{}", container.name)],
        image,
        image_id: container.image.clone(),
        command: command(container),
        created: container.created.seconds(),
        ports: ports(container),
        size_rw: 0,
        size_root_fs: 0,
        labels: container.config.labels.clone(),
        state: container.state.status().to_owned(),
        status: status::text(container),
        host_config: SummaryHostConfig {
            network_mode: container.host_config.network_mode.clone(),
            annotations: container.host_config.annotations.clone(),
        },
        network_settings: SummaryNetworkSettings { networks: networks(container) },
        mounts: container.mounts.iter().map(super::super::mounts::MountSpec::view).collect(),
    }
}

/// Arguments with blanks in them are quoted.
fn command(container: &Container) -> String {
    let mut text = container.path.clone();
    for argument in &container.args {
        text.push(' ');
        if argument.contains(' ') {
            text.push_str(&format!("'{argument}'"));
        } else {
            text.push_str(argument);
        }
    }
    text
}

/// Exposed ports of a running container; none is published yet.
fn ports(container: &Container) -> Vec<Port> {
    if container.endpoint.is_none() {
        return Vec::new();
    }
    let port = |text: &String| {
        let (number, kind) = text.split_once('/').unwrap_or((text, "tcp"));
        Some(Port { private_port: number.parse().ok()?, kind: kind.to_owned(), ..Port::default() })
    };
    container.config.exposed_ports.keys().filter_map(port).collect()
}
