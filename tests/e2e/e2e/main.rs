//! End-to-end tests: the real daemon, real images, real kernel. `cargo xtask test --only e2e -- FILTER` runs them.
//!
//! The lecture's claims come first; every file is a chapter.

mod activation;
mod any_body;
mod any_request;
mod attach;
mod bad_input;
mod completion;
mod crash;
mod devices;
mod docker_cli;
mod ends;
mod events;
mod exec;
mod fields;
mod files;
mod health;
mod leftovers;
mod limit_events;
mod limits_burst;
mod limits_cpu;
mod limits_io;
mod limits_memory;
mod limits_pids;
mod links;
mod logs;
mod namespaces;
mod network;
mod oom_group;
mod orphans;
mod parity;
mod pids;
mod policies;
mod reload;
mod remote;
mod restart;
mod run;
mod several_engines;
mod stats_top;
mod system;
mod v2;
mod v2_parent;
mod volumes;
mod walls;
