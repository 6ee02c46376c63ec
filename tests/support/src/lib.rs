//! A `hulld` of a test's own: roots, socket, network namespace, and clients.
//!
//! ```no_run
//! let engine = hull_test_support::Engine::start();
//! engine.load("busybox");
//! engine.hull(["run", "--rm", "busybox", "true"]).ok();
//! ```
//! Every engine has a network namespace, a data root and an exec root of its own and removes them at the end, so tests
//! run side by side. Programs and images come from the environment that `cargo xtask test` sets.

mod cgroup;
mod engine;
mod http;
mod leftovers;
mod metrics;
mod netns;
mod outcome;
mod probe;
mod terminal;

pub use engine::{Engine, Options};
pub use http::{Reply, request};
pub use hull_test_patience::{patience, slowness};
pub use leftovers::Leftovers;
pub use metrics::Metrics;
pub use netns::NetworkNamespace;
pub use outcome::Outcome;
pub use probe::probe;
pub use terminal::Terminal;

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Tries until it holds; what never holds within `limit` fails the test with `what`. Slow machines have more time.
///
/// # Panics
/// When the time is over.
#[track_caller]
pub fn eventually<T>(what: &str, limit: Duration, mut attempt: impl FnMut() -> Option<T>) -> T {
    let limit = patience(limit);
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = attempt() {
            return value;
        }
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        pause(Duration::from_millis(10));
    }
}

/// Lets time pass where time itself is measured (CPU use over five seconds), never to wait for something.
#[expect(clippy::disallowed_methods, reason = "tests of another process: there is no descriptor to wait on")]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// A folder or file that `cargo xtask test` names.
///
/// # Panics
/// When the variable is missing: the tests were not started by xtask.
pub fn provided(variable: &str) -> PathBuf {
    let value = std::env::var_os(variable);
    PathBuf::from(value.unwrap_or_else(|| panic!("{variable} is not set: run `cargo xtask test --only e2e -- FILTER`")))
}
