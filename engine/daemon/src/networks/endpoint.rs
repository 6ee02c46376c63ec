//! A container's end of a network.

use crate::ids::ContainerId;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::Ipv4Addr;
use std::path::PathBuf;

/// A hardware address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mac([u8; 6]);

impl Mac {
    /// Docker's rule: `02:42` and the address. Whoever takes over an address so also takes over its hardware address,
    /// and no neighbour's ARP cache becomes wrong.
    pub fn of(address: Ipv4Addr) -> Self {
        let [a, b, c, d] = address.octets();
        Self([0x02, 0x42, a, b, c, d])
    }

    /// Six bytes in hexadecimal, between colons or hyphens. A group's address is nobody's own.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split([':', '-']);
        let mut octets = [0; 6];
        for octet in &mut octets {
            let part = parts.next().filter(|part| part.len() == 2)?;
            // The parser would take a sign.
            let digits = part.bytes().all(|b| b.is_ascii_hexdigit());
            *octet = u8::from_str_radix(part, 16).ok().filter(|_| digits)?;
        }
        let is_unicast = octets[0] & 1 == 0 && octets != [0; 6];
        (parts.next().is_none() && is_unicast).then_some(Self(octets))
    }

    /// The six bytes.
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// What a container has on a network. The containers service keeps it with the container and hands it back to
/// `NetworkService::restore` after a restart: it *is* the lease of the address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its own id, 64 hexadecimal digits.
    pub id: String,
    /// Whose it is.
    pub container: ContainerId,
    /// The network's name (`bridge`).
    pub network: String,
    /// The network's id.
    pub network_id: String,
    /// The prepared network namespace, to be opened at start. It names a descriptor of the daemon that made it and is
    /// of no use to a later daemon: a running container's namespace is then `/proc/<pid>/ns/net`.
    pub netns: PathBuf,
    /// The interface's name inside.
    pub interface: String,
    /// The other end, a port of the bridge.
    pub host_link: String,
    /// The address.
    pub ip: Ipv4Addr,
    /// The address's prefix length.
    pub prefix_len: u8,
    /// Default route.
    pub gateway: Ipv4Addr,
    /// Hardware address.
    pub mac: Mac,
}

#[cfg(test)]
impl Endpoint {
    /// For tests that only look at it.
    pub(crate) fn example() -> Self {
        let ip = Ipv4Addr::new(172, 17, 0, 9);
        Self {
            id: "e".to_owned(),
            container: ContainerId::try_from("c".repeat(64)).unwrap(),
            network: "bridge".to_owned(),
            network_id: "n".to_owned(),
            netns: PathBuf::from("/proc/1/ns/net"),
            interface: "eth0".to_owned(),
            host_link: "hl0".to_owned(),
            ip,
            prefix_len: 16,
            gateway: Ipv4Addr::new(172, 17, 0, 1),
            mac: Mac::of(ip),
        }
    }
}

/// Traffic of an endpoint, seen from inside the container.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Received.
    pub rx: Direction,
    /// Sent.
    pub tx: Direction,
}

/// One direction of [`Counters`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Direction {
    /// Bytes.
    pub bytes: u64,
    /// Packets.
    pub packets: u64,
    /// Errors.
    pub errors: u64,
    /// Packets dropped.
    pub dropped: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hardware_address_is_dockers() {
        assert_eq!(Mac::of(Ipv4Addr::new(172, 17, 0, 10)).to_string(), "02:42:ac:11:00:0a");
        assert_eq!(Mac::parse("02-42-AC-11-00-0A"), Some(Mac::of(Ipv4Addr::new(172, 17, 0, 10))));
        for bad in [
            "",
            "02:42:ac:11:00",
            "02:42:ac:11:00:0a:00",
            "01:00:5e:00:00:01",
            "00:00:00:00:00:00",
            "+2:42:ac:11:00:0a",
        ] {
            assert_eq!(Mac::parse(bad), None, "{bad}");
        }
    }
}
