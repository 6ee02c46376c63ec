//! Files that the engine makes for a container: `hosts`, `hostname`, `resolv.conf`.

use super::super::model::{Container, NetworkMode};
use super::super::spec::{HOST_GATEWAY, split_host};
use crate::networks::{Endpoint, resolv};
use crate::store::paths::Paths;
use std::fmt::Write;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr};

const HOSTS: &str = "127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
";

/// Writes them. They are made anew at each start and bound into the container, so they need not survive a power cut.
/// `gateway` is this host, as containers see it.
pub(super) fn write(
    paths: &Paths,
    container: &Container,
    endpoint: Option<&Endpoint>,
    gateway: Ipv4Addr,
) -> io::Result<()> {
    let file = |name| paths.container_file(&container.id, name);
    fs::write(file("hosts"), hosts(container, endpoint, gateway))?;
    fs::write(file("hostname"), format!("{}\n", container.config.hostname))?;
    fs::write(file("resolv.conf"), resolv_conf(container, resolv::host()))
}

fn hosts(container: &Container, endpoint: Option<&Endpoint>, gateway: Ipv4Addr) -> String {
    let mut text = match container.network_mode() {
        // The host's names are those of the host's network.
        NetworkMode::Host => fs::read_to_string("/etc/hosts").unwrap_or_else(|_| HOSTS.to_owned()),
        _ => HOSTS.to_owned(),
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    for (name, address) in container.host_config.extra_hosts.iter().filter_map(|entry| split_host(entry)) {
        let _ = match address {
            HOST_GATEWAY => writeln!(text, "{gateway}\t{name}"),
            address => writeln!(text, "{address}\t{name}"),
        };
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

#[cfg(test)]
mod tests {
    use super::*;
    use hull_api::{ContainerConfig, HostConfig};

    const GATEWAY: Ipv4Addr = Ipv4Addr::new(172, 17, 0, 1);

    fn container(host_config: HostConfig) -> Container {
        let config = ContainerConfig {
            hostname: "web".to_owned(),
            domainname: "example.org".to_owned(),
            ..ContainerConfig::default()
        };
        Container { config, host_config, ..Container::example() }
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn names_of_the_users_stand_before_the_containers_own() {
        let extra_hosts = words(&["db:10.0.0.2", "six=[fd00::1]", "host.docker.internal:host-gateway"]);
        let container = container(HostConfig { extra_hosts, ..HostConfig::default() });
        let endpoint = Endpoint::example();
        let own = format!("{}\tweb.example.org web\n", endpoint.ip);
        let theirs = "10.0.0.2\tdb\nfd00::1\tsix\n172.17.0.1\thost.docker.internal\n";
        assert_eq!(hosts(&container, Some(&endpoint), GATEWAY), format!("{HOSTS}{theirs}{own}"));
        assert_eq!(hosts(&container, None, GATEWAY), format!("{HOSTS}{theirs}"));
    }

    #[test]
    fn the_users_resolver_settings_replace_the_hosts() {
        let host =
            || resolv::ResolvConf::parse("nameserver 127.0.0.53\nnameserver 192.0.2.1\nsearch corp\noptions ndots:2\n");
        let with = |host_config: HostConfig| resolv_conf(&container(host_config), host());
        assert_eq!(with(HostConfig::default()), "nameserver 192.0.2.1\nsearch corp\noptions ndots:2\n");
        let own = HostConfig {
            dns: words(&["10.0.0.53", "fd00::53"]),
            dns_search: words(&["."]),
            dns_options: words(&["timeout:1", "rotate"]),
            ..HostConfig::default()
        };
        assert_eq!(with(own), "nameserver 10.0.0.53\nnameserver fd00::53\noptions timeout:1 rotate\n");
        let on_host = HostConfig { network_mode: "host".to_owned(), ..HostConfig::default() };
        assert!(with(on_host).starts_with("nameserver 127.0.0.53\n"), "the host's loopback is its own there");
    }
}
