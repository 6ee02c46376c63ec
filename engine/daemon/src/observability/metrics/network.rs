//! Interfaces of a container, as it sees them itself: `/proc/PID/net/dev` of its init.

use super::catalogue::*;
use super::scrape::{Base, Scrape};

/// Reads and emits; a container that has just ended has no interfaces any more.
pub(super) fn collect(scrape: &mut Scrape, base: &Base, pid: u32) {
    let Ok(text) = std::fs::read_to_string(format!("/proc/{pid}/net/dev")) else { return };
    for (interface, values) in parse(&text) {
        let families: [(&'static Family, usize); 8] = [
            (&NETWORK_RECEIVE_BYTES, 0),
            (&NETWORK_RECEIVE_PACKETS, 1),
            (&NETWORK_RECEIVE_ERRORS, 2),
            (&NETWORK_RECEIVE_DROPPED, 3),
            (&NETWORK_TRANSMIT_BYTES, 8),
            (&NETWORK_TRANSMIT_PACKETS, 9),
            (&NETWORK_TRANSMIT_ERRORS, 10),
            (&NETWORK_TRANSMIT_DROPPED, 11),
        ];
        for (family, column) in families {
            scrape.count(family, base, &[interface], values[column]);
        }
    }
}

/// Interfaces but the loopback, each with its 16 columns.
fn parse(text: &str) -> impl Iterator<Item = (&str, [u64; 16])> {
    text.lines().filter_map(|line| {
        let (name, rest) = line.split_once(':')?;
        let name = name.trim();
        let mut words = rest.split_ascii_whitespace();
        let mut values = [0; 16];
        for value in &mut values {
            *value = words.next()?.parse().ok()?;
        }
        (name != "lo").then_some((name, values))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_and_the_loopback_are_left_out() {
        let text = "Inter-|   Receive                                                |  Transmit\n \
                    face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop\n    \
                    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n  eth0:1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0\n";
        let interfaces: Vec<_> = parse(text).collect();
        assert_eq!(interfaces.len(), 1);
        let (name, values) = interfaces[0];
        assert_eq!((name, values[0], values[3], values[8], values[11]), ("eth0", 1000, 2, 2000, 4));
    }
}
