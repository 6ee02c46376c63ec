//! A container as it is written down: what was asked for, what became of it, what state it is in.

use super::health::Health;
use super::links::Link;
use super::mounts::MountSpec;
use super::state::State;
use crate::events::{Event, Kind};
use crate::ids::ContainerId;
use crate::networks::{Endpoint, Mac};
use crate::time::Time;
use hull_api::{ContainerConfig, HostConfig, NetworkingConfig};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Seconds, where the container does not say.
const STOP_TIMEOUT: i64 = 10;

/// Everything about a container that survives the daemon. Its owner task changes it; everyone else sees
/// published copies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Container {
    /// Its id.
    pub id: ContainerId,
    /// Its name, without a slash.
    pub name: String,
    /// When it was made.
    pub created: Time,
    /// The image's id, `sha256:...`; what was asked for is `config.image`.
    pub image: String,
    /// The image's layers, top first, relative to `Paths::layers`: kept here, so that the container runs on when the image has lost
    /// its name.
    pub layers: Vec<String>,
    /// The program, as inspect shows it: first of entrypoint and command.
    pub path: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// The portable configuration, merged with the image's.
    #[serde(deserialize_with = "as_go")]
    pub config: ContainerConfig,
    /// The host's half.
    #[serde(deserialize_with = "as_go")]
    pub host_config: HostConfig,
    /// Networks that were asked for.
    #[serde(deserialize_with = "as_go")]
    pub networking: NetworkingConfig,
    /// Binds, volumes and tmpfs, resolved.
    pub mounts: Vec<MountSpec>,
    /// Other containers that are known to it by an alias.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub links: Vec<Link>,
    /// What it is doing.
    pub state: State,
    /// Its place on the bridge while it runs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub endpoint: Option<Endpoint>,
    /// Inode of its cgroup2 directory while it runs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cgroup_id: Option<u64>,
    /// How often the restart policy started it again since the user did.
    #[serde(default)]
    pub restart_count: u64,
    /// The policy's last delay, in milliseconds; the next one is reckoned from it.
    #[serde(default)]
    pub restart_delay: u64,
    /// A user stopped it: `unless-stopped` does not start it again.
    #[serde(default)]
    pub stopped_by_user: bool,
    /// What its health check says, once it has run with one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub health: Option<Health>,
    /// The host's boot in which it was started last: after another one it cannot run any more, whatever its pid.
    #[serde(default)]
    pub boot_id: String,
}

/// The API's types leave `null` where Go does, so they are read back as Go reads.
fn as_go<'de, D: serde::Deserializer<'de>, T: serde::de::DeserializeOwned>(deserializer: D) -> Result<T, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    hull_api::decode::from_value(value).map_err(serde::de::Error::custom)
}

/// What kind of network a container has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkMode {
    /// An address on the default bridge.
    Bridge,
    /// The engine's own.
    Host,
    /// Loopback only.
    None,
    /// Another container's.
    Container(String),
    /// A user-defined network.
    Named(String),
}

impl Container {
    /// Whether it has a terminal.
    pub fn tty(&self) -> bool {
        self.config.tty
    }

    /// What kind of network was asked for.
    pub fn network_mode(&self) -> NetworkMode {
        match self.host_config.network_mode.as_str() {
            _ if self.config.network_disabled => NetworkMode::None,
            "" | "default" | "bridge" => NetworkMode::Bridge,
            "host" => NetworkMode::Host,
            "none" => NetworkMode::None,
            other => match other.strip_prefix("container:") {
                Some(container) => NetworkMode::Container(container.to_owned()),
                None => NetworkMode::Named(other.to_owned()),
            },
        }
    }

    /// How many seconds its processes have to end by themselves when they are asked to; negative: as many as they want.
    pub fn stop_timeout(&self) -> i64 {
        self.config.stop_timeout.unwrap_or(STOP_TIMEOUT)
    }

    /// The hardware address that was asked for: for its network, or (as old clients do) for the container.
    pub fn mac(&self) -> Option<Mac> {
        let endpoints = &self.networking.endpoints_config;
        let of_network = endpoints.get(&self.host_config.network_mode).or_else(|| endpoints.get("default"));
        let of_network = of_network.map(|settings| settings.mac_address.as_str()).unwrap_or_default();
        Mac::parse(if of_network.is_empty() { &self.config.mac_address } else { of_network })
    }

    /// What of its network this engine cannot make yet, in a sentence.
    pub fn missing_network(&self) -> Option<String> {
        let mode = self.network_mode();
        if let NetworkMode::Named(name) = &mode {
            return Some(no_such_network(name));
        }
        if mode != NetworkMode::Bridge {
            return None;
        }
        let other = self.networking.endpoints_config.keys().find(|name| !matches!(name.as_str(), "bridge" | "default"));
        if let Some(name) = other {
            return Some(no_such_network(name));
        }
        let all = self.host_config.publish_all_ports.then(|| self.config.exposed_ports.keys()).into_iter().flatten();
        let mut published: Vec<&str> = self.host_config.port_bindings.keys().chain(all).map(String::as_str).collect();
        published.sort_unstable();
        published.dedup();
        (!published.is_empty()).then(|| {
            let ports = published.join(", ");
            format!(
                "this engine does not publish ports yet ({ports}): reach the container at its own address, or use --network=host"
            )
        })
    }

    /// An event of it, with Docker's attributes: labels, the image as it was named, the name.
    pub fn event(&self, action: impl Into<Cow<'static, str>>) -> Event {
        let mut event = Event::new(Kind::Container, action, self.id.as_str());
        event.attributes.extend(self.config.labels.clone());
        event.with("image", &self.config.image).with("name", &self.name)
    }
}

/// Docker's words, and why nobody can have made it.
fn no_such_network(name: &str) -> String {
    format!(
        "network {name} not found: this engine has no user-defined networks yet, only the default bridge, host and none"
    )
}

#[cfg(test)]
impl Container {
    /// One that was made and never ran, for tests to change.
    pub(in crate::containers) fn example() -> Self {
        Self {
            id: "0123456789ab0123456789ab0123456789ab0123456789ab0123456789abcdef".to_owned().try_into().unwrap(),
            name: "c".to_owned(),
            created: Time::now(),
            image: "sha256:0".to_owned(),
            layers: vec!["l/b".to_owned(), "l/a".to_owned()],
            path: "sh".to_owned(),
            args: vec!["-c".to_owned(), "true".to_owned()],
            config: ContainerConfig::default(),
            host_config: HostConfig::default(),
            networking: NetworkingConfig::default(),
            mounts: Vec::new(),
            links: Vec::new(),
            state: State::NEW,
            endpoint: None,
            cgroup_id: None,
            restart_count: 0,
            restart_delay: 0,
            stopped_by_user: false,
            health: None,
            boot_id: String::new(),
        }
    }
}
