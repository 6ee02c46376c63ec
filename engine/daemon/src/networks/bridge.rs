//! The default bridge's link: made, or adopted from an earlier daemon.
//!
//! Several engines may live in one network namespace. Each writes its id into its bridge's alias and leaves every
//! bridge alone that doesn't carry it. The bridge outlives the daemon, since containers do.

use super::endpoint::Mac;
use super::error::NetworkError;
use super::netlink::link::Link;
use super::netlink::{RouteSocket, address, link, route};
use super::range;
use super::subnet::Subnet;
use std::io;

/// The usual name.
const NAME: &str = "hull0";

/// A bridge that is up and has its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bridge {
    pub(super) name: String,
    pub(super) index: u32,
    pub(super) gateway: Subnet,
}

/// Makes the engine's bridge ready. `previous` is the address that it had.
pub(super) fn ensure(engine_id: &str, bip: Option<Subnet>, previous: Option<Subnet>) -> Result<Bridge, NetworkError> {
    let mut socket = RouteSocket::open().map_err(NetworkError::kernel("open", "rtnetlink"))?;
    let existing = find(&mut socket, engine_id)?;
    let existing_index = existing.as_ref().map(|link| link.index);
    let gateway = range::choose(bip, previous, &taken(&mut socket, existing_index)?)?;
    let found = match existing {
        Some(link) => link,
        None => create(&mut socket, engine_id, Mac::of(gateway.address()))?,
    };
    address_it(&mut socket, &found, gateway)?;
    Ok(Bridge { name: found.name, index: found.index, gateway })
}

fn note(engine_id: &str) -> String {
    format!("hull {engine_id}")
}

fn find(socket: &mut RouteSocket, engine_id: &str) -> Result<Option<Link>, NetworkError> {
    let links = link::list(socket).map_err(NetworkError::kernel("list", "links"))?;
    let note = note(engine_id);
    Ok(links.into_iter().find(|link| link.is_bridge && link.alias.as_deref() == Some(&note)))
}

/// Ranges that others use.
fn taken(socket: &mut RouteSocket, own: Option<u32>) -> Result<Vec<Subnet>, NetworkError> {
    let addresses = address::list(socket).map_err(NetworkError::kernel("list", "addresses"))?;
    let routes = route::list(socket).map_err(NetworkError::kernel("list", "routes"))?;
    let addresses = addresses.into_iter().map(|(index, subnet)| (Some(index), subnet));
    Ok(addresses.chain(routes).filter(|(link, _)| link.is_none() || *link != own).map(|(_, subnet)| subnet).collect())
}

fn create(socket: &mut RouteSocket, engine_id: &str, mac: Mac) -> Result<Link, NetworkError> {
    // Fifteen bytes are the most that a link's name may have.
    let own = format!("hull-{engine_id}");
    for name in [NAME, &own] {
        match socket.change(vec![link::add_bridge(name, mac)]) {
            Ok(()) => {}
            // Somebody else's.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(e) => return Err(NetworkError::kernel("create the bridge", name)(e)),
        }
        let links = link::list(socket).map_err(NetworkError::kernel("list", "links"))?;
        let made = links.into_iter().find(|link| link.name == name).ok_or(io::ErrorKind::NotFound.into());
        let made = made.map_err(NetworkError::kernel("find the bridge", name))?;
        socket
            .change(vec![link::set_alias(made.index, &note(engine_id))])
            .map_err(NetworkError::kernel("mark the bridge", name))?;
        return Ok(made);
    }
    Err(NetworkError::kernel("create the bridge", own)(io::ErrorKind::AlreadyExists.into()))
}

/// The bridge has this address and no other, and is up.
fn address_it(socket: &mut RouteSocket, bridge: &Link, gateway: Subnet) -> Result<(), NetworkError> {
    let failed = |operation| NetworkError::kernel(operation, &bridge.name);
    let mut has = false;
    for (index, address) in address::list(socket).map_err(failed("list the addresses of"))? {
        if index != bridge.index {
            continue;
        }
        if address == gateway {
            has = true;
        } else {
            socket.change(vec![address::remove(index, address)]).map_err(failed("remove an address of"))?;
        }
    }
    if !has {
        socket.change(vec![address::add(bridge.index, gateway)]).map_err(failed("give an address to"))?;
    }
    socket.change(vec![link::set_up(bridge.index)]).map_err(failed("bring up"))
}
