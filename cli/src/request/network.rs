//! Networking.

use clap::Args;
use hull_api::{CreateRequest, EndpointIpamConfig, EndpointSettings};

use super::error::RequestError;
use super::{ports, values};

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetworkFlags {
    /// Connect a container to a network: bridge, none, host, container:NAME, NAME
    #[arg(long, visible_alias = "net", value_name = "network")]
    network: Vec<String>,
    /// Publish a container's port(s) to the host
    #[arg(short, long, value_name = "list")]
    publish: Vec<String>,
    /// Publish all exposed ports to random ports
    #[arg(short = 'P', long)]
    publish_all: bool,
    /// Expose a port or a range of ports
    #[arg(long, value_name = "list")]
    expose: Vec<String>,
    /// Add a custom host-to-IP mapping (host:ip)
    #[arg(long, value_name = "list", value_parser = values::extra_host)]
    add_host: Vec<String>,
    /// Set custom DNS servers
    #[arg(long, value_name = "list", value_parser = values::ip)]
    dns: Vec<String>,
    /// Set DNS options
    #[arg(long, alias = "dns-opt", value_name = "list")]
    dns_option: Vec<String>,
    /// Set custom DNS search domains
    #[arg(long, value_name = "list")]
    dns_search: Vec<String>,
    /// Add link to another container
    #[arg(long, value_name = "list")]
    link: Vec<String>,
    /// Add network-scoped alias for the container
    #[arg(long, alias = "net-alias", value_name = "list")]
    network_alias: Vec<String>,
    /// IPv4 address (e.g., 172.30.100.104)
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    ip: String,
    /// IPv6 address (e.g., 2001:db8::33)
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    ip6: String,
    /// Container IPv4/IPv6 link-local addresses
    #[arg(long, value_name = "list", value_parser = values::ip)]
    link_local_ip: Vec<String>,
    /// Container MAC address (e.g., 92:d0:c6:0a:29:33)
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    mac_address: String,
}

impl NetworkFlags {
    pub(crate) fn apply(self, request: &mut CreateRequest) -> Result<(), RequestError> {
        if !self.mac_address.is_empty() && !is_mac(&self.mac_address) {
            return Err(RequestError::Mac(self.mac_address));
        }
        let (exposed, bindings) = ports::publish(&self.publish)?;
        let config = &mut request.config;
        config.exposed_ports = exposed;
        for port in ports::expose(&self.expose)? {
            config.exposed_ports.insert(port, hull_api::Empty {});
        }
        let host = &mut request.host_config;
        host.port_bindings = bindings;
        host.publish_all_ports = self.publish_all;
        host.extra_hosts.clone_from(&self.add_host);
        host.dns.clone_from(&self.dns);
        host.dns_options.clone_from(&self.dns_option);
        host.dns_search.clone_from(&self.dns_search);
        host.links.clone_from(&self.link);
        self.endpoints(request)
    }

    /// The first network is the container's mode; all of them are its endpoints.
    fn endpoints(self, request: &mut CreateRequest) -> Result<(), RequestError> {
        let mut networks = self.network.iter().map(|text| attachment(text)).collect::<Result<Vec<_>, _>>()?;
        if networks.is_empty() {
            networks.push(("default".to_owned(), EndpointSettings::default()));
        }
        if networks.len() > 1 && networks.iter().any(|(name, _)| !is_user_defined(name)) {
            return Err(RequestError::NetworkMix);
        }
        let (first_name, first) = &mut networks[0];
        if !self.network_alias.is_empty() {
            if !is_user_defined(first_name) {
                return Err(RequestError::NetworkAlias);
            }
            first.aliases.clone_from(&self.network_alias);
        }
        if !self.mac_address.is_empty() {
            first.mac_address.clone_from(&self.mac_address);
        }
        if is_user_defined(first_name) && !self.link.is_empty() {
            first.links.clone_from(&self.link);
        }
        if !self.ip.is_empty() || !self.ip6.is_empty() || !self.link_local_ip.is_empty() {
            let ipam = first.ipam_config.get_or_insert_default();
            ipam.ipv4_address = self.ip;
            ipam.ipv6_address = self.ip6;
            ipam.link_local_ips = self.link_local_ip;
        }
        request.host_config.network_mode.clone_from(first_name);
        for (name, settings) in networks {
            if request.networking_config.endpoints_config.insert(name.clone(), settings).is_some() {
                return Err(RequestError::NetworkTwice(name));
            }
        }
        Ok(())
    }
}

fn is_user_defined(mode: &str) -> bool {
    !matches!(mode, "default" | "bridge" | "host" | "none") && !mode.starts_with("container:")
}

/// `name`, or `name=net,alias=web,ip=10.0.0.2,...`.
fn attachment(text: &str) -> Result<(String, EndpointSettings), RequestError> {
    let mut settings = EndpointSettings::default();
    if !text.contains('=') {
        return Ok((text.to_owned(), settings));
    }
    let mut network = String::new();
    for field in super::devices::fields(text) {
        let (key, value) = field.split_once('=').ok_or_else(|| RequestError::NetworkKey(field.clone()))?;
        match key.trim().to_lowercase().as_str() {
            "name" => network = value.to_owned(),
            "alias" => settings.aliases.push(value.to_owned()),
            "ip" => ipam(&mut settings).ipv4_address = value.to_owned(),
            "ip6" => ipam(&mut settings).ipv6_address = value.to_owned(),
            "mac-address" => settings.mac_address = value.to_owned(),
            "link-local-ip" => ipam(&mut settings).link_local_ips.push(value.to_owned()),
            "driver-opt" => {
                let (name, option) = value.split_once('=').unwrap_or((value, ""));
                settings.driver_opts.insert(name.to_owned(), option.to_owned());
            }
            "gw-priority" => {
                settings.gw_priority = value.parse().map_err(|_| RequestError::NetworkKey(field.clone()))?;
            }
            other => return Err(RequestError::NetworkKey(other.to_owned())),
        }
    }
    if network.is_empty() {
        return Err(RequestError::NetworkKey("name (it is missing)".to_owned()));
    }
    if !is_user_defined(&network) && settings != EndpointSettings::default() {
        return Err(RequestError::NetworkConfig(network));
    }
    Ok((network, settings))
}

fn ipam(settings: &mut EndpointSettings) -> &mut EndpointIpamConfig {
    settings.ipam_config.get_or_insert_default()
}

fn is_mac(text: &str) -> bool {
    let parts: Vec<&str> = text.split([':', '-']).collect();
    matches!(parts.len(), 6 | 8 | 20) && parts.iter().all(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit()))
}
