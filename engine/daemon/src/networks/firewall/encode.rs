//! nftables' netlink messages, as far as the engine's rules need them.
//!
//! Attributes are type-length-value, aligned to four bytes and nested; numbers are big-endian. A rule is a list of
//! expressions that load a value into a register, compare it, and end in a verdict; the first comparison that fails
//! ends the rule. (`linux/netfilter/nf_tables.h`)

use super::super::subnet::Subnet;

const NESTED: u16 = 0x8000;
const REGISTER: u32 = 1;
const VERDICT_REGISTER: u32 = 0;

/// The attributes of one level.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Attributes(Vec<u8>);

impl Attributes {
    /// Adds raw bytes.
    pub(super) fn bytes(mut self, kind: u16, value: &[u8]) -> Self {
        let length = u16::try_from(value.len() + 4).expect("an attribute is shorter than 64 KiB");
        self.0.extend(length.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// Adds a C string.
    pub(super) fn text(self, kind: u16, value: &str) -> Self {
        let mut bytes = value.as_bytes().to_vec();
        bytes.push(0);
        self.bytes(kind, &bytes)
    }

    /// Adds a number.
    pub(super) fn number(self, kind: u16, value: u32) -> Self {
        self.bytes(kind, &value.to_be_bytes())
    }

    /// Adds a lower level.
    pub(super) fn nested(self, kind: u16, inner: &Self) -> Self {
        self.bytes(kind | NESTED, &inner.0)
    }

    /// The encoded level.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// One expression of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expression<'a> {
    /// The packet came in through this link.
    InLink(&'a str),
    /// The packet goes out through this link.
    OutLink(&'a str),
    /// It goes out through any other.
    NotOutLink(&'a str),
    /// The source address is in the range.
    Source(Subnet),
    /// It belongs to, or is caused by, a connection that has been answered.
    EstablishedOrRelated,
    /// Replace the source address with the outgoing link's.
    Masquerade,
    /// Let it pass.
    Accept,
    /// Let it not.
    Drop,
}

/// The attribute that holds a rule's expressions.
pub(super) fn expressions(of: &[Expression<'_>]) -> Attributes {
    const LIST_ELEMENT: u16 = 1;
    of.iter()
        .flat_map(|expression| expression.steps())
        .fold(Attributes::default(), |list, step| list.nested(LIST_ELEMENT, &step))
}

impl Expression<'_> {
    fn steps(&self) -> Vec<Attributes> {
        const META_IIFNAME: u32 = 6;
        const META_OIFNAME: u32 = 7;
        match *self {
            Self::InLink(name) => vec![meta(META_IIFNAME), compare(Compare::Equal, &link_name(name))],
            Self::OutLink(name) => vec![meta(META_OIFNAME), compare(Compare::Equal, &link_name(name))],
            Self::NotOutLink(name) => vec![meta(META_OIFNAME), compare(Compare::NotEqual, &link_name(name))],
            Self::Source(range) => vec![
                source_address(),
                mask(range.mask().to_be_bytes()),
                compare(Compare::Equal, &range.network().octets()),
            ],
            Self::EstablishedOrRelated => {
                // 1 << (IP_CT_ESTABLISHED + 1) | 1 << (IP_CT_RELATED + 1), in the machine's order: it is a value in a
                // register, not in a packet.
                let states: u32 = 1 << 1 | 1 << 2;
                vec![connection_state(), mask(states.to_ne_bytes()), compare(Compare::NotEqual, &[0; 4])]
            }
            Self::Masquerade => vec![Attributes::default().text(1, "masq")],
            Self::Accept => vec![verdict(1)],
            Self::Drop => vec![verdict(0)],
        }
    }
}

#[derive(Clone, Copy)]
enum Compare {
    Equal = 0,
    NotEqual = 1,
}

fn expression(name: &str, data: &Attributes) -> Attributes {
    Attributes::default().text(1, name).nested(2, data)
}

fn meta(key: u32) -> Attributes {
    expression("meta", &Attributes::default().number(1, REGISTER).number(2, key))
}

fn source_address() -> Attributes {
    const NETWORK_HEADER: u32 = 1;
    const OFFSET: u32 = 12;
    let data = Attributes::default().number(1, REGISTER).number(2, NETWORK_HEADER).number(3, OFFSET).number(4, 4);
    expression("payload", &data)
}

fn connection_state() -> Attributes {
    const STATE: u32 = 0;
    expression("ct", &Attributes::default().number(1, REGISTER).number(2, STATE))
}

fn mask(bits: [u8; 4]) -> Attributes {
    let data = Attributes::default()
        .number(1, REGISTER)
        .number(2, REGISTER)
        .number(3, 4)
        .nested(4, &value(&bits))
        .nested(5, &value(&[0; 4]));
    expression("bitwise", &data)
}

fn compare(operation: Compare, with: &[u8]) -> Attributes {
    let data = Attributes::default().number(1, REGISTER).number(2, operation as u32).nested(3, &value(with));
    expression("cmp", &data)
}

fn verdict(code: u32) -> Attributes {
    let verdict = Attributes::default().number(1, code);
    let data = Attributes::default().nested(2, &verdict);
    expression("immediate", &Attributes::default().number(1, VERDICT_REGISTER).nested(2, &data))
}

fn value(bytes: &[u8]) -> Attributes {
    Attributes::default().bytes(1, bytes)
}

/// The kernel compares the whole 16 bytes of a name.
fn link_name(name: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    let length = name.len().min(15);
    bytes[..length].copy_from_slice(&name.as_bytes()[..length]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_aligned_and_their_length_is_not() {
        let encoded = Attributes::default().text(1, "abcd").number(2, 0x0102_0304);
        let mut expected = Vec::new();
        expected.extend(9_u16.to_ne_bytes());
        expected.extend(1_u16.to_ne_bytes());
        expected.extend(b"abcd\0\0\0\0");
        expected.extend(8_u16.to_ne_bytes());
        expected.extend(2_u16.to_ne_bytes());
        expected.extend([1, 2, 3, 4]);
        assert_eq!(encoded.as_bytes(), expected);
    }

    #[test]
    fn a_rule_is_one_list_element_for_each_step() {
        let range: Subnet = "172.17.0.1/16".parse().unwrap();
        let rule = expressions(&[Expression::Source(range), Expression::NotOutLink("hull0"), Expression::Masquerade]);
        let mut names = Vec::new();
        let mut rest = rule.as_bytes();
        while !rest.is_empty() {
            let length = usize::from(u16::from_ne_bytes([rest[0], rest[1]]));
            assert_eq!(u16::from_ne_bytes([rest[2], rest[3]]), 1 | NESTED);
            let name = &rest[8..4 + usize::from(u16::from_ne_bytes([rest[4], rest[5]]))];
            names.push(String::from_utf8(name[..name.len() - 1].to_vec()).unwrap());
            rest = &rest[length.next_multiple_of(4)..];
        }
        assert_eq!(names, ["payload", "bitwise", "cmp", "meta", "cmp", "masq"]);
    }
}
