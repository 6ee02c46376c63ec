//! What a create request says against itself: checked before anything of the image's is mixed in.

use super::invalid::Invalid;
use crate::networks::Mac;
use hull_api::{ContainerConfig, CreateRequest, EndpointSettings, HostConfig};
use std::net::IpAddr;

/// Checks a request as it came.
///
/// # Errors
/// The first thing that makes no sense.
pub fn check_request(request: &CreateRequest) -> Result<(), Invalid> {
    let (config, host) = (&request.config, &request.host_config);
    network_mode(config, host)?;
    if !matches!(host.isolation.to_ascii_lowercase().as_str(), "" | "default") {
        return Err(Invalid::Isolation(host.isolation.clone()));
    }
    if host.annotations.contains_key("") {
        return Err(Invalid::Annotation);
    }
    host.extra_hosts.iter().try_for_each(|entry| extra_host(entry))?;
    for server in &host.dns {
        server.parse::<IpAddr>().map_err(|_| Invalid::Address(server.clone()))?;
    }
    for (port, bindings) in &host.port_bindings {
        let valid = is_port(port) && bindings.iter().flatten().all(|binding| is_range(&binding.host_port, true));
        if !valid {
            let bad = bindings.iter().flatten().find(|binding| !is_range(&binding.host_port, true));
            return Err(Invalid::Port(
                bad.filter(|_| is_port(port)).map_or(port, |binding| &binding.host_port).clone(),
            ));
        }
    }
    if let Some(port) = config.exposed_ports.keys().find(|port| !is_port(port)) {
        return Err(Invalid::Port(port.clone()));
    }
    mac(&config.mac_address)?;
    let endpoints = &request.networking_config.endpoints_config;
    endpoints.iter().try_for_each(|(network, settings)| endpoint(network, settings))
}

fn network_mode(config: &ContainerConfig, host: &HostConfig) -> Result<(), Invalid> {
    let mode = host.network_mode.as_str();
    let joins = mode.strip_prefix("container:");
    if joins == Some("") || mode == "container" {
        return Err(Invalid::NetworkMode);
    }
    let conflicts = [
        (joins.is_some() && !config.hostname.is_empty(), Invalid::HostnameWithContainerNet),
        (joins.is_some() && !host.links.is_empty(), Invalid::LinksWithContainerNet),
        (joins.is_some() && !host.dns.is_empty(), Invalid::DnsWithContainerNet),
        (joins.is_some() && !host.extra_hosts.is_empty(), Invalid::HostsWithContainerNet),
        (
            joins.is_some() && (!host.port_bindings.is_empty() || host.publish_all_ports),
            Invalid::PublishWithContainerNet,
        ),
        (joins.is_some() && !config.exposed_ports.is_empty(), Invalid::ExposeWithContainerNet),
        ((joins.is_some() || mode == "host") && !config.mac_address.is_empty(), Invalid::MacWithSharedNet),
        (mode == "host" && !host.links.is_empty(), Invalid::LinksWithHostNet),
        (host.uts_mode == "host" && !config.hostname.is_empty(), Invalid::HostnameWithHostUts),
    ];
    conflicts.into_iter().find(|(is, _)| *is).map_or(Ok(()), |(_, conflict)| Err(conflict))
}

/// `name:address` or `name=address`; an IPv6 address has colons itself, and may stand in brackets.
pub(in crate::containers) fn split_host(entry: &str) -> Option<(&str, &str)> {
    let (name, address) = entry.split_once('=').or_else(|| entry.split_once(':'))?;
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    (!name.is_empty()).then_some((name, bare.unwrap_or(address)))
}

/// Stands for the address under which a container reaches its host.
pub(in crate::containers) const HOST_GATEWAY: &str = "host-gateway";

fn extra_host(entry: &str) -> Result<(), Invalid> {
    let (_, address) = split_host(entry).ok_or_else(|| Invalid::ExtraHost(entry.to_owned()))?;
    if address == HOST_GATEWAY || address.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    Err(Invalid::ExtraHostAddress(address.to_owned()))
}

/// `80`, `80/tcp`, `8000-8010/udp`.
fn is_port(text: &str) -> bool {
    let (range, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    matches!(protocol.to_ascii_lowercase().as_str(), "tcp" | "udp" | "sctp") && is_range(range, false)
}

/// One port, or the first and the last one.
fn is_range(text: &str, may_be_empty: bool) -> bool {
    if text.is_empty() {
        return may_be_empty;
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse::<u16>(), last.parse::<u16>()) {
        (Ok(first), Ok(last)) => first <= last && (may_be_empty || first > 0),
        _ => false,
    }
}

fn mac(text: &str) -> Result<(), Invalid> {
    if text.is_empty() || Mac::parse(text).is_some() { Ok(()) } else { Err(Invalid::Mac(text.to_owned())) }
}

fn endpoint(network: &str, settings: &EndpointSettings) -> Result<(), Invalid> {
    mac(&settings.mac_address)?;
    if !matches!(network, "bridge" | "default" | "host" | "none") {
        return Ok(());
    }
    let fixed = settings.ipam_config.as_ref();
    if fixed.is_some_and(|ipam| !ipam.ipv4_address.is_empty() || !ipam.ipv6_address.is_empty()) {
        return Err(Invalid::FixedAddress(network.to_owned()));
    }
    if settings.aliases.is_empty() { Ok(()) } else { Err(Invalid::Alias(network.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hull_api::{Empty, EndpointIpamConfig, PortBinding};

    fn said(change: impl FnOnce(&mut CreateRequest)) -> String {
        let mut request = CreateRequest::default();
        change(&mut request);
        check_request(&request).err().map(|error| error.to_string()).unwrap_or_default()
    }

    fn in_mode(mode: &str, change: impl FnOnce(&mut CreateRequest)) -> String {
        said(|request| {
            mode.clone_into(&mut request.host_config.network_mode);
            change(request);
        })
    }

    #[test]
    fn options_that_exclude_each_other() {
        let conflict = |what: &str| format!("conflicting options: {what}");
        let hostname = |r: &mut CreateRequest| "h".clone_into(&mut r.config.hostname);
        assert_eq!(in_mode("container:x", |_| ()), "");
        assert_eq!(in_mode("container:x", hostname), conflict("hostname and the network mode"));
        assert_eq!(in_mode("host", hostname), "");
        let dns = |r: &mut CreateRequest| r.host_config.dns.push("1.1.1.1".to_owned());
        assert_eq!(in_mode("container:x", dns), conflict("dns and the network mode"));
        assert_eq!(in_mode("host", dns), "");
        let hosts = |r: &mut CreateRequest| r.host_config.extra_hosts.push("a:1.1.1.1".to_owned());
        assert_eq!(in_mode("container:x", hosts), conflict("custom host-to-IP mapping and the network mode"));
        let publish = |r: &mut CreateRequest| r.host_config.publish_all_ports = true;
        let both = conflict("port publishing and the container type network mode");
        assert_eq!(in_mode("container:x", publish), both);
        let expose = |r: &mut CreateRequest| r.config.exposed_ports = [("80/tcp".to_owned(), Empty {})].into();
        let both = conflict("port exposing and the container type network mode");
        assert_eq!(in_mode("container:x", expose), both);
        let mac = |r: &mut CreateRequest| "02:42:ac:11:00:0a".clone_into(&mut r.config.mac_address);
        assert_eq!(in_mode("host", mac), conflict("mac-address and the network mode"));
        assert_eq!(in_mode("bridge", mac), "");
        let uts = |r: &mut CreateRequest| {
            hostname(r);
            "host".clone_into(&mut r.host_config.uts_mode);
        };
        assert_eq!(said(uts), conflict("hostname and the UTS mode"));
        let format = "Invalid network mode: invalid container format container:<name|id>";
        assert_eq!(in_mode("container:", |_| ()), format);
    }

    #[test]
    fn hosts_servers_ports_and_addresses_are_checked() {
        let host = |entry: &str| said(|r| r.host_config.extra_hosts.push(entry.to_owned()));
        for good in ["a:1.2.3.4", "a=1.2.3.4", "a:::1", "a=[::1]", "a:[::1]", "a:host-gateway"] {
            assert_eq!(host(good), "", "{good}");
        }
        assert_eq!(host("nohost"), "bad format for add-host: \"nohost\"");
        assert_eq!(host(":1.2.3.4"), "bad format for add-host: \":1.2.3.4\"");
        assert_eq!(host("a:1.2.3"), "invalid IP address in add-host: \"1.2.3\"");
        assert_eq!(said(|r| r.host_config.dns.push("x".to_owned())), "IP address is not correctly formatted: x");
        let port = |port: &str, on_host: &str| {
            let binding = PortBinding { host_port: on_host.to_owned(), ..PortBinding::default() };
            said(|r| drop(r.host_config.port_bindings.insert(port.to_owned(), Some(vec![binding]))))
        };
        for (inside, outside) in [("80/tcp", ""), ("80", "8080"), ("80/udp", "8000-8010"), ("80/sctp", "0")] {
            assert_eq!(port(inside, outside), "");
        }
        assert_eq!(port("0/tcp", ""), "invalid port specification: \"0/tcp\"");
        assert_eq!(port("80/ip", ""), "invalid port specification: \"80/ip\"");
        assert_eq!(port("80/tcp", "x"), "invalid port specification: \"x\"");
        assert_eq!(port("80/tcp", "9-8"), "invalid port specification: \"9-8\"");
        assert_eq!(said(|r| "x".clone_into(&mut r.config.mac_address)), "invalid MAC address: x");
    }

    #[test]
    fn addresses_and_aliases_belong_to_networks_of_the_users() {
        let on = |network: &str, settings: EndpointSettings| {
            said(|r| drop(r.networking_config.endpoints_config.insert(network.to_owned(), settings)))
        };
        let ipam = EndpointIpamConfig { ipv4_address: "10.0.0.9".to_owned(), ..EndpointIpamConfig::default() };
        let fixed = || EndpointSettings { ipam_config: Some(ipam.clone()), ..EndpointSettings::default() };
        assert_eq!(
            on("bridge", fixed()),
            "invalid config for network bridge: invalid endpoint settings:\nuser specified IP address is supported on user defined networks only"
        );
        assert_eq!(on("mine", fixed()), "");
        let alias = EndpointSettings { aliases: vec!["a".to_owned()], ..EndpointSettings::default() };
        assert_eq!(
            on("bridge", alias),
            "invalid config for network bridge: invalid endpoint settings:\nnetwork-scoped alias is supported only for containers in user defined networks"
        );
    }

    #[test]
    fn isolation_and_annotations() {
        assert_eq!(said(|r| "Default".clone_into(&mut r.host_config.isolation)), "");
        let said_of = said(|r| "hyperv".clone_into(&mut r.host_config.isolation));
        assert_eq!(said_of, "Invalid isolation: \"hyperv\" - linux only supports 'default'");
        let said_of = said(|r| drop(r.host_config.annotations.insert(String::new(), "x".to_owned())));
        assert_eq!(said_of, "invalid Annotations: the empty string is not permitted as an annotation key");
    }
}
