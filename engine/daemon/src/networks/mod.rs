//! Networks: the default bridge, the addresses on it, and a pool of prepared network namespaces.
//!
//! ```text
//!  attach() --- takes from ---> pool  <--- fills --- pool thread (unshare, veth pair, address, route)
//!  detach() --- closes -------> descriptor of the namespace
//!                               the kernel deletes its link --- announces ---> reaper: the address is free
//! ```
//! "The host" is the network namespace that the daemon runs in. What this module changes there: the bridge (`hull0`),
//! its ports (`hl<engine id>....`), the nftables table `hull-<engine id>`, and `net.ipv4.ip_forward`, which is
//! switched on. The bridge, the table and live containers' ports outlive the daemon.
//!
//! Leases are not written to disk: a container keeps its [`Endpoint`], and [`NetworkService::restore`] takes them in.
//! Absent so far: networks of the user's own, published ports, IPv6.

mod bridge;
mod counters;
mod description;
mod endpoint;
mod error;
mod firewall;
mod ipam;
mod leases;
mod namespace;
mod netlink;
mod pool;
mod range;
mod reaper;
pub mod resolv;
mod subnet;

pub use endpoint::{Counters, Direction, Endpoint, Mac};
pub use error::NetworkError;
pub use subnet::{NotASubnet, Subnet};

use crate::ids::{ContainerId, random_hex};
use crate::store::paths::Paths;
use bridge::Bridge;
use description::{BridgeDescription, Description, Driver};
use hull_api::network::Network;
use leases::{Leases, Prepared};
use netlink::monitor::LinkMonitor;
use netlink::{RouteSocket, link};
use pool::{Found, Shared};
use std::collections::HashMap;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// What the configuration says about networks.
#[derive(Debug, Clone, Default)]
pub struct NetworkConfig {
    /// `--bip`: the bridge's address and, by its prefix, its range.
    pub bip: Option<Subnet>,
}

/// The engine's networks.
#[derive(Debug)]
pub struct NetworkService {
    bridge: Bridge,
    firewall: &'static str,
    /// `bridge`, `host`, `none`, in this order.
    descriptions: Vec<Description>,
    shared: Arc<Shared>,
    look: Arc<Notify>,
    reaper: JoinHandle<()>,
}

impl NetworkService {
    /// Makes or adopts the bridge and its firewall rules. [`NetworkService::restore`] must follow before the first
    /// `attach`.
    ///
    /// # Errors
    /// When there is no free range or the kernel refuses the bridge.
    pub async fn open(paths: Arc<Paths>, config: NetworkConfig) -> Result<Self, NetworkError> {
        let engine_id = paths.engine_id().to_owned();
        let made = tokio::task::spawn_blocking(move || prepare_host(&paths, &config)).await;
        let (bridge, firewall, descriptions) = made.map_err(|_| NetworkError::Stopped)??;
        let leases = Leases::new(&engine_id, bridge.gateway);
        let shared = Arc::new(Shared::new(leases, descriptions[0].id.clone()));
        let monitor =
            LinkMonitor::open().and_then(watched).map_err(NetworkError::kernel("listen to", "changes of links"))?;
        pool::spawn(Arc::clone(&shared), bridge.index, bridge.gateway)?;
        let look = Arc::new(Notify::new());
        let reaper = tokio::spawn(reaper::run(Arc::clone(&shared), monitor, Arc::clone(&look)));
        Ok(Self { bridge, firewall, descriptions, shared, look, reaper })
    }

    /// Keeps these leases, removes every other link of this engine in the background, and starts to fill the pool.
    ///
    /// # Errors
    /// When links cannot be listed.
    pub async fn restore(&self, live: &[Endpoint]) -> Result<(), NetworkError> {
        let links = tokio::task::spawn_blocking(|| RouteSocket::open().and_then(|mut socket| link::list(&mut socket)));
        let links = links.await.map_err(|_| NetworkError::Stopped)?;
        let links = links.map_err(NetworkError::kernel("list", "links"))?;
        let mut ports = Vec::new();
        {
            let mut state = self.shared.lock();
            for endpoint in live {
                if !state.leases.adopt(endpoint) {
                    let Endpoint { container, ip, .. } = endpoint;
                    tracing::warn!(%container, %ip, "its address belongs to somebody else now");
                }
            }
            for link in links {
                if !state.leases.owns(&link.name) {
                    continue;
                }
                if live.iter().any(|endpoint| endpoint.host_link == link.name) {
                    ports.push(link.index);
                } else {
                    state.leases.orphan(link.name);
                }
            }
        }
        self.reconnect(ports).await;
        self.look.notify_one();
        self.shared.start();
        Ok(())
    }

    /// Live containers' links go into the bridge again: somebody may have deleted it while no daemon ran.
    async fn reconnect(&self, ports: Vec<u32>) {
        let bridge = self.bridge.index;
        let connect = move || {
            let mut socket = RouteSocket::open()?;
            ports.into_iter().try_for_each(|port| socket.change(vec![link::set_bridge(port, bridge)]))
        };
        if let Ok(Err(error)) = tokio::task::spawn_blocking(connect).await {
            tracing::warn!(%error, "not every running container is on the bridge");
        }
    }

    /// Gives a container a prepared namespace with an address on the default bridge.
    ///
    /// # Errors
    /// When no address is free or the kernel refuses.
    pub async fn attach(&self, container: &ContainerId) -> Result<Endpoint, NetworkError> {
        self.attach_as(container, None).await
    }

    /// As [`NetworkService::attach`], with a hardware address of the user's.
    ///
    /// # Errors
    /// As [`NetworkService::attach`].
    pub async fn attach_as(&self, container: &ContainerId, mac: Option<Mac>) -> Result<Endpoint, NetworkError> {
        let Prepared { wanted, mut namespace } = match self.shared.take()? {
            Found::Ready(prepared) => prepared,
            Found::Wait(place) => place.await.map_err(|_| NetworkError::Stopped)??,
        };
        let id = match random_hex() {
            Ok(id) => id,
            Err(error) => {
                self.shared.lock().leases.abandon(&wanted);
                return Err(NetworkError::kernel("make an id for an endpoint of", container.short())(error));
            }
        };
        if let Some(mac) = mac {
            namespace = match with_mac(namespace, mac).await {
                Ok(namespace) => namespace,
                Err(error) => {
                    self.shared.lock().leases.abandon(&wanted);
                    return Err(NetworkError::kernel("set the hardware address of", &wanted.host_link)(error));
                }
            };
        }
        let network = &self.descriptions[0];
        let endpoint = Endpoint {
            id,
            container: container.clone(),
            network: network.name.clone(),
            network_id: network.id.clone(),
            netns: PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), namespace.as_raw_fd())),
            interface: namespace::INTERFACE.to_owned(),
            host_link: wanted.host_link,
            ip: wanted.ip,
            prefix_len: self.bridge.gateway.prefix(),
            gateway: self.bridge.gateway.address(),
            mac: mac.unwrap_or_else(|| Mac::of(wanted.ip)),
        };
        self.shared.lock().leases.take(endpoint.clone(), namespace);
        Ok(endpoint)
    }

    /// This host, as containers on the default bridge see it.
    pub fn gateway(&self) -> std::net::Ipv4Addr {
        self.bridge.gateway.address()
    }

    /// Takes an endpoint back, when its container's processes are gone. Returns at once; the kernel deletes the link
    /// in the background.
    pub fn detach(&self, endpoint: Endpoint) {
        let namespace = self.shared.lock().leases.leave(&endpoint);
        drop(namespace);
        // The link may be gone already, when the container died under an earlier daemon.
        self.look.notify_one();
    }

    /// What makes the packet rules: `nftables`, or `none` where the kernel takes none.
    pub fn firewall(&self) -> &'static str {
        self.firewall
    }

    /// How much background work is left: links to be deleted and pool places to be filled.
    pub fn pending(&self) -> usize {
        self.shared.pending()
    }

    /// Traffic of an endpoint. `None` when its link is gone.
    ///
    /// # Errors
    /// When the kernel's table cannot be read.
    pub fn counters(&self, endpoint: &Endpoint) -> Result<Option<Counters>, NetworkError> {
        counters::of(&endpoint.host_link).map_err(NetworkError::kernel("read the counters of", &endpoint.host_link))
    }

    /// Traffic of every link of the host by its name ([`Endpoint::host_link`]), with one read, for metrics of many
    /// containers.
    ///
    /// # Errors
    /// When the kernel's table cannot be read.
    pub fn all_counters(&self) -> Result<HashMap<String, Counters>, NetworkError> {
        counters::all().map_err(NetworkError::kernel("read the counters of", "links"))
    }

    /// All networks: `bridge`, `host`, `none`. Containers' names in them are empty: networks don't know them.
    pub fn list(&self) -> Vec<Network> {
        let endpoints = self.endpoints();
        self.descriptions.iter().map(|description| description::view(description, &endpoints)).collect()
    }

    /// By name, id or an unambiguous beginning of the id.
    ///
    /// # Errors
    /// When there is none.
    pub fn inspect(&self, name: &str) -> Result<Network, NetworkError> {
        let exact = self.descriptions.iter().find(|d| d.name == name || d.id == name);
        let mut short = self.descriptions.iter().filter(|d| !name.is_empty() && d.id.starts_with(name));
        let found = exact.or_else(|| short.next().filter(|_| short.next().is_none()));
        let found = found.ok_or_else(|| NetworkError::NotFound(name.to_owned()))?;
        Ok(description::view(found, &self.endpoints()))
    }

    /// Attached endpoints.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.shared.lock().leases.endpoints()
    }
}

impl Drop for NetworkService {
    fn drop(&mut self) {
        self.reaper.abort();
        self.shared.stop();
    }
}

/// On a blocking thread, since the kernel may let it wait.
async fn with_mac(namespace: OwnedFd, mac: Mac) -> std::io::Result<OwnedFd> {
    let work = move || namespace::set_mac(&namespace, mac).map(|()| namespace);
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}

#[expect(
    deprecated,
    reason = "its successor is unsafe, for owners that change their descriptor; a LinkMonitor never does"
)]
fn watched(monitor: LinkMonitor) -> std::io::Result<AsyncFd<LinkMonitor>> {
    AsyncFd::with_interest(monitor, tokio::io::Interest::READABLE)
}

/// The bridge, forwarding and the firewall; and what the files say of the three networks.
fn prepare_host(
    paths: &Paths,
    config: &NetworkConfig,
) -> Result<(Bridge, &'static str, Vec<Description>), NetworkError> {
    let directory = paths.networks();
    std::fs::create_dir_all(&directory).map_err(NetworkError::kernel("create", directory.display().to_string()))?;
    let mut own = description::read(paths, "bridge", Driver::Bridge)?;
    let previous = own.bridge.as_ref().map(|bridge| bridge.gateway);
    let bridge = bridge::ensure(paths.engine_id(), config.bip, previous)?;
    own.bridge = Some(BridgeDescription { link: bridge.name.clone(), gateway: bridge.gateway });
    let host = description::read(paths, "host", Driver::Host)?;
    let none = description::read(paths, "none", Driver::Null)?;
    let descriptions = vec![own, host, none];
    descriptions.iter().try_for_each(|description| description::write(paths, description))?;
    forward();
    let rules = firewall::BridgeRules { bridge: bridge.name.clone(), range: bridge.gateway.range() };
    let firewall = firewall::install(paths.engine_id(), &rules);
    tracing::info!(bridge = %bridge.name, address = %bridge.gateway, firewall, "the default network is ready");
    Ok((bridge, firewall, descriptions))
}

/// Containers' packets reach the world only if this host forwards packets. It stays on when the daemon ends:
/// containers go on.
fn forward() {
    const PATH: &str = "/proc/sys/net/ipv4/ip_forward";
    if std::fs::read_to_string(PATH).is_ok_and(|value| value.trim() == "1") {
        return;
    }
    match std::fs::write(PATH, "1") {
        Ok(()) => tracing::info!("net.ipv4.ip_forward was off and is on now, so that containers reach the world"),
        Err(error) => {
            tracing::warn!(%error, "net.ipv4.ip_forward cannot be switched on: containers don't reach the world")
        }
    }
}

#[cfg(test)]
mod tests;
