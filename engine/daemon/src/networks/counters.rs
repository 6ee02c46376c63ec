//! Traffic of links, from `/proc/net/dev`.
//!
//! Neither rtnetlink, which waits for a lock that the deletion of a link holds for 10 ms and more, nor
//! `/sys/class/net`, which shows the network namespace of whoever mounted it: this file is read under RCU and is that
//! of the reader.

use super::endpoint::{Counters, Direction};
use std::collections::HashMap;
use std::io;

/// The calling thread's namespace. No thread of the daemon but the one that makes namespaces is ever in another than
/// the host's.
const PATH: &str = "/proc/thread-self/net/dev";

/// The counters of one link, as its container sees them.
pub(super) fn of(link: &str) -> io::Result<Option<Counters>> {
    let text = std::fs::read_to_string(PATH)?;
    Ok(lines(&text).find(|(name, _)| *name == link).map(|(_, counters)| counters))
}

/// The counters of every link.
pub(super) fn all() -> io::Result<HashMap<String, Counters>> {
    let text = std::fs::read_to_string(PATH)?;
    Ok(lines(&text).map(|(name, counters)| (name.to_owned(), counters)).collect())
}

/// Each link and its counters, turned round: what the host's end receives, the container has sent.
fn lines(text: &str) -> impl Iterator<Item = (&str, Counters)> {
    // The two lines of headings have no colon after the first word and so fall out.
    text.lines().filter_map(|line| {
        let (name, numbers) = line.split_once(':')?;
        let numbers: Vec<u64> = numbers.split_whitespace().map_while(|n| n.parse().ok()).collect();
        let &[rx_bytes, rx_packets, rx_errors, rx_dropped, _, _, _, _, tx_bytes, tx_packets, tx_errors, tx_dropped, ..] =
            numbers.as_slice()
        else {
            return None;
        };
        let received = Direction { bytes: rx_bytes, packets: rx_packets, errors: rx_errors, dropped: rx_dropped };
        let sent = Direction { bytes: tx_bytes, packets: tx_packets, errors: tx_errors, dropped: tx_dropped };
        Some((name.trim(), Counters { rx: sent, tx: received }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_ends_receive_is_the_containers_send() {
        let text = "Inter-|   Receive                                                |  Transmit\n \
                    face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n    \
                    lo:       1       2    3    4    0     0          0         0        5       6    7    8    0     0       0          0\n\
                    hlx:10 20 30 40 0 0 0 0 50 60 70 80 0 0 0 0\n";
        let found: Vec<_> = lines(text).collect();
        assert_eq!(found.len(), 2);
        assert_eq!(found[1].0, "hlx");
        assert_eq!(found[1].1.tx, Direction { bytes: 10, packets: 20, errors: 30, dropped: 40 });
        assert_eq!(found[1].1.rx, Direction { bytes: 50, packets: 60, errors: 70, dropped: 80 });
    }
}
