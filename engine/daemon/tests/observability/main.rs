//! The eBPF programs on this kernel, against what the kernel itself says. Root only; each test has cgroups of its own.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may panic, and lets work go on by sleeping"
)]

mod cost;
mod metrics;
mod processes;
mod runqueue;
mod stalls;
mod support;
mod victims;
