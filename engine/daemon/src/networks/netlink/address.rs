//! IPv4 addresses of links.

use super::super::subnet::Subnet;
use super::{Change, RouteSocket};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use std::io;
use std::net::IpAddr;

/// All IPv4 addresses of the socket's namespace, each with its link's index.
pub(in super::super) fn list(socket: &mut RouteSocket) -> io::Result<Vec<(u32, Subnet)>> {
    let mut request = AddressMessage::default();
    request.header.family = AddressFamily::Inet;
    let dump = socket.dump(RouteNetlinkMessage::GetAddress(request))?;
    Ok(dump.into_iter().filter_map(parsed).collect())
}

fn parsed(message: RouteNetlinkMessage) -> Option<(u32, Subnet)> {
    let RouteNetlinkMessage::NewAddress(message) = message else { return None };
    message.attributes.iter().find_map(|attribute| match attribute {
        // On a point-to-point link `Address` is the other side's.
        AddressAttribute::Local(IpAddr::V4(address)) => {
            Some((message.header.index, Subnet::new(*address, message.header.prefix_len)))
        }
        _ => None,
    })
}

/// Gives a link an address.
pub(in super::super) fn add(link: u32, address: Subnet) -> Change {
    let mut message = build(link, address);
    message.attributes.push(AddressAttribute::Broadcast(address.broadcast()));
    Change { message: RouteNetlinkMessage::NewAddress(message), flags: NLM_F_CREATE | NLM_F_EXCL }
}

/// Takes an address away.
pub(in super::super) fn remove(link: u32, address: Subnet) -> Change {
    Change { message: RouteNetlinkMessage::DelAddress(build(link, address)), flags: 0 }
}

fn build(link: u32, address: Subnet) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.prefix_len = address.prefix();
    message.header.index = link;
    message.attributes = vec![
        AddressAttribute::Local(IpAddr::V4(address.address())),
        AddressAttribute::Address(IpAddr::V4(address.address())),
    ];
    message
}
