//! Who has which address and link, from the making of a namespace until the kernel has deleted its link.
//!
//! ```text
//!            lease()             take()                     leave()                    gone()
//!  (free) ----------> preparing/ready ----------> attached ----------> leaving ----------> (free)
//!                          ^                          ^                   ^
//!                          | pool                     | adopt(): live     | orphan(): a link that an
//!                                                     | after a restart   | earlier daemon left
//! ```
//! An address is free again only when its link is gone: its last owner can't answer for it any more.

use super::endpoint::Endpoint;
use super::ipam::Ipam;
use super::namespace::Wanted;
use super::subnet::Subnet;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::time::Instant;

/// How many digits follow the prefix in a link's name; with it, 15 bytes, which is the most a name may have.
const DIGITS: u32 = 5;

/// A namespace that waits for a container.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) wanted: Wanted,
    pub(super) namespace: OwnedFd,
}

/// A container's endpoint and the descriptor that keeps its namespace until the container's processes do; none after
/// a restart.
#[derive(Debug)]
struct Attached {
    endpoint: Endpoint,
    namespace: Option<OwnedFd>,
}

/// A link that the kernel is to delete.
#[derive(Debug, Clone, Copy)]
struct Leaving {
    ip: Option<Ipv4Addr>,
    since: Option<Instant>,
}

/// All leases of a network.
#[derive(Debug)]
pub(super) struct Leases {
    prefix: String,
    next: u32,
    ipam: Ipam,
    names: HashSet<String>,
    attached: BTreeMap<String, Attached>,
    leaving: HashMap<String, Leaving>,
}

impl Leases {
    /// None yet.
    pub(super) fn new(engine_id: &str, gateway: Subnet) -> Self {
        Self {
            prefix: format!("hl{engine_id}"),
            next: 0,
            ipam: Ipam::new(gateway),
            names: HashSet::new(),
            attached: BTreeMap::new(),
            leaving: HashMap::new(),
        }
    }

    /// Whether a link's name is one of this engine's.
    pub(super) fn owns(&self, link: &str) -> bool {
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        link.strip_prefix(&self.prefix).is_some_and(|rest| rest.len() == DIGITS as usize && rest.bytes().all(digit))
    }

    /// An address and a link's name that nobody has. None: every address is leased.
    pub(super) fn lease(&mut self) -> Option<Wanted> {
        let ip = self.ipam.lease()?;
        // There are more names than addresses in any range that fits a bridge, so this ends.
        let host_link = loop {
            let name = format!("{}{:05x}", self.prefix, self.next);
            self.next = (self.next + 1) % (1 << (4 * DIGITS));
            if self.names.insert(name.clone()) {
                break name;
            }
        };
        Some(Wanted { ip, host_link })
    }

    /// A container takes a prepared namespace.
    pub(super) fn take(&mut self, endpoint: Endpoint, namespace: OwnedFd) {
        self.attached.insert(endpoint.id.clone(), Attached { endpoint, namespace: Some(namespace) });
    }

    /// A live container's endpoint, made by an earlier daemon. False: somebody has its address.
    pub(super) fn adopt(&mut self, endpoint: &Endpoint) -> bool {
        let claimed = self.ipam.claim(endpoint.ip);
        self.names.insert(endpoint.host_link.clone());
        let attached = Attached { endpoint: endpoint.clone(), namespace: None };
        self.attached.insert(endpoint.id.clone(), attached);
        claimed
    }

    /// A link of an earlier daemon that no live container has: to be deleted without waiting.
    pub(super) fn orphan(&mut self, link: String) {
        self.names.insert(link.clone());
        self.leaving.insert(link, Leaving { ip: None, since: None });
    }

    /// Its container is gone. The descriptor is for the caller to close, outside of locks.
    pub(super) fn leave(&mut self, endpoint: &Endpoint) -> Option<OwnedFd> {
        let attached = self.attached.remove(&endpoint.id)?;
        self.abandon(&Wanted { ip: attached.endpoint.ip, host_link: attached.endpoint.host_link });
        attached.namespace
    }

    /// A namespace that nobody will use.
    pub(super) fn abandon(&mut self, wanted: &Wanted) {
        let leaving = Leaving { ip: Some(wanted.ip), since: Some(Instant::now()) };
        self.leaving.insert(wanted.host_link.clone(), leaving);
    }

    /// The kernel has deleted this link.
    pub(super) fn gone(&mut self, link: &str) {
        if let Some(leaving) = self.leaving.remove(link) {
            self.names.remove(link);
            if let Some(ip) = leaving.ip {
                self.ipam.release(ip);
            }
        }
    }

    /// Links on their way out, and those of them that left before `deadline`.
    pub(super) fn leaving(&self, deadline: Instant) -> Vec<(String, bool)> {
        let late = |leaving: &Leaving| leaving.since.is_none_or(|since| since <= deadline);
        self.leaving.iter().map(|(name, leaving)| (name.clone(), late(leaving))).collect()
    }

    /// How many links are on their way out.
    pub(super) fn leaving_count(&self) -> usize {
        self.leaving.len()
    }

    /// Everybody's endpoint.
    pub(super) fn endpoints(&self) -> Vec<Endpoint> {
        self.attached.values().map(|attached| attached.endpoint.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leases() -> Leases {
        Leases::new("0a1b2c3d", "10.0.0.1/29".parse().unwrap())
    }

    #[test]
    fn an_address_is_free_only_when_its_link_is_gone() {
        let mut leases = leases();
        let all: Vec<_> = std::iter::from_fn(|| leases.lease()).collect();
        assert_eq!(all.len(), 5);
        leases.abandon(&all[2]);
        assert_eq!(leases.lease(), None, "its link still exists");
        leases.gone(&all[2].host_link);
        leases.gone(&all[2].host_link);
        assert_eq!(leases.lease().map(|w| w.ip), Some(all[2].ip));
        assert_eq!(leases.lease(), None);
    }

    #[test]
    fn only_links_of_this_engine_are_its_own() {
        let mut leases = leases();
        let name = leases.lease().unwrap().host_link;
        assert_eq!(name.len(), 15, "{name}");
        assert!(leases.owns(&name));
        for other in ["hull0", "hl0a1b2c3d", "hl0a1b2c3dxyz00", "hlffffffff00000", "eth0", "hl0a1b2c3d000000"] {
            assert!(!leases.owns(other), "{other}");
        }
    }

    #[test]
    fn an_orphan_is_late_at_once_and_gives_back_no_address() {
        let mut leases = leases();
        let wanted = leases.lease().unwrap();
        leases.abandon(&wanted);
        leases.orphan("hl0a1b2c3d00009".to_owned());
        let past = Instant::now().checked_sub(std::time::Duration::from_secs(60)).unwrap();
        let mut found = leases.leaving(past);
        found.sort();
        assert_eq!(found, [(wanted.host_link, false), ("hl0a1b2c3d00009".to_owned(), true)]);
    }
}
