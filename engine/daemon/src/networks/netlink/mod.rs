//! The kernel's configuration of links, addresses and routes, by rtnetlink.
//!
//! A socket belongs to the network namespace in which its thread opened it, for good: a thread that has changed its
//! namespace can go on using the sockets it opened before. All calls block, and many wait for the kernel's one `rtnl`
//! lock, which the deletion of a link holds for 10 ms and more: nothing here may be called while a user waits.

pub(super) mod address;
pub(super) mod link;
pub(super) mod monitor;
pub(super) mod route;

use netlink_packet_core::{NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkBuffer, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use std::io;

/// A change to be made: the message and its flags beyond REQUEST and ACK.
#[derive(Debug)]
pub(super) struct Change {
    message: RouteNetlinkMessage,
    flags: u16,
}

/// A socket for requests.
#[derive(Debug)]
pub(super) struct RouteSocket {
    socket: Socket,
    sequence: u32,
}

impl RouteSocket {
    /// Opens a socket in the calling thread's network namespace.
    pub(super) fn open() -> io::Result<Self> {
        let socket = Socket::new(NETLINK_ROUTE)?;
        socket.connect(&SocketAddr::new(0, 0))?;
        // Without it the kernel sends each failed request back whole.
        socket.set_cap_ack(true)?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Makes changes, in order, with one message to the kernel. It goes on after a failed one; the first error is
    /// returned.
    pub(super) fn change(&mut self, changes: Vec<Change>) -> io::Result<()> {
        let first = self.sequence.wrapping_add(1);
        let count = changes.len();
        let mut bytes = Vec::with_capacity(512);
        for change in changes {
            self.append(&mut bytes, change.message, change.flags | NLM_F_ACK);
        }
        self.socket.send(&bytes, 0)?;
        let mut acknowledged = 0;
        let mut result = Ok(());
        while acknowledged < count {
            for message in self.receive()? {
                // An answer to an earlier request that was given up.
                if message.header.sequence_number.wrapping_sub(first) >= u32::try_from(count).unwrap_or(u32::MAX) {
                    continue;
                }
                if let NetlinkPayload::Error(answer) = message.payload {
                    acknowledged += 1;
                    if answer.code.is_some() && result.is_ok() {
                        result = Err(answer.to_io());
                    }
                }
            }
        }
        result
    }

    /// All objects of a kind.
    pub(super) fn dump(&mut self, request: RouteNetlinkMessage) -> io::Result<Vec<RouteNetlinkMessage>> {
        let mut bytes = Vec::with_capacity(64);
        self.append(&mut bytes, request, NLM_F_DUMP);
        self.socket.send(&bytes, 0)?;
        let mut objects = Vec::new();
        loop {
            for message in self.receive()? {
                if message.header.sequence_number != self.sequence {
                    continue;
                }
                match message.payload {
                    NetlinkPayload::InnerMessage(object) => objects.push(object),
                    NetlinkPayload::Done(_) => return Ok(objects),
                    NetlinkPayload::Error(answer) => return Err(answer.to_io()),
                    _ => {}
                }
            }
        }
    }

    fn append(&mut self, bytes: &mut Vec<u8>, message: RouteNetlinkMessage, flags: u16) {
        self.sequence = self.sequence.wrapping_add(1);
        let mut message = NetlinkMessage::from(message);
        message.header.flags = NLM_F_REQUEST | flags;
        message.header.sequence_number = self.sequence;
        message.finalize();
        let start = bytes.len();
        // Messages are aligned to four bytes within one buffer.
        bytes.resize(start + message.buffer_len().next_multiple_of(4), 0);
        message.serialize(&mut bytes[start..]);
    }

    fn receive(&self) -> io::Result<Vec<NetlinkMessage<RouteNetlinkMessage>>> {
        let (bytes, _) = self.socket.recv_from_full()?;
        parse(&bytes)
    }
}

/// The messages of one datagram.
fn parse(mut bytes: &[u8]) -> io::Result<Vec<NetlinkMessage<RouteNetlinkMessage>>> {
    let invalid = |e| io::Error::new(io::ErrorKind::InvalidData, e);
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let length = NetlinkBuffer::new_checked(bytes).map_err(invalid)?.length() as usize;
        messages.push(NetlinkMessage::deserialize(&bytes[..length]).map_err(invalid)?);
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(messages)
}
