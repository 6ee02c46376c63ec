//! What the host's `resolv.conf` says, as far as a container can use it.

use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

/// Docker's choice where the host has no usable nameserver.
const PUBLIC: [Ipv4Addr; 2] = [Ipv4Addr::new(8, 8, 8, 8), Ipv4Addr::new(8, 8, 4, 4)];

/// systemd-resolved puts its own loopback address into `/etc/resolv.conf` and the real servers here.
const SYSTEMD: &str = "/run/systemd/resolve/resolv.conf";

/// A resolver's configuration. `Display` writes the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResolvConf {
    /// `nameserver` lines.
    pub nameservers: Vec<IpAddr>,
    /// Domains of the last `search` or `domain` line.
    pub search: Vec<String>,
    /// Words of the `options` lines.
    pub options: Vec<String>,
}

impl ResolvConf {
    /// Reads the format leniently, as the C library does: a line that it doesn't know is skipped.
    pub fn parse(text: &str) -> Self {
        let mut conf = Self::default();
        for line in text.lines() {
            let line = line.split(['#', ';']).next().unwrap_or_default();
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    // `fe80::1%eth0` names an interface that a container doesn't have.
                    conf.nameservers.extend(words.next().and_then(|w| w.parse::<IpAddr>().ok()));
                }
                Some("search" | "domain") => conf.search = words.map(str::to_owned).collect(),
                Some("options") => conf.options.extend(words.map(str::to_owned)),
                _ => {}
            }
        }
        conf
    }

    /// For a container with a network of its own: without loopback servers, which are the host's and not the
    /// container's, and with Docker's public ones when none is left.
    #[must_use]
    pub fn for_container(mut self) -> Self {
        self.nameservers.retain(|server| !server.is_loopback() && !server.is_unspecified());
        if self.nameservers.is_empty() {
            self.nameservers = PUBLIC.map(IpAddr::V4).to_vec();
        }
        self
    }
}

/// The host's configuration now, before [`ResolvConf::for_container`]. A missing file is an empty configuration.
pub fn host() -> ResolvConf {
    let read =
        |path: &str| fs::read_to_string(Path::new(path)).map(|text| ResolvConf::parse(&text)).unwrap_or_default();
    let conf = read("/etc/resolv.conf");
    let stub = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 53));
    if conf.nameservers == [stub] && Path::new(SYSTEMD).exists() { read(SYSTEMD) } else { conf }
}

impl fmt::Display for ResolvConf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for server in &self.nameservers {
            writeln!(f, "nameserver {server}")?;
        }
        for (keyword, words) in [("search", &self.search), ("options", &self.options)] {
            if !words.is_empty() {
                writeln!(f, "{keyword} {}", words.join(" "))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_c_library_reads() {
        let conf = ResolvConf::parse(
            "# made by hand\nnameserver 192.0.2.1 # first\nnameserver fd00::1\nnameserver fe80::1%eth0\nnameserver\n\
             domain old.example\nsearch a.example b.example\noptions ndots:2 \nnonsense\noptions edns0\n",
        );
        assert_eq!(
            conf.to_string(),
            "nameserver 192.0.2.1\nnameserver fd00::1\nsearch a.example b.example\noptions ndots:2 edns0\n"
        );
        assert_eq!(ResolvConf::parse(&conf.to_string()), conf);
    }

    #[test]
    fn a_container_gets_no_loopback_server() {
        let conf = ResolvConf::parse("nameserver 127.0.0.53\nnameserver ::1\nnameserver 192.0.2.1\n").for_container();
        assert_eq!(conf.to_string(), "nameserver 192.0.2.1\n");
        let conf = ResolvConf::parse("nameserver 127.0.0.11\nsearch x\n").for_container();
        assert_eq!(conf.to_string(), "nameserver 8.8.8.8\nnameserver 8.8.4.4\nsearch x\n");
    }
}
