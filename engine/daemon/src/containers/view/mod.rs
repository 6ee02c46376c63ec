//! How clients see a container: `inspect`, a line of the list, and the text after `STATUS`.

mod inspect;
mod sizes;
mod status;
mod summary;

pub(super) use summary::summary;

use super::model::{Container, NetworkMode};
use hull_api::EndpointSettings;
use std::collections::BTreeMap;

/// The container's places in networks, by network name.
fn networks(container: &Container) -> BTreeMap<String, EndpointSettings> {
    let name = match container.network_mode() {
        NetworkMode::Bridge => "bridge".to_owned(),
        NetworkMode::Host => "host".to_owned(),
        NetworkMode::None => "none".to_owned(),
        NetworkMode::Container(_) => return BTreeMap::new(),
        NetworkMode::Named(name) => name,
    };
    let asked = container.networking.endpoints_config.get(&name).cloned().unwrap_or_default();
    let settings = match &container.endpoint {
        Some(endpoint) => EndpointSettings {
            network_id: endpoint.network_id.clone(),
            endpoint_id: endpoint.id.clone(),
            gateway: endpoint.gateway.to_string(),
            ip_address: endpoint.ip.to_string(),
            ip_prefix_len: endpoint.prefix_len,
            mac_address: endpoint.mac.to_string(),
            ..asked
        },
        None => asked,
    };
    BTreeMap::from([(name, settings)])
}
