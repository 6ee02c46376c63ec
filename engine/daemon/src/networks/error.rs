//! What can go wrong with networks.

use super::subnet::Subnet;
use crate::store::object::ObjectError;
use std::io;

/// Why a network operation failed.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// No such network.
    #[error("network {0} not found")]
    NotFound(String),
    /// `attach` came before `restore`: addresses of live containers are not known yet.
    #[error("networks are not restored yet")]
    NotRestored,
    /// Every address is leased.
    #[error("no available IPv4 addresses on this network's address pools: bridge ({0})")]
    NoAddress(String),
    /// None of the default ranges is free.
    #[error(
        "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network"
    )]
    NoRange,
    /// `--bip` is not a host's address.
    #[error("--bip {0} is no usable address of its range")]
    UnusableBip(Subnet),
    /// The kernel refused.
    #[error("{operation} {object}")]
    Kernel {
        /// What was being done.
        operation: &'static str,
        /// To what.
        object: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The network's description could not be read or written.
    #[error(transparent)]
    Store(#[from] ObjectError),
    /// The thread that prepares namespaces is gone.
    #[error("the network pool has stopped")]
    Stopped,
}

impl NetworkError {
    /// For `map_err`.
    pub(super) fn kernel(operation: &'static str, object: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let object = object.into();
        move |source| Self::Kernel { operation, object, source }
    }
}
