//! Makes one network namespace, ready for a container.
//!
//! Only a thread can enter a new network namespace, and it takes nothing with it but itself: the daemon's other
//! threads stay where they are. That thread leaves again before anybody uses the namespace. What keeps a namespace
//! alive is a descriptor, later the container's processes; never a mount. So whatever happens to the daemon, `kill
//! -9` included, the kernel takes every unused namespace back, with its links.

use super::endpoint::Mac;
use super::error::NetworkError;
use super::netlink::{RouteSocket, address, link, route};
use super::subnet::Subnet;
use nix::sched::{CloneFlags, setns, unshare};
use std::fs::{self, File};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, OwnedFd};

/// The interface's name in a container.
pub(super) const INTERFACE: &str = "eth0";

const LOOPBACK_INDEX: u32 = 1;

/// Makes namespaces on the thread that owns it.
#[derive(Debug)]
pub(super) struct NamespaceMaker {
    home: OwnedFd,
    /// Opened at home, so it works there from anywhere.
    socket: RouteSocket,
    bridge: u32,
    gateway: Subnet,
}

/// What a namespace is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) ip: Ipv4Addr,
    pub(super) host_link: String,
}

impl NamespaceMaker {
    /// For the calling thread, whose network namespace is the host's.
    pub(super) fn new(bridge: u32, gateway: Subnet) -> Result<Self, NetworkError> {
        let home = current().map_err(NetworkError::kernel("open", "the network namespace"))?;
        let socket = RouteSocket::open().map_err(NetworkError::kernel("open", "rtnetlink"))?;
        Ok(Self { home, socket, bridge, gateway })
    }

    /// A new namespace: loopback up, `eth0` with its address and the default route, its other end in the bridge.
    pub(super) fn make(&mut self, wanted: &Wanted) -> Result<OwnedFd, NetworkError> {
        unshare(CloneFlags::CLONE_NEWNET)
            .map_err(io::Error::from)
            .map_err(NetworkError::kernel("create", "a network namespace"))?;
        let result = self.furnish(wanted);
        // A thread that stayed would keep the namespace alive after its container, and make the next one a child of it.
        setns(&self.home, CloneFlags::CLONE_NEWNET)
            .map_err(io::Error::from)
            .map_err(NetworkError::kernel("return to", "the host's network namespace"))?;
        result
    }

    fn furnish(&mut self, wanted: &Wanted) -> Result<OwnedFd, NetworkError> {
        let namespace = current().map_err(NetworkError::kernel("open", "the new network namespace"))?;
        let mut inside = RouteSocket::open().map_err(NetworkError::kernel("open", "rtnetlink in the new namespace"))?;
        let peer = link::PeerEnd { name: INTERFACE, mac: Mac::of(wanted.ip), namespace: namespace.as_fd() };
        self.socket
            .change(vec![link::add_pair(&wanted.host_link, self.bridge, &peer)])
            .map_err(NetworkError::kernel("create the link", &wanted.host_link))?;
        without_ipv6();
        let index = nix::net::if_::if_nametoindex(INTERFACE)
            .map_err(io::Error::from)
            .map_err(NetworkError::kernel("find", INTERFACE))?;
        inside
            .change(vec![
                link::set_up(LOOPBACK_INDEX),
                link::set_up(index),
                address::add(index, Subnet::new(wanted.ip, self.gateway.prefix())),
                route::add_default(index, self.gateway.address()),
            ])
            .map_err(NetworkError::kernel("configure the link", &wanted.host_link))?;
        Ok(namespace)
    }
}

/// Gives the interface of a prepared namespace another hardware address. On a thread of its own, which goes there and ends there.
pub(super) fn set_mac(namespace: &OwnedFd, mac: Mac) -> io::Result<()> {
    let change = || {
        setns(namespace, CloneFlags::CLONE_NEWNET).map_err(io::Error::from)?;
        let index = nix::net::if_::if_nametoindex(INTERFACE).map_err(io::Error::from)?;
        RouteSocket::open()?.change(vec![link::set_address(index, mac)])
    };
    std::thread::scope(|scope| scope.spawn(change).join()).unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
}

/// The default bridge has no IPv6, so its containers get none: not even a link-local address, which would cost
/// neighbour discovery at each start.
fn without_ipv6() {
    // A kernel without IPv6 has no such file, and that is as well.
    let _ = fs::write(format!("/proc/sys/net/ipv6/conf/{INTERFACE}/disable_ipv6"), "1");
}

/// The calling thread's network namespace.
pub(super) fn current() -> io::Result<OwnedFd> {
    File::open("/proc/thread-self/ns/net").map(OwnedFd::from)
}
