//! hulld: Hull's container engine daemon.
//!
//! ```text
//!  server (sockets, TLS, HTTP)  ->  api (thin handlers)  ->  services  ->  store, runtime
//!                                                            containers, images, networks, volumes, logs, events
//!                                                            archive: tar streams, under images and containers
//!                                    observability  <- reads what the services publish, eBPF maps, cgroups
//! ```
//! Nothing below `api` knows axum or a status code; images, networks and volumes don't know containers.
#![forbid(unsafe_code)]

pub mod api;
pub mod archive;
pub mod artifacts;
pub mod config;
pub mod containers;
pub mod engine;
pub mod events;
pub mod ids;
pub mod images;
pub mod logging;
pub mod logs;
pub mod networks;
pub mod observability;
pub mod pidfile;
pub mod server;
pub mod store;
pub mod time;
pub mod volumes;
