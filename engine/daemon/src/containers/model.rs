//! A container as it is written down: what was asked for, what became of it, what state it is in.

use super::health::Health;
use super::links::Link;
use super::mounts::MountSpec;
use super::state::State;
use crate::events::{Event, Kind};
use crate::ids::ContainerId;
use crate::networks::Endpoint;
use crate::time::Time;
use hull_api::{ContainerConfig, HostConfig, NetworkingConfig};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

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

    /// An event of it, with Docker's attributes: labels, the image as it was named, the name.
    pub fn event(&self, action: impl Into<Cow<'static, str>>) -> Event {
        let mut event = Event::new(Kind::Container, action, self.id.as_str());
        event.attributes.extend(self.config.labels.clone());
        event.with("image", &self.config.image).with("name", &self.name)
    }
}
