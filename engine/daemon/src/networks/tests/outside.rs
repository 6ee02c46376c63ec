//! A network namespace that plays the world, connected to the one that plays the host.

use super::*;
use netlink::link::PeerEnd;
use std::os::fd::AsFd;

/// The world. It has no route to containers' addresses.
pub(super) struct Outside {
    namespace: OwnedFd,
}

impl Outside {
    pub(super) const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
    pub(super) const HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

    pub(super) fn new() -> Self {
        let made = std::thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            namespace::current().unwrap()
        });
        let outside = Self { namespace: made.join().unwrap() };
        let mut socket = RouteSocket::open().unwrap();
        let peer = PeerEnd { name: "eth0", mac: Mac::of(Self::ADDRESS), namespace: outside.namespace.as_fd() };
        socket.change(vec![link::add_pair("world", 0, &peer)]).unwrap();
        let index = nix::net::if_::if_nametoindex("world").unwrap();
        socket.change(vec![address::add(index, Subnet::new(Self::HOST, 24))]).unwrap();
        outside.inside(|| {
            let mut socket = RouteSocket::open().unwrap();
            let index = nix::net::if_::if_nametoindex("eth0").unwrap();
            socket.change(vec![link::set_up(index), address::add(index, Subnet::new(Self::ADDRESS, 24))]).unwrap();
        });
        outside
    }

    pub(super) fn inside<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let path = format!("/proc/{}/fd/{}", std::process::id(), self.namespace.as_raw_fd());
        inside(Path::new(&path), work).join().unwrap()
    }
}
