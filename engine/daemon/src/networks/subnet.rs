//! An IPv4 address with its prefix length, as `--bip` has it, and the arithmetic of ranges.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// An address inside a range, such as `172.17.0.1/16`: the gateway's address and, by its prefix, the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subnet {
    address: Ipv4Addr,
    prefix: u8,
}

/// The text is not `ADDRESS/PREFIX`.
#[derive(Debug, thiserror::Error)]
#[error("invalid CIDR address: {0}")]
pub struct NotASubnet(String);

impl Subnet {
    /// From parts; the prefix must be 0 to 32.
    pub const fn new(address: Ipv4Addr, prefix: u8) -> Self {
        assert!(prefix <= 32, "an IPv4 prefix has at most 32 bits");
        Self { address, prefix }
    }

    /// The address as it was given, with its host bits.
    pub const fn address(self) -> Ipv4Addr {
        self.address
    }

    /// How many leading bits are the network's.
    pub const fn prefix(self) -> u8 {
        self.prefix
    }

    /// The mask as a number.
    pub const fn mask(self) -> u32 {
        if self.prefix == 0 { 0 } else { u32::MAX << (32 - self.prefix as u32) }
    }

    /// The first address of the range, which names it.
    pub fn network(self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.address) & self.mask())
    }

    /// The last address of the range.
    pub fn broadcast(self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.address) | !self.mask())
    }

    /// The range without host bits: `172.17.0.0/16`.
    pub fn range(self) -> Self {
        Self { address: self.network(), prefix: self.prefix }
    }

    /// Whether the range holds this address.
    pub fn contains(self, address: Ipv4Addr) -> bool {
        u32::from(address) & self.mask() == u32::from(self.network())
    }

    /// Whether the two ranges share an address.
    pub fn overlaps(self, other: Self) -> bool {
        let shorter = if self.prefix < other.prefix { self } else { other };
        shorter.contains(self.address) && shorter.contains(other.address)
    }
}

impl FromStr for Subnet {
    type Err = NotASubnet;

    fn from_str(text: &str) -> Result<Self, NotASubnet> {
        let parsed = || {
            let (address, prefix) = text.split_once('/')?;
            let prefix = prefix.parse().ok().filter(|p| *p <= 32 && !prefix.starts_with('+'))?;
            Some(Self { address: address.parse().ok()?, prefix })
        };
        parsed().ok_or_else(|| NotASubnet(text.to_owned()))
    }
}

impl TryFrom<String> for Subnet {
    type Error = NotASubnet;

    fn try_from(text: String) -> Result<Self, NotASubnet> {
        text.parse()
    }
}

impl From<Subnet> for String {
    fn from(subnet: Subnet) -> Self {
        subnet.to_string()
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    #[test]
    fn parses_what_bip_takes_and_nothing_else() {
        assert_eq!(subnet("172.17.0.1/16").to_string(), "172.17.0.1/16");
        assert_eq!(subnet("172.17.0.1/16").range().to_string(), "172.17.0.0/16");
        for bad in ["", "172.17.0.1", "172.17.0.1/33", "172.17.0.1/+8", "172.17.0/16", "fd00::1/64", "1.2.3.4/a"] {
            assert_eq!(bad.parse::<Subnet>().unwrap_err().to_string(), format!("invalid CIDR address: {bad}"));
        }
    }

    #[test]
    fn ranges_at_the_edges_of_the_prefix() {
        for (cidr, network, broadcast) in [
            ("10.1.2.3/8", "10.0.0.0", "10.255.255.255"),
            ("10.1.2.3/30", "10.1.2.0", "10.1.2.3"),
            ("10.1.2.3/32", "10.1.2.3", "10.1.2.3"),
            ("10.1.2.3/0", "0.0.0.0", "255.255.255.255"),
        ] {
            assert_eq!(subnet(cidr).network().to_string(), network, "{cidr}");
            assert_eq!(subnet(cidr).broadcast().to_string(), broadcast, "{cidr}");
        }
    }

    #[test]
    fn overlap_is_symmetric_and_sees_the_longer_prefix_inside_the_shorter() {
        for (a, b, expected) in [
            ("172.17.0.1/16", "172.17.5.0/24", true),
            ("172.17.0.1/16", "172.16.0.0/12", true),
            ("172.17.0.1/16", "172.18.0.0/16", false),
            ("10.0.0.0/8", "11.0.0.0/8", false),
            ("0.0.0.0/0", "192.168.1.1/32", true),
        ] {
            assert_eq!(subnet(a).overlaps(subnet(b)), expected, "{a} {b}");
            assert_eq!(subnet(b).overlaps(subnet(a)), expected, "{b} {a}");
        }
    }
}
