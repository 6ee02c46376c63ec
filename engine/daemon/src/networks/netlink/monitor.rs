//! Tells which links went away.

use super::{link, parse};
use netlink_packet_core::NetlinkPayload;
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use std::io;
use std::os::fd::{AsRawFd, RawFd};

const RTNLGRP_LINK: u32 = 1;

/// A socket on which the kernel announces changes of links.
#[derive(Debug)]
pub(in super::super) struct LinkMonitor {
    socket: Socket,
}

/// What was heard.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) enum Heard {
    /// Names of links that are gone.
    Gone(Vec<String>),
    /// The kernel dropped announcements: list the links.
    Overrun,
}

impl LinkMonitor {
    /// For the calling thread's network namespace.
    pub(in super::super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind(&SocketAddr::new(0, 0))?;
        socket.add_membership(RTNLGRP_LINK)?;
        socket.set_non_blocking(true)?;
        Ok(Self { socket })
    }

    /// Everything announced since the last call, without waiting. It reads until there is nothing left, also after an
    /// overrun: readiness is told only once.
    pub(in super::super) fn drain(&self) -> io::Result<Heard> {
        let mut gone = Vec::new();
        let mut overrun = false;
        loop {
            let bytes = match self.socket.recv_from_full() {
                Ok((bytes, _)) => bytes,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(if overrun { Heard::Overrun } else { Heard::Gone(gone) });
                }
                Err(e) if e.raw_os_error() == Some(nix::errno::Errno::ENOBUFS as i32) => {
                    overrun = true;
                    continue;
                }
                Err(e) => return Err(e),
            };
            for message in parse(&bytes)? {
                // A port that leaves its bridge is announced like this too, in the bridge's family, while the link
                // still exists.
                if let NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelLink(message)) = message.payload
                    && message.header.interface_family == AddressFamily::Unspec
                {
                    gone.extend(link::parsed(RouteNetlinkMessage::DelLink(message)).map(|link| link.name));
                }
            }
        }
    }
}

impl AsRawFd for LinkMonitor {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}
