//! Interfaces of a container, as it sees them itself.

use super::catalogue::*;
use super::scrape::{Base, Scrape};
use crate::networks::Counters;

pub(super) fn emit(scrape: &mut Scrape, base: &Base, interfaces: &[(String, Counters)]) {
    for (interface, Counters { rx, tx }) in interfaces {
        for (family, value) in [
            (&NETWORK_RECEIVE_BYTES, rx.bytes),
            (&NETWORK_RECEIVE_PACKETS, rx.packets),
            (&NETWORK_RECEIVE_ERRORS, rx.errors),
            (&NETWORK_RECEIVE_DROPPED, rx.dropped),
            (&NETWORK_TRANSMIT_BYTES, tx.bytes),
            (&NETWORK_TRANSMIT_PACKETS, tx.packets),
            (&NETWORK_TRANSMIT_ERRORS, tx.errors),
            (&NETWORK_TRANSMIT_DROPPED, tx.dropped),
        ] {
            scrape.count(family, base, &[interface], value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::Direction;

    #[test]
    fn what_is_received_and_what_is_sent() {
        let direction = |first| Direction { bytes: first, packets: first + 1, errors: first + 2, dropped: first + 3 };
        let mut scrape = Scrape::new(100);
        let interfaces = [("eth0".to_owned(), Counters { rx: direction(10), tx: direction(20) })];
        emit(&mut scrape, &Base::container("1", "a"), &interfaces);
        let text = scrape.finish().iter().fold(String::new(), |text, family| text + &value(family));
        for line in ["receive_bytes_total=10 ", "receive_packets_dropped_total=13 ", "transmit_bytes_total=20 "] {
            assert!(text.contains(line), "{text}");
        }
    }

    fn value(family: &prometheus::proto::MetricFamily) -> String {
        format!("{}={} ", family.name(), family.get_metric()[0].get_counter().get_value())
    }
}
