//! IPv4 routes.

use super::super::subnet::Subnet;
use super::{Change, RouteSocket};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use std::io;
use std::net::Ipv4Addr;

/// Every IPv4 destination of the socket's namespace, of all tables, without the default route; each with its outgoing
/// link's index.
pub(in super::super) fn list(socket: &mut RouteSocket) -> io::Result<Vec<(Option<u32>, Subnet)>> {
    let mut request = RouteMessage::default();
    request.header.address_family = AddressFamily::Inet;
    let dump = socket.dump(RouteNetlinkMessage::GetRoute(request))?;
    Ok(dump.into_iter().filter_map(parsed).collect())
}

fn parsed(message: RouteNetlinkMessage) -> Option<(Option<u32>, Subnet)> {
    let RouteNetlinkMessage::NewRoute(message) = message else { return None };
    let prefix = message.header.destination_prefix_length;
    let mut link = None;
    let mut destination = None;
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(address)) if (1..=32).contains(&prefix) => {
                destination = Some(Subnet::new(*address, prefix));
            }
            RouteAttribute::Oif(index) => link = Some(*index),
            _ => {}
        }
    }
    Some((link, destination?))
}

/// The default route.
pub(in super::super) fn add_default(link: u32, gateway: Ipv4Addr) -> Change {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::Boot;
    message.header.scope = RouteScope::Universe;
    message.header.kind = RouteType::Unicast;
    message.attributes = vec![RouteAttribute::Gateway(RouteAddress::Inet(gateway)), RouteAttribute::Oif(link)];
    Change { message: RouteNetlinkMessage::NewRoute(message), flags: NLM_F_CREATE | NLM_F_EXCL }
}
