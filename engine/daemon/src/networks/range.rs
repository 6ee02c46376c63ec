//! Which range the default bridge gets.

use super::error::NetworkError;
use super::subnet::Subnet;
use std::net::Ipv4Addr;

/// The bridge's address and range: `--bip`, else the one it had, else the first of 172.17.0.0/16 to 172.31.0.0/16 that
/// nothing on this host uses.
pub(super) fn choose(bip: Option<Subnet>, previous: Option<Subnet>, taken: &[Subnet]) -> Result<Subnet, NetworkError> {
    let overlaps = |range: Subnet| taken.iter().find(|t| t.overlaps(range));
    if let Some(bip) = bip {
        if bip.prefix() > 30 || bip.address() == bip.network() || bip.address() == bip.broadcast() {
            return Err(NetworkError::UnusableBip(bip));
        }
        // The administrator said so, and may know that the other one is idle.
        if let Some(other) = overlaps(bip) {
            tracing::warn!(%bip, %other, "the range of --bip overlaps one that this host uses");
        }
        return Ok(bip);
    }
    let defaults = (17..=31).map(|second| Subnet::new(Ipv4Addr::new(172, second, 0, 1), 16));
    previous.into_iter().chain(defaults).find(|range| overlaps(*range).is_none()).ok_or(NetworkError::NoRange)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnets(texts: &[&str]) -> Vec<Subnet> {
        texts.iter().map(|t| t.parse().unwrap()).collect()
    }

    #[test]
    fn choices_by_table() {
        for (bip, previous, taken, expected) in [
            (None, None, &[][..], "172.17.0.1/16"),
            (None, None, &["192.0.2.2/24"], "172.17.0.1/16"),
            (None, None, &["172.17.9.0/24"], "172.18.0.1/16"),
            (None, None, &["172.16.0.0/15", "172.18.0.1/32"], "172.19.0.1/16"),
            (None, Some("172.20.0.1/16"), &[], "172.20.0.1/16"),
            (None, Some("172.20.0.1/16"), &["172.20.0.0/16"], "172.17.0.1/16"),
            (Some("10.1.1.1/24"), Some("172.20.0.1/16"), &[], "10.1.1.1/24"),
            (Some("10.1.1.1/24"), None, &["10.0.0.0/8"], "10.1.1.1/24"),
        ] {
            let parse = |t: Option<&str>| t.map(|t| t.parse().unwrap());
            let chosen = choose(parse(bip), parse(previous), &subnets(taken)).unwrap();
            assert_eq!(chosen.to_string(), expected, "{bip:?} {previous:?} {taken:?}");
        }
    }

    #[test]
    fn refusals() {
        assert!(matches!(choose(None, None, &subnets(&["172.16.0.0/12"])), Err(NetworkError::NoRange)));
        for bad in ["10.0.0.0/24", "10.0.0.255/24", "10.0.0.1/31", "10.0.0.1/32"] {
            assert!(
                matches!(choose(Some(bad.parse().unwrap()), None, &[]), Err(NetworkError::UnusableBip(_))),
                "{bad}"
            );
        }
    }
}
