//! `--link`: another container of the default bridge is known here by an alias.
//!
//! An old feature that old Compose files use. A link is made at create, by id, so that the other container may be renamed.
//! What it brings is worked out at each start: names in `/etc/hosts`, and variables that tell the other's address, ports
//! and environment. Both go beneath what the user gave, as with dockerd. Absent: Docker's `_START` and `_END` variables of
//! ranges of ports, and a new line in a running container's `/etc/hosts` when the other one comes back elsewhere.

use super::error::ContainerError;
use super::model::{Container, NetworkMode};
use super::registry::Registry;
use super::state::Refusal;
use crate::ids::ContainerId;
use hull_api::HostConfig;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::net::Ipv4Addr;

/// Variables of an image's that mean nothing elsewhere.
const NOT_TOLD: [&str; 2] = ["HOME", "PATH"];

/// One link, as it is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The other container.
    pub container: ContainerId,
    /// Its name here.
    pub alias: String,
}

/// Takes the links out of a request: they are told by id from then on.
pub(super) fn resolve(host: &mut HostConfig, registry: &Registry) -> Result<Vec<Link>, ContainerError> {
    let wanted = std::mem::take(&mut host.links);
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    for (mode, what) in [("host", "host type networking"), ("container:", "container type network")] {
        if host.network_mode.starts_with(mode) {
            return Err(ContainerError::BadParameter(format!(
                "conflicting options: {what} can't be used with links. This would result in undefined behavior"
            )));
        }
    }
    let link = |text: String| {
        let (name, alias) = parse(&text)?;
        match registry.find(name) {
            Ok(other) => Ok(Link { container: other.id().clone(), alias: alias.to_owned() }),
            // Not a 404: a client would take that for a missing image.
            Err(error) => Err(ContainerError::BadParameter(format!("could not get container for {name}: {error}"))),
        }
    };
    wanted.into_iter().map(link).collect()
}

/// `name:alias`, `name`, or what inspect shows: `/name:/me/alias`.
fn parse(text: &str) -> Result<(&str, &str), ContainerError> {
    let invalid = || ContainerError::BadParameter(format!("bad format for links: {text}"));
    let (name, alias) = text.split_once(':').unwrap_or((text, text));
    let last = |path: &'_ str| path.rfind('/').map_or(0, |slash| slash + 1);
    let alias = &alias[last(alias)..];
    if name.is_empty() || alias.is_empty() || alias.contains(':') {
        return Err(invalid());
    }
    Ok((name, alias))
}

/// The container with what its links bring to one run.
pub(super) fn applied<'a>(container: &'a Container, registry: &Registry) -> Result<Cow<'a, Container>, ContainerError> {
    if container.links.is_empty() || container.network_mode() != NetworkMode::Bridge {
        return Ok(Cow::Borrowed(container));
    }
    let mut linked = container.clone();
    let mut env = Vec::new();
    for link in &container.links {
        // One that was removed takes its links with it.
        let Ok(other) = registry.find(link.container.as_str()) else { continue };
        let other = other.container();
        let path = format!("/{}/{}", container.name, link.alias);
        let refuse = |message: String| ContainerError::state(Refusal::NotRunning, message);
        if other.state.run().is_none() {
            return Err(refuse(format!("Cannot link to a non running container: /{} AS {path}", other.name)));
        }
        let Some(endpoint) = &other.endpoint else {
            let message = format!("Cannot link to /{}, as it does not belong to the default network", other.name);
            return Err(refuse(message));
        };
        env.extend(variables(&link.alias, &path, endpoint.ip, &other));
        let mut names = vec![&link.alias, &other.config.hostname, &other.name];
        names.dedup();
        linked.host_config.extra_hosts.extend(names.iter().map(|name| format!("{name}:{}", endpoint.ip)));
    }
    env.append(&mut linked.config.env);
    linked.config.env = env;
    Ok(Cow::Owned(linked))
}

/// Docker's variables, all beginning with the alias.
fn variables(alias: &str, path: &str, address: Ipv4Addr, other: &Container) -> Vec<String> {
    let prefix = alias.to_uppercase().replace('-', "_");
    let mut ports: Vec<(u16, &str)> = other.config.exposed_ports.keys().filter_map(|port| number(port)).collect();
    // TCP first: the first port is the one that a client without further knowledge takes.
    ports.sort_by_key(|(number, protocol)| (*protocol != "tcp", *number));
    let mut env = Vec::new();
    if let Some((number, protocol)) = ports.first() {
        env.push(format!("{prefix}_PORT={protocol}://{address}:{number}"));
    }
    for (number, protocol) in ports {
        let port = format!("{prefix}_PORT_{number}_{}", protocol.to_uppercase());
        env.push(format!("{port}={protocol}://{address}:{number}"));
        env.push(format!("{port}_ADDR={address}"));
        env.push(format!("{port}_PORT={number}"));
        env.push(format!("{port}_PROTO={protocol}"));
    }
    env.push(format!("{prefix}_NAME={path}"));
    let told = other.config.env.iter().filter_map(|entry| entry.split_once('='));
    env.extend(
        told.filter(|(name, _)| !NOT_TOLD.contains(name)).map(|(name, value)| format!("{prefix}_ENV_{name}={value}")),
    );
    env
}

fn number(port: &str) -> Option<(u16, &str)> {
    let (number, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
    Some((number.parse().ok()?, protocol))
}

/// `HostConfig.Links` of inspect.
pub(super) fn shown(container: &Container, registry: &Registry) -> Vec<String> {
    let name = |link: &Link| registry.find(link.container.as_str()).map(|other| other.container().name.clone()).ok();
    let show = |link: &Link| Some(format!("/{}:/{}/{}", name(link)?, container.name, link.alias));
    container.links.iter().filter_map(show).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_written_in_three_ways() {
        assert_eq!(parse("db:store").unwrap(), ("db", "store"));
        assert_eq!(parse("db").unwrap(), ("db", "db"));
        assert_eq!(parse("/db:/web/store").unwrap(), ("/db", "store"));
        for bad in ["", ":", "db:", ":store", "a:b:c"] {
            assert_eq!(parse(bad).unwrap_err().to_string(), format!("bad format for links: {bad}"));
        }
    }
}
