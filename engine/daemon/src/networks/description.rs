//! What is known of a network: kept in a file, shown as Docker shows it.

use super::endpoint::Endpoint;
use super::error::NetworkError;
use super::subnet::Subnet;
use crate::ids::random_hex;
use crate::store::object::{self, Durability};
use crate::store::paths::Paths;
use hull_api::network::{Ipam, IpamConfig, Network, NetworkContainer};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How containers are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Driver {
    Bridge,
    Host,
    Null,
}

impl Driver {
    const fn name(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Host => "host",
            Self::Null => "null",
        }
    }
}

/// The file's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Description {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) driver: Driver,
    pub(super) created: String,
    /// The bridge's link and address.
    pub(super) bridge: Option<BridgeDescription>,
}

/// The part that only a bridge has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BridgeDescription {
    pub(super) link: String,
    pub(super) gateway: Subnet,
}

/// Reads a network's description; of one that was never there, makes a new one, not yet written.
pub(super) fn read(paths: &Paths, name: &str, driver: Driver) -> Result<Description, NetworkError> {
    if let Some(description) = object::read(&paths.network_json(name))? {
        return Ok(description);
    }
    let id = random_hex().map_err(NetworkError::kernel("make an id for the network", name))?;
    let created = jiff::Timestamp::now().to_string();
    Ok(Description { id, name: name.to_owned(), driver, created, bridge: None })
}

/// Writes it if it isn't what the file says.
pub(super) fn write(paths: &Paths, description: &Description) -> Result<(), NetworkError> {
    let path = paths.network_json(&description.name);
    if object::read::<Description>(&path)?.as_ref() != Some(description) {
        object::write(&path, description, Durability::Synced)?;
    }
    Ok(())
}

/// The wire form. Containers' names are left empty: networks don't know them.
pub(super) fn view(description: &Description, endpoints: &[Endpoint]) -> Network {
    let bridge = description.bridge.as_ref();
    let config = bridge.map(|bridge| IpamConfig {
        subnet: bridge.gateway.range().to_string(),
        gateway: bridge.gateway.address().to_string(),
        ..IpamConfig::default()
    });
    Network {
        name: description.name.clone(),
        id: description.id.clone(),
        created: description.created.clone(),
        scope: "local".to_owned(),
        driver: description.driver.name().to_owned(),
        enable_ipv4: true,
        ipam: Ipam { driver: "default".to_owned(), options: BTreeMap::new(), config: config.into_iter().collect() },
        containers: endpoints.iter().filter(|e| e.network_id == description.id).map(container).collect(),
        options: bridge.map(options).unwrap_or_default(),
        ..Network::default()
    }
}

fn container(endpoint: &Endpoint) -> (String, NetworkContainer) {
    let view = NetworkContainer {
        endpoint_id: endpoint.id.clone(),
        mac_address: endpoint.mac.to_string(),
        ipv4_address: format!("{}/{}", endpoint.ip, endpoint.prefix_len),
        ..NetworkContainer::default()
    };
    (endpoint.container.to_string(), view)
}

fn options(bridge: &BridgeDescription) -> BTreeMap<String, String> {
    let option = |key: &str, value: &str| (format!("com.docker.network.{key}"), value.to_owned());
    BTreeMap::from([
        option("bridge.default_bridge", "true"),
        option("bridge.enable_icc", "true"),
        option("bridge.enable_ip_masquerade", "true"),
        option("bridge.host_binding_ipv4", "0.0.0.0"),
        option("bridge.name", &bridge.link),
        option("driver.mtu", "1500"),
    ])
}
