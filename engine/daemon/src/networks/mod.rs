//! Networks: the default bridge, the addresses on it, and a pool of prepared network namespaces.

mod endpoint;
mod error;
mod subnet;

pub use endpoint::{Counters, Direction, Endpoint, Mac};
pub use error::NetworkError;
pub use subnet::{NotASubnet, Subnet};

use crate::ids::ContainerId;
use crate::store::paths::Paths;
use std::net::IpAddr;
use std::sync::Arc;

/// What the configuration says about networks.
#[derive(Debug, Clone, Default)]
pub struct NetworkConfig {
    /// `--bip`: the bridge's address and, by its prefix, its range.
    pub bip: Option<Subnet>,
}

/// A network as `inspect` tells it; the containers on it are [`NetworkService::endpoints`].
#[derive(Debug, Clone)]
pub struct Network {
    /// 64 hexadecimal digits.
    pub id: String,
    /// `bridge`, `host` or `none`.
    pub name: String,
    /// `bridge`, `host` or `null`.
    pub driver: &'static str,
    /// RFC 3339.
    pub created: String,
    /// The range and the gateway in it, of a network that has addresses.
    pub subnet: Option<Subnet>,
    /// Docker's option names.
    pub options: Vec<(&'static str, String)>,
}

/// The engine's networks.
#[derive(Debug)]
pub struct NetworkService;

impl NetworkService {
    /// Makes or adopts the bridge, its firewall rules and the reaper. `restore` must follow before the first `attach`.
    ///
    /// # Errors
    /// When there is no free range or the kernel refuses the bridge.
    pub async fn open(_paths: Arc<Paths>, _config: NetworkConfig) -> Result<Self, NetworkError> {
        Ok(Self)
    }

    /// Keeps these leases, removes every other link of this engine, and starts to fill the pool.
    ///
    /// # Errors
    /// When links cannot be listed.
    pub async fn restore(&self, _live: &[Endpoint]) -> Result<(), NetworkError> {
        Ok(())
    }

    /// Gives a container a prepared namespace with an address on the default bridge.
    ///
    /// # Errors
    /// When no address is free or the kernel refuses.
    pub async fn attach(&self, _container: &ContainerId) -> Result<Endpoint, NetworkError> {
        Err(NetworkError::NotRestored)
    }

    /// Takes an endpoint back. Returns at once; the link goes in the background.
    pub fn detach(&self, _endpoint: Endpoint) {}

    /// How much background work is left: links to be deleted and pool places to be filled.
    pub fn pending(&self) -> usize {
        0
    }

    /// Traffic of an endpoint.
    ///
    /// # Errors
    /// When the link is gone.
    pub fn counters(&self, endpoint: &Endpoint) -> Result<Counters, NetworkError> {
        Err(NetworkError::NotFound(endpoint.host_link.clone()))
    }

    /// All networks: `bridge`, `host`, `none`.
    pub fn list(&self) -> Vec<Network> {
        Vec::new()
    }

    /// By name, id or a unique beginning of the id.
    ///
    /// # Errors
    /// When there is none.
    pub fn inspect(&self, name: &str) -> Result<Network, NetworkError> {
        Err(NetworkError::NotFound(name.to_owned()))
    }

    /// Attached endpoints, of all networks.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        Vec::new()
    }

    /// Nameservers that a container can reach: the host's, without loopback ones; public ones when nothing is left.
    pub fn nameservers(&self) -> Vec<IpAddr> {
        Vec::new()
    }
}
