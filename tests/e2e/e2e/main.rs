//! End-to-end tests: the real daemon, real images, real kernel. `cargo xtask test --only e2e -- FILTER` runs them.
//!
//! The lecture's claims come first; every file is a chapter.

mod any_body;
mod bad_input;
mod crash;
mod docker_cli;
mod leftovers;
mod limits_cpu;
mod limits_memory;
mod limits_pids;
mod links;
mod namespaces;
mod network;
mod pids;
mod remote;
mod restart;
mod run;
mod several_engines;
mod volumes;
mod walls;
