//! Addresses of a range, each leased to at most one endpoint.

use super::subnet::Subnet;
use std::collections::HashSet;
use std::net::Ipv4Addr;

/// The leases of a network. They are not written anywhere: containers keep their endpoints, and each is taken in
/// again after a restart.
#[derive(Debug)]
pub(super) struct Ipam {
    gateway: Subnet,
    leased: HashSet<Ipv4Addr>,
    last: u32,
}

impl Ipam {
    /// All addresses of the gateway's range are free but its own.
    pub(super) fn new(gateway: Subnet) -> Self {
        Self { gateway, leased: HashSet::new(), last: gateway.network().into() }
    }

    /// The next free address after the last one given, around the range: an address rests for as long as possible
    /// before somebody else gets it, so that late packets and tracked connections of its last owner find nobody.
    pub(super) fn lease(&mut self) -> Option<Ipv4Addr> {
        let first = u32::from(self.gateway.network()).checked_add(1)?;
        let end = u32::from(self.gateway.broadcast()); // exclusive: the broadcast address is nobody's
        let from = self.last.saturating_add(1).max(first);
        let free =
            (from..end).chain(first..from.min(end)).map(Ipv4Addr::from).find(|address| self.is_free(*address))?;
        self.last = free.into();
        self.leased.insert(free);
        Some(free)
    }

    /// Takes a particular address, which a live container has. False when somebody has it already.
    pub(super) fn claim(&mut self, address: Ipv4Addr) -> bool {
        let free = self.is_free(address);
        if free {
            self.leased.insert(address);
        }
        free
    }

    /// Gives an address back.
    pub(super) fn release(&mut self, address: Ipv4Addr) {
        self.leased.remove(&address);
    }

    fn is_free(&self, address: Ipv4Addr) -> bool {
        address != self.gateway.address() && !self.leased.contains(&address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ipam(cidr: &str) -> Ipam {
        Ipam::new(cidr.parse().unwrap())
    }

    #[test]
    fn skips_network_gateway_broadcast_and_ends_when_full() {
        let mut small = ipam("10.0.0.2/29");
        let all: Vec<u8> = std::iter::from_fn(|| small.lease()).map(|a| a.octets()[3]).collect();
        assert_eq!(all, [1, 3, 4, 5, 6]);
        small.release(Ipv4Addr::new(10, 0, 0, 4));
        assert_eq!(small.lease(), Some(Ipv4Addr::new(10, 0, 0, 4)));
        assert_eq!(small.lease(), None);
        assert_eq!(ipam("10.0.0.1/32").lease(), None);
        assert_eq!(ipam("255.255.255.1/24").lease(), Some(Ipv4Addr::new(255, 255, 255, 2)));
    }

    #[test]
    fn an_address_rests_before_it_is_given_again() {
        let mut range = ipam("172.17.0.1/16");
        let first = range.lease().unwrap();
        range.release(first);
        assert_ne!(range.lease(), Some(first));
    }

    #[test]
    fn a_claimed_address_is_not_given() {
        let mut range = ipam("172.17.0.1/16");
        let second = Ipv4Addr::new(172, 17, 0, 2);
        assert!(range.claim(second));
        assert!(!range.claim(second));
        assert!(!range.claim(Ipv4Addr::new(172, 17, 0, 1)), "the gateway's own");
        assert_eq!(range.lease(), Some(Ipv4Addr::new(172, 17, 0, 3)));
    }

    proptest! {
        #[test]
        fn no_address_is_ever_given_twice(steps in proptest::collection::vec((any::<bool>(), 0_usize..30), 1..300)) {
            let mut range = ipam("10.9.8.1/27");
            let mut held = Vec::new();
            for (take, which) in steps {
                if take {
                    match range.lease() {
                        Some(address) => {
                            prop_assert!(!held.contains(&address));
                            held.push(address);
                        }
                        None => prop_assert_eq!(held.len(), 29),
                    }
                } else if !held.is_empty() {
                    range.release(held.swap_remove(which % held.len()));
                }
            }
        }
    }
}
