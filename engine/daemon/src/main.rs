//! hulld: Hull's container engine daemon.

fn main() {}
