//! What was typed for `run` and `create`, and the request that it means.
//!
//! Each file holds one group of flags and the function that puts them into the request: the flags that a reader
//! of `--help` sees together are parsed, checked and mapped together. The checks are those that Docker's client
//! makes, in its words; everything else is the daemon's to judge.

pub(crate) mod basic;
pub(crate) mod container;
pub(crate) mod devices;
pub(crate) mod duration;
pub(crate) mod env;
pub(crate) mod error;
pub(crate) mod foreign;
pub(crate) mod health;
pub(crate) mod mount_flag;
pub(crate) mod mounts;
pub(crate) mod namespaces;
pub(crate) mod network;
pub(crate) mod ports;
pub(crate) mod resources;
pub(crate) mod security;
pub(crate) mod values;

#[cfg(test)]
mod tests;

pub(crate) use container::ContainerFlags;
pub(crate) use error::RequestError;
