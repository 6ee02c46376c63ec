//! What the API says of a container becomes what the runtime needs: an OCI spec, extras, a list of warnings.
//!
//! ```text
//!  create:  validate(config, host config)          Docker's messages; what the kernel lacks is discarded with a warning
//!  start:   resources(host config) -> cgroup       as soon as possible: network and overlay are made meanwhile
//!           build(container, inputs)   -> OCI Spec
//!           extras(container, inputs)  -> Extras   then hull_runtime::plan::container_plan(spec, extras)
//!  exec:    exec(container, exec, cgroup)          then hull_runtime::plan::exec_plan(process, extras)
//! ```
//! Mostly pure: only device nodes (`--device`, `--privileged`, block I/O limits) are looked up on the host.

mod cpuset;
mod devices;
mod error;
mod exec;
mod invalid;
mod mounts;
mod namespaces;
mod process;
mod request;
mod resources;
mod rlimits;
mod security;
mod validate;

pub use error::SpecError;
pub use exec::exec;
pub use invalid::Invalid;
pub use namespaces::Joins;
pub use request::check_request;
pub(in crate::containers) use request::{HOST_GATEWAY, split_host};
pub use resources::resources;
pub use security::fill_paths;
pub use validate::{RUNTIME, cgroup_driver, validate, validate_update};

use super::model::Container;
use super::mounts::MountKind;
use crate::ids::ContainerId;
use crate::logs::Files;
use crate::store::paths::Paths;
use hull_runtime::cgroup::{self, Cgroup, CgroupError, Driver, ShimCgroup};
use hull_runtime::features::Features;
use hull_runtime::plan::{CopyUp, Extras, LogFile, Rootfs, SpecialBind, SpecialSource, Stdin};
use hull_runtime::seccomp::Filters;
use oci_spec::runtime::{LinuxBuilder, RootBuilder, Spec};
use security::Security;
use std::path::{Path, PathBuf};

/// What is the same for all containers of this engine.
#[derive(Debug)]
pub struct Host {
    /// What the kernel has.
    pub features: Features,
    /// Compiled seccomp filters.
    pub filters: Filters,
    /// Where shims live.
    pub shims: ShimCgroup,
    /// Who makes containers' cgroups, and below what if they don't say.
    pub cgroups: Driver,
}

impl Host {
    /// Probes the host and makes the shims' cgroup.
    ///
    /// # Errors
    /// When the cgroup hierarchies cannot be found or written: without them there are no containers.
    pub fn probe(paths: &Paths, cgroups: Driver) -> Result<Self, CgroupError> {
        let features = Features::probe(&paths.exec_root().join("cgroup2"))?;
        let shims = ShimCgroup::create(&features.hierarchies, paths.engine_id())?;
        Ok(Self { features, filters: Filters::new(), shims, cgroups })
    }

    /// Takes the engine's own cgroups away when the daemon ends; those of containers that go on stay, with all above them.
    pub fn release(&self, paths: &Paths) {
        if let Err(error) = cgroup::remove_engine_dirs(&self.features.hierarchies, paths.engine_id()) {
            tracing::warn!(%error, "the engine's cgroups are left behind");
        }
    }
}

/// What is decided anew for each start.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// Where everything is.
    pub paths: &'a Paths,
    /// A prepared network namespace; `None` for the host's, for a fresh one (`none`), or one to join.
    pub netns: Option<&'a Path>,
    /// First processes of the containers whose namespaces are joined.
    pub joins: Joins,
    /// Whose `hosts`, `hostname` and `resolv.conf` are shown: its own, or those of the container that it shares a network with.
    pub files_of: &'a ContainerId,
}

/// An OCI spec, and what of the request could not be had.
#[derive(Debug)]
pub struct Built {
    /// For `container_plan`, and to be shown.
    pub spec: Spec,
    /// For the user.
    pub warnings: Vec<String>,
}

/// Whether the container runs in the host's mount namespace.
fn in_host_files(container: &Container) -> bool {
    container.host_config.mnt_mode == "host"
}

/// The OCI spec of a container that is about to start.
///
/// # Errors
/// When a device is missing, or a security option cannot be had.
pub fn build(container: &Container, inputs: &Inputs<'_>, host: &Host) -> Result<Built, SpecError> {
    let config = &container.host_config;
    let security = Security::of(config, &host.features)?;
    security.check_walls()?;
    mounts::check(container, &host.features)?;
    let devices = devices::nodes(config)?;
    let mut linux = LinuxBuilder::default()
        .namespaces(namespaces::of(container, inputs))
        .resources(resources(config, &host.features)?)
        .sysctl(namespaces::sysctls(container));
    let on_host = in_host_files(container);
    let root = RootBuilder::default().path("rootfs").readonly(config.readonly_rootfs && !on_host).build()?;
    if on_host {
        linux = linux.devices(Vec::new()).masked_paths(Vec::new()).readonly_paths(Vec::new());
    } else {
        linux = linux
            .devices(devices)
            .masked_paths(security.masked_paths(config))
            .readonly_paths(security.readonly_paths(config));
    }
    let mut spec = Spec::default();
    spec.set_version("1.2.0".to_owned())
        .set_root(Some(root))
        .set_hostname(Some(namespaces::hostname(container)))
        .set_domainname((!container.config.domainname.is_empty()).then(|| container.config.domainname.clone()))
        .set_mounts(Some(if on_host { Vec::new() } else { mounts::of(container, inputs)? }))
        .set_process(Some(process::of(container, &security, host)?))
        .set_linux(Some(linux.build()?))
        .set_annotations(Some(config.annotations.clone().into_iter().collect()));
    Ok(Built { spec, warnings: mounts::warnings(container) })
}

/// What the OCI spec has no words for.
///
/// # Errors
/// When the seccomp profile is none.
pub fn extras(container: &Container, inputs: &Inputs<'_>, host: &Host, cgroup: &Cgroup) -> Result<Extras, SpecError> {
    let (paths, id, config) = (inputs.paths, &container.id, &container.config);
    let security = Security::of(&container.host_config, &host.features)?;
    let capabilities = security::capabilities(&container.host_config, &host.features)?.granted;
    let log = container.log_files().map(|Files { max_size, max_files, .. }| LogFile {
        path: paths.container_log(id),
        max_size,
        max_files,
        attributes: container.log_attributes(),
    });
    Ok(Extras {
        rootfs: rootfs(container, paths),
        cgroup: cgroup.into(),
        shim_procs: host.shims.procs().to_vec(),
        oom_file: cgroup.oom_file(),
        control_socket: paths.control_socket(id),
        exit_record: paths.exit_record(id),
        attach_on_start: log.is_none(),
        log,
        stdin: match (config.open_stdin, config.stdin_once) {
            (false, _) => Stdin::Null,
            (true, false) => Stdin::Open,
            (true, true) => Stdin::Once,
        },
        user: config.user.clone(),
        groups: container.host_config.group_add.clone(),
        copy_up: if in_host_files(container) { Vec::new() } else { copy_up(container) },
        special_binds: if in_host_files(container) { Vec::new() } else { special_binds(container, inputs) },
        init: container.host_config.init == Some(true),
        seccomp: host.filters.get(&security.seccomp, &capabilities)?.into_iter().collect(),
    })
}

/// Another container's `/dev/shm`, parts of volumes, and images.
fn special_binds(container: &Container, inputs: &Inputs<'_>) -> Vec<SpecialBind> {
    let parts = container.mounts.iter().filter(|m| !m.subpath.is_empty());
    let mut binds: Vec<SpecialBind> = parts
        .map(|m| SpecialBind {
            target: PathBuf::from(&m.target),
            from: SpecialSource::Beneath(PathBuf::from(&m.subpath)),
        })
        .collect();
    for (mount, image) in container.mounts.iter().filter_map(|mount| Some((mount, mount.image.as_ref()?))) {
        let (layers, place) = (inputs.paths.layers(), inputs.paths.image_mount(&container.id, image.number));
        let lower = image.layers.iter().map(|layer| layers.join(layer)).collect();
        let from = SpecialSource::Overlay { lower, upper: place.join("upper"), work: place.join("work") };
        binds.push(SpecialBind { target: PathBuf::from(&mount.target), from });
    }
    if let Some(pid) = mounts::shared_memory_of(container, inputs) {
        let namespace = PathBuf::from(format!("/proc/{pid}/ns/mnt"));
        binds.push(SpecialBind { target: PathBuf::from(mounts::SHM), from: SpecialSource::Namespace(namespace) });
    }
    binds
}

fn rootfs(container: &Container, paths: &Paths) -> Rootfs {
    if in_host_files(container) {
        return Rootfs::Host;
    }
    Rootfs::Overlay {
        layers: paths.layers(),
        lower: container.layers.iter().map(PathBuf::from).collect(),
        upper: paths.container_upper(&container.id),
        work: paths.container_work(&container.id),
    }
}

fn copy_up(container: &Container) -> Vec<CopyUp> {
    let fresh = container.mounts.iter().filter(|m| m.kind == MountKind::Volume && m.copy_up);
    fresh.map(|m| CopyUp { source: m.source.clone(), target: PathBuf::from(&m.target) }).collect()
}

#[cfg(test)]
mod tests;
