//! The engine: all services, started in the order in which they need each other, and what needs more than one of them.
//!
//! ```text
//!  lock ─> host ─> images, volumes, networks ─> observability ─> containers ─> restore of both
//! ```
//! A shutdown leaves containers as they are: their shims hold them, and the next engine on this data root finds them.

mod commit;
mod held_images;
mod limit_watch;
mod lock;
mod processes;
mod top;

use crate::config::{Config, Reloadable};
use crate::containers::spec::Host;
use crate::containers::{self, ContainerService, RestoreError, ShimRuntime};
use crate::events::{Event, EventBus, Kind};
use crate::images::{ImageError, ImageService, ImageUse};
use crate::networks::{NetworkConfig, NetworkError, NetworkService, Subnet};
use crate::observability::{self, Observability};
use crate::store::paths::Paths;
use crate::volumes::{VolumeError, VolumeService};
pub use commit::{CommitError, CommitRequest};
use hull_runtime::cgroup::{CgroupError, Driver, Mode};
use limit_watch::LimitWatch;
use lock::DataRootLock;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A second daemon on the same data root.
    #[error("data root {} is in use by another hulld", .0.display())]
    InUse(PathBuf),
    /// The roots cannot be used.
    #[error("{operation} {}", path.display())]
    Io {
        /// What was being done.
        operation: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// This host has no usable cgroups.
    #[error("find the cgroup hierarchies")]
    Cgroups(#[source] CgroupError),
    /// This host has no systemd that could make cgroups.
    #[error("--exec-opt native.cgroupdriver=systemd needs {0}: use native.cgroupdriver=cgroupfs")]
    NoSystemd(&'static str),
    /// The images' store.
    #[error("open the images")]
    Images(#[source] ImageError),
    /// The volumes' store.
    #[error("open the volumes")]
    Volumes(#[source] VolumeError),
    /// Bridge, firewall.
    #[error("set up the networks")]
    Networks(#[source] NetworkError),
    /// What runs containers.
    #[error("prepare to run containers")]
    Runtime(#[source] io::Error),
    /// What an earlier daemon left.
    #[error("take the containers over")]
    Containers(#[source] RestoreError),
}

/// Everything that the API serves.
pub struct Engine {
    /// As started.
    pub config: Config,
    /// Where everything lies.
    pub paths: Arc<Paths>,
    /// What this host can do, probed at the start.
    pub host: Arc<Host>,
    /// What happens.
    pub events: EventBus,
    /// Images.
    pub images: ImageService,
    /// Volumes.
    pub volumes: Arc<VolumeService>,
    /// Networks.
    pub networks: Arc<NetworkService>,
    /// Containers and execs.
    pub containers: ContainerService,
    /// eBPF and metrics.
    pub observability: Arc<Observability>,
    limits: LimitWatch,
    reloadable: RwLock<Arc<Reloadable>>,
    _lock: DataRootLock,
}

impl Engine {
    /// Starts all services and takes over the containers of an earlier daemon.
    ///
    /// # Errors
    /// When another daemon owns the data root, or the host lacks what no container can do without.
    pub async fn start(config: Config) -> Result<Arc<Self>, EngineError> {
        let paths = Arc::new(Paths::new(&config.data_root, &config.exec_root));
        make_roots(&paths)?;
        let lock = DataRootLock::take(&paths)?;
        let host = Arc::new(Host::probe(&paths, config.cgroups.clone()).map_err(EngineError::Cgroups)?);
        check_driver(&host)?;
        if !host.features.limits.memory {
            // The usual reason: that command mounts a sysfs of its own over the host's, and the cgroups are below it.
            tracing::warn!(
                "no cgroup controllers are visible: containers run without limits (under `ip netns exec` use `nsenter --net` instead)"
            );
        }
        let events = EventBus::new();
        let images = ImageService::open(paths.clone(), events.clone()).map_err(EngineError::Images)?;
        if let Err(error) = images.load_embedded() {
            // Worth a line, not an exit: all other images work.
            tracing::warn!(%error, "the default image is not available");
        }
        let volumes = VolumeService::open(paths.clone()).map_err(EngineError::Volumes)?;
        let volumes = Arc::new(volumes.publish_to(events.clone()));
        let bip = config.bip.map(|bip| Subnet::new(bip.address, bip.prefix_len));
        let networks =
            NetworkService::open(paths.clone(), NetworkConfig { bip }).await.map_err(EngineError::Networks)?;
        let networks = Arc::new(networks);
        let observability =
            Observability::start(observability::Options { ebpf: config.ebpf, ..observability::Options::default() });
        let runtime = ShimRuntime::new(paths.clone(), host.clone(), networks.clone(), observability.clone())
            .map_err(EngineError::Runtime)?;
        let containers = ContainerService::new(
            paths.clone(),
            events.clone(),
            volumes.clone(),
            containers::images(images.clone()),
            Arc::new(runtime),
            config.logs.clone(),
        );
        let containers = containers.map_err(|source| EngineError::Io {
            operation: "watch for changes below",
            path: paths.containers(),
            source,
        })?;
        containers.restore(&networks).await.map_err(EngineError::Containers)?;
        observability.set_source(Arc::new(containers.clone()));
        containers.watch_oom(observability.oom_events());
        let reloadable = RwLock::new(Arc::new(Reloadable::of(&config)));
        let engine = Self {
            config,
            paths,
            host,
            events,
            images,
            volumes,
            networks,
            containers,
            observability,
            limits: LimitWatch::new(),
            reloadable,
            _lock: lock,
        };
        let engine = Arc::new(engine);
        engine.free_held_images();
        engine.watch_limits();
        Ok(engine)
    }

    /// The part of the configuration that a reload changes, as it is now.
    pub fn reloadable(&self) -> Arc<Reloadable> {
        self.reloadable.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The configuration was read again.
    pub fn reload(&self, new: Reloadable) {
        let mut event = Event::new(Kind::Daemon, "reload", self.paths.engine_id()).with("name", host_name());
        for (name, value) in new.attributes() {
            event = event.with(name, value);
        }
        *self.reloadable.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        self.events.publish(event);
    }

    /// Which images containers are made of: images don't know containers.
    pub fn image_uses(&self) -> Vec<ImageUse> {
        let containers = self.containers.all();
        let uses = containers.iter().flat_map(|container| {
            let mounted = container.mounts.iter().filter_map(|mount| Some(mount.image.as_ref()?.id.clone()));
            mounted.chain([container.image.clone()]).map(|image| ImageUse {
                image,
                container: container.id.to_string(),
                running: container.state.run().is_some(),
            })
        });
        uses.collect()
    }
}

/// What this machine calls itself.
pub fn host_name() -> String {
    nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// systemd's driver works where systemd is, and has all controllers in the one hierarchy in which it makes scopes.
fn check_driver(host: &Host) -> Result<(), EngineError> {
    match host.cgroups {
        Driver::Cgroupfs { .. } => Ok(()),
        // sd_booted(3)
        Driver::Systemd { .. } if !Path::new("/run/systemd/system").is_dir() => {
            Err(EngineError::NoSystemd("a host that systemd runs"))
        }
        Driver::Systemd { .. } if host.features.hierarchies.mode() != Mode::V2 => {
            Err(EngineError::NoSystemd("a host with cgroup v2 alone"))
        }
        Driver::Systemd { .. } => Ok(()),
    }
}

/// The directories that services list or rename into; what they keep deeper they make themselves.
fn make_roots(paths: &Paths) -> Result<(), EngineError> {
    let (data, exec) = (paths.data_root().to_owned(), paths.exec_root().to_owned());
    for path in [data, exec, paths.containers(), paths.runs(), paths.volumes(), paths.staging(), paths.trash()] {
        std::fs::create_dir_all(&path).map_err(|source| EngineError::Io { operation: "create", path, source })?;
    }
    Ok(())
}
