//! Files that the engine makes for a container: `hosts`, `hostname`, `resolv.conf`.

use super::super::model::{Container, NetworkMode};
use crate::networks::{Endpoint, resolv};
use crate::store::paths::Paths;
use std::fmt::Write;
use std::fs;
use std::io;
use std::net::IpAddr;

const HOSTS: &str = "127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
";

/// Writes them. They are made anew at each start and bound into the container, so they need not survive a power cut.
pub(super) fn write(paths: &Paths, container: &Container, endpoint: Option<&Endpoint>) -> io::Result<()> {
    let file = |name| paths.container_file(&container.id, name);
    fs::write(file("hosts"), hosts(container, endpoint))?;
    fs::write(file("hostname"), format!("{}\n", container.config.hostname))?;
    fs::write(file("resolv.conf"), resolv_conf(container, resolv::host()))
}

fn hosts(container: &Container, endpoint: Option<&Endpoint>) -> String {
    let mut text = match container.network_mode() {
        // The host's names are those of the host's network.
        NetworkMode::Host => fs::read_to_string("/etc/hosts").unwrap_or_else(|_| HOSTS.to_owned()),
        _ => HOSTS.to_owned(),
    };
    for entry in &container.host_config.extra_hosts {
        // `name:address`, `name=address`; an IPv6 address has colons itself.
        let split = entry.split_once('=').or_else(|| entry.split_once(':'));
        if let Some((name, address)) = split {
            let gateway = endpoint.map(|e| e.gateway.to_string());
            let address = match address {
                "host-gateway" => gateway.as_deref().unwrap_or("127.0.0.1"),
                other => other.trim_start_matches('[').trim_end_matches(']'),
            };
            let _ = writeln!(text, "{address}\t{name}");
        }
    }
    if let Some(endpoint) = endpoint {
        let config = &container.config;
        let _ = if config.domainname.is_empty() {
            writeln!(text, "{}\t{}", endpoint.ip, config.hostname)
        } else {
            writeln!(text, "{}\t{}.{} {}", endpoint.ip, config.hostname, config.domainname, config.hostname)
        };
    }
    text
}

fn resolv_conf(container: &Container, host: resolv::ResolvConf) -> String {
    let mut conf = match container.network_mode() {
        NetworkMode::Host => host,
        _ => host.for_container(),
    };
    let own = &container.host_config;
    let servers: Vec<IpAddr> = own.dns.iter().filter_map(|server| server.parse().ok()).collect();
    if !servers.is_empty() {
        conf.nameservers = servers;
    }
    if !own.dns_search.is_empty() {
        // `--dns-search .` means none.
        conf.search = own.dns_search.iter().filter(|domain| *domain != ".").cloned().collect();
    }
    if !own.dns_options.is_empty() {
        conf.options.clone_from(&own.dns_options);
    }
    conf.to_string()
}
