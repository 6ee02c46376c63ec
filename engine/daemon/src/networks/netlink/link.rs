//! Links: the bridge and pairs of virtual ethernet devices.

use super::super::endpoint::Mac;
use super::{Change, RouteSocket};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    InfoBridge, InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// A link of the namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Link {
    pub(in super::super) index: u32,
    pub(in super::super) name: String,
    /// A note that its maker left on it.
    pub(in super::super) alias: Option<String>,
    pub(in super::super) is_bridge: bool,
}

/// One end of a pair.
#[derive(Debug)]
pub(in super::super) struct PeerEnd<'a> {
    pub(in super::super) name: &'a str,
    pub(in super::super) mac: Mac,
    pub(in super::super) namespace: BorrowedFd<'a>,
}

/// All links of the socket's namespace.
pub(in super::super) fn list(socket: &mut RouteSocket) -> io::Result<Vec<Link>> {
    let dump = socket.dump(RouteNetlinkMessage::GetLink(LinkMessage::default()))?;
    Ok(dump.into_iter().filter_map(parsed).collect())
}

pub(super) fn parsed(message: RouteNetlinkMessage) -> Option<Link> {
    let (RouteNetlinkMessage::NewLink(message) | RouteNetlinkMessage::DelLink(message)) = message else { return None };
    let mut link = Link { index: message.header.index, name: String::new(), alias: None, is_bridge: false };
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::IfAlias(alias) => link.alias = Some(alias),
            LinkAttribute::LinkInfo(info) => {
                link.is_bridge = info.iter().any(|i| matches!(i, LinkInfo::Kind(InfoKind::Bridge)));
            }
            _ => {}
        }
    }
    Some(link)
}

/// A new bridge.
pub(in super::super) fn add_bridge(name: &str, mac: Mac) -> Change {
    // Nobody routes multicast between containers of one host; snooping would only add timers and work for every port
    // that comes or goes.
    let data = InfoData::Bridge(vec![InfoBridge::MulticastSnooping(false)]);
    create(message(vec![
        LinkAttribute::IfName(name.to_owned()),
        // A bridge without an address of its own takes the lowest of its ports', and changes it when that port goes.
        LinkAttribute::Address(mac.octets().to_vec()),
        LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge), LinkInfo::Data(data)]),
    ]))
}

/// A new pair: `name` here, up and in the bridge; the other end in another namespace, down (it can't go up before the
/// pair is complete: ENOTCONN).
pub(in super::super) fn add_pair(name: &str, bridge: u32, peer: &PeerEnd<'_>) -> Change {
    let peer = message(vec![
        LinkAttribute::IfName(peer.name.to_owned()),
        LinkAttribute::Address(peer.mac.octets().to_vec()),
        LinkAttribute::NetNsFd(peer.namespace.as_raw_fd()),
    ]);
    let data = InfoData::Veth(InfoVeth::Peer(peer));
    create(up(message(vec![
        LinkAttribute::IfName(name.to_owned()),
        LinkAttribute::Controller(bridge),
        LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Veth), LinkInfo::Data(data)]),
    ])))
}

/// Brings a link up.
pub(in super::super) fn set_up(index: u32) -> Change {
    let mut message = up(LinkMessage::default());
    message.header.index = index;
    Change { message: RouteNetlinkMessage::SetLink(message), flags: 0 }
}

/// Gives a link another hardware address.
pub(in super::super) fn set_address(index: u32, mac: Mac) -> Change {
    let mut message = message(vec![LinkAttribute::Address(mac.octets().to_vec())]);
    message.header.index = index;
    Change { message: RouteNetlinkMessage::SetLink(message), flags: 0 }
}

/// Puts a link into a bridge.
pub(in super::super) fn set_bridge(index: u32, bridge: u32) -> Change {
    let mut message = up(message(vec![LinkAttribute::Controller(bridge)]));
    message.header.index = index;
    Change { message: RouteNetlinkMessage::SetLink(message), flags: 0 }
}

/// Leaves a note on a link.
pub(in super::super) fn set_alias(index: u32, alias: &str) -> Change {
    let mut message = message(vec![LinkAttribute::IfAlias(alias.to_owned())]);
    message.header.index = index;
    Change { message: RouteNetlinkMessage::SetLink(message), flags: 0 }
}

/// Deletes a link and, of a pair, the other end too.
pub(in super::super) fn delete(name: &str) -> Change {
    let message = message(vec![LinkAttribute::IfName(name.to_owned())]);
    Change { message: RouteNetlinkMessage::DelLink(message), flags: 0 }
}

fn message(attributes: Vec<LinkAttribute>) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.attributes = attributes;
    message
}

fn up(mut message: LinkMessage) -> LinkMessage {
    message.header.flags |= LinkFlags::Up;
    message.header.change_mask |= LinkFlags::Up;
    message
}

fn create(message: LinkMessage) -> Change {
    Change { message: RouteNetlinkMessage::NewLink(message), flags: NLM_F_CREATE | NLM_F_EXCL }
}
