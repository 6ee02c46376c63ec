//! How a container is made. An OCI spec goes in, a [`hull_plan::Plan`] comes out: pure data, decided here, carried out by
//! the shim. Beside it what only the daemon can do: cgroups, and probes of what this host has.
//!
//! Sync, no tokio, no HTTP; unsafe only in `sys/`.

pub mod capabilities;
pub mod cgroup;
pub mod features;
pub mod locked_memory;
pub mod memory;
pub mod plan;
pub mod seccomp;
pub mod sockets;
#[expect(unsafe_code, reason = "system calls without a safe wrapper live here and nowhere else in this crate")]
mod sys;
