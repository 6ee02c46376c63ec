//! The engine's nftables table, by netlink: no `nft` program is needed.
//!
//! ```text
//! table ip hull-<engine id> {
//!     chain postrouting { type nat hook postrouting priority srcnat;
//!         ip saddr <range> oifname != <bridge> masquerade }
//!     chain forward { type filter hook forward priority filter;
//!         oifname <bridge> ct state established,related accept
//!         iifname <bridge> accept
//!         oifname <bridge> drop }
//! }
//! ```

use super::encode::{Attributes, Expression, expressions};
use super::{BridgeRules, Firewall};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};
use std::io;

const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLM_F_CREATE: u16 = 0x400;
const NLM_F_APPEND: u16 = 0x800;
const NLMSG_ERROR: u16 = 2;

const NFNL_SUBSYS_NFTABLES: u16 = 10;
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;

const FAMILY_IPV4: u8 = 2;

/// What a message does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    NewTable = 0,
    DeleteTable = 2,
    NewChain = 3,
    NewRule = 6,
}

#[derive(Debug, PartialEq, Eq)]
struct Message {
    operation: Operation,
    attributes: Attributes,
}

/// Rules in a table named after the engine.
#[derive(Debug)]
pub(in super::super) struct Nftables {
    table: String,
}

impl Nftables {
    /// For this engine.
    pub(in super::super) fn new(engine_id: &str) -> Self {
        Self { table: format!("hull-{engine_id}") }
    }

    /// A table may only be deleted if it exists, and adding one that exists changes nothing: add, delete, add
    /// replaces it in any case.
    fn messages(&self, rules: &BridgeRules) -> Vec<Message> {
        use Expression::{Accept, Drop, EstablishedOrRelated, InLink, Masquerade, NotOutLink, OutLink, Source};
        const FORWARD: u32 = 2;
        const POSTROUTING: u32 = 4;
        let bridge = rules.bridge.as_str();
        vec![
            self.table(Operation::NewTable),
            self.table(Operation::DeleteTable),
            self.table(Operation::NewTable),
            self.chain("postrouting", "nat", POSTROUTING, 100),
            self.rule("postrouting", &[Source(rules.range), NotOutLink(bridge), Masquerade]),
            self.chain("forward", "filter", FORWARD, 0),
            self.rule("forward", &[OutLink(bridge), EstablishedOrRelated, Accept]),
            self.rule("forward", &[InLink(bridge), Accept]),
            self.rule("forward", &[OutLink(bridge), Drop]),
        ]
    }

    fn table(&self, operation: Operation) -> Message {
        Message { operation, attributes: Attributes::default().text(1, &self.table) }
    }

    fn chain(&self, name: &str, kind: &str, hook: u32, priority: u32) -> Message {
        let hook = Attributes::default().number(1, hook).number(2, priority);
        let attributes = Attributes::default().text(1, &self.table).text(3, name).nested(4, &hook).text(7, kind);
        Message { operation: Operation::NewChain, attributes }
    }

    fn rule(&self, chain: &str, of: &[Expression<'_>]) -> Message {
        let attributes = Attributes::default().text(1, &self.table).text(2, chain).nested(4, &expressions(of));
        Message { operation: Operation::NewRule, attributes }
    }
}

impl Firewall for Nftables {
    fn name(&self) -> &'static str {
        "nftables"
    }

    fn replace(&self, rules: &BridgeRules) -> io::Result<()> {
        commit(&self.messages(rules))
    }
}

/// Sends one transaction: all of it takes effect, or none.
fn commit(messages: &[Message]) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(2048);
    append(&mut bytes, BATCH_BEGIN, NLM_F_REQUEST, 0, 0, NFNL_SUBSYS_NFTABLES, &[]);
    for (sequence, message) in (1..).zip(messages) {
        let flags = match message.operation {
            Operation::DeleteTable => 0,
            Operation::NewTable | Operation::NewChain => NLM_F_CREATE,
            Operation::NewRule => NLM_F_CREATE | NLM_F_APPEND,
        };
        let kind = NFNL_SUBSYS_NFTABLES << 8 | message.operation as u16;
        let attributes = message.attributes.as_bytes();
        append(&mut bytes, kind, NLM_F_REQUEST | NLM_F_ACK | flags, sequence, FAMILY_IPV4, 0, attributes);
    }
    append(&mut bytes, BATCH_END, NLM_F_REQUEST, 0, 0, NFNL_SUBSYS_NFTABLES, &[]);

    let socket = Socket::new(NETLINK_NETFILTER)?;
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.set_cap_ack(true)?;
    socket.send(&bytes, 0)?;
    let mut acknowledged = 0;
    while acknowledged < messages.len() {
        let (answers, _) = socket.recv_from_full()?;
        acknowledged += acknowledgements(&answers)?;
    }
    Ok(())
}

fn append(bytes: &mut Vec<u8>, kind: u16, flags: u16, sequence: u32, family: u8, resource: u16, attributes: &[u8]) {
    const HEADERS: usize = 16 + 4;
    let length = u32::try_from(HEADERS + attributes.len()).expect("a message is shorter than 4 GiB");
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend([family, 0]);
    bytes.extend(resource.to_be_bytes());
    bytes.extend(attributes);
}

/// How many messages a datagram acknowledges; the first refusal is an error.
fn acknowledgements(mut bytes: &[u8]) -> io::Result<usize> {
    let short = || io::Error::new(io::ErrorKind::InvalidData, "a netlink answer is cut short");
    let number = |at: &[u8]| at.try_into().map(u32::from_ne_bytes).map_err(|_| short());
    let mut count = 0;
    while !bytes.is_empty() {
        let length = number(bytes.get(..4).ok_or_else(short)?)? as usize;
        let message = bytes.get(..length).filter(|m| m.len() >= 20).ok_or_else(short)?;
        if u16::from_ne_bytes([message[4], message[5]]) == NLMSG_ERROR {
            match number(&message[16..20])?.cast_signed() {
                0 => count += 1,
                code => return Err(io::Error::from_raw_os_error(-code)),
            }
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_and_a_refusal_is_an_error() {
        let answer = |code: i32| {
            let mut bytes = Vec::new();
            append(&mut bytes, NLMSG_ERROR, 0, 1, 0, 0, &[0; 16]);
            bytes[16..20].copy_from_slice(&code.to_ne_bytes());
            bytes
        };
        assert_eq!(acknowledgements(&[answer(0), answer(0)].concat()).unwrap(), 2);
        let refused = acknowledgements(&[answer(0), answer(-2)].concat()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::NotFound);
        assert!(acknowledgements(&answer(0)[..18]).is_err());
    }

    #[test]
    fn the_table_is_replaced_before_its_chains_are_made() {
        let rules = BridgeRules { bridge: "hull0".to_owned(), range: "172.17.0.0/16".parse().unwrap() };
        let operations: Vec<_> = Nftables::new("0a1b2c3d").messages(&rules).iter().map(|m| m.operation).collect();
        use Operation::{DeleteTable, NewChain, NewRule, NewTable};
        assert_eq!(
            operations,
            [NewTable, DeleteTable, NewTable, NewChain, NewRule, NewChain, NewRule, NewRule, NewRule]
        );
    }
}
