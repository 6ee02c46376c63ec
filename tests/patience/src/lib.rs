//! How long tests wait before they give up: longer where the machine is slower. A crate of its own, without a single
//! dependency, for the sake of `engine/shim`, whose workspace would take everything that `tests/support` needs.

use std::time::Duration;

/// How many times slower than hardware this machine is: `cargo xtask vm-test` says so for its emulated ones.
pub fn slowness() -> u32 {
    std::env::var("HULL_TEST_SLOW").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// What is a generous limit on hardware, on this machine. Never for a time that is itself what is measured.
pub fn patience(limit: Duration) -> Duration {
    limit * slowness()
}
