//! What is mounted: Docker's own list, then the generated files, then what the user asked for.

use super::super::model::Container;
use super::super::mounts::{MountKind, MountSpec, Reach};
use super::Inputs;
use super::error::SpecError;
use hull_runtime::features::Features;
use oci_spec::runtime::{Mount, MountBuilder};
use std::path::{Path, PathBuf};

/// Files that the engine writes for each container.
const GENERATED: [(&str, &str); 3] =
    [("resolv.conf", "/etc/resolv.conf"), ("hostname", "/etc/hostname"), ("hosts", "/etc/hosts")];

/// Where POSIX shared memory is.
pub(super) const SHM: &str = "/dev/shm";

/// A tmpfs of the user's has these unless he says otherwise.
const TMPFS_DEFAULT: [&str; 4] = ["noexec", "nosuid", "nodev", "rw"];

/// All mounts in the order in which they are made.
pub(super) fn of(container: &Container, inputs: &Inputs<'_>) -> Result<Vec<Mount>, SpecError> {
    let mut own = own(container, inputs)?;
    // A target may lie on another mount: the shallower ones come first.
    own.sort_by_key(|mount| mount.destination().components().count());
    let replaced = |default: &Mount| {
        own.iter().any(|mount| {
            mount.destination() == default.destination()
                || (mount.destination() == Path::new("/dev") && default.destination().starts_with("/dev"))
        })
    };
    let mut mounts: Vec<Mount> =
        defaults(container, inputs)?.into_iter().filter(|default| !replaced(default)).collect();
    mounts.extend(own);
    Ok(mounts)
}

/// What the kernel cannot do and somebody insists on.
pub(super) fn check(container: &Container, features: &Features) -> Result<(), SpecError> {
    let insists = |mount: &&MountSpec| mount.read_only && mount.recursive && mount.reach == Reach::All;
    match container.mounts.iter().find(insists) {
        Some(mount) if !features.kernel.recursive_readonly => Err(SpecError::RecursiveReadOnly(mount.target.clone())),
        _ => Ok(()),
    }
}

/// What a user should know about his mounts.
pub(super) fn warnings(container: &Container) -> Vec<String> {
    let mut warnings = Vec::new();
    if container.mounts.iter().any(|mount| mount.propagation.ends_with("shared")) {
        warnings.push(
            "Mounts that the container makes are not propagated to the host: shared propagation goes one way."
                .to_owned(),
        );
    }
    warnings
}

/// The init of the container whose `/dev/shm` this one shares.
pub(super) fn shared_memory_of(container: &Container, inputs: &Inputs<'_>) -> Option<u32> {
    let own = container.mounts.iter().any(|mount| mount.target == SHM) || container.host_config.tmpfs.contains_key(SHM);
    inputs.joins.ipc.filter(|_| !own && container.host_config.ipc_mode.starts_with("container:"))
}

fn defaults(container: &Container, inputs: &Inputs<'_>) -> Result<Vec<Mount>, SpecError> {
    let host = &container.host_config;
    let system = ["nosuid", "noexec", "nodev"];
    let access = if host.privileged { "rw" } else { "ro" };
    let mut mounts = vec![
        mount("proc", "proc", "/proc", &system)?,
        mount("tmpfs", "tmpfs", "/dev", &["nosuid", "strictatime", "mode=755", "size=65536k"])?,
        mount(
            "devpts",
            "devpts",
            "/dev/pts",
            &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
        )?,
        mount("sysfs", "sysfs", "/sys", &[&system[..], &[access]].concat())?,
        mount("cgroup", "cgroup", "/sys/fs/cgroup", &[&system[..], &[access]].concat())?,
    ];
    match host.ipc_mode.as_str() {
        "host" => {
            mounts.push(bind(Path::new("/dev/mqueue"), "/dev/mqueue", &system)?);
            mounts.push(bind(Path::new("/dev/shm"), "/dev/shm", &system)?);
        }
        mode => {
            mounts.push(mount("mqueue", "mqueue", "/dev/mqueue", &system)?);
            if shared_memory_of(container, inputs).is_some() {
                // The path is the other container's, see `special_binds`.
                mounts.push(bind(Path::new(SHM), SHM, &system)?);
                return Ok(mounts);
            }
            if mode != "none" {
                let size = format!("size={}", host.shm_size);
                mounts.push(mount("tmpfs", "shm", "/dev/shm", &[&system[..], &["mode=1777", &size]].concat())?);
            }
        }
    }
    // A host without POSIX message queues has nothing to bind there.
    mounts.retain(|m| m.typ().as_deref() != Some("bind") || m.source().as_ref().is_some_and(|source| source.exists()));
    Ok(mounts)
}

fn own(container: &Container, inputs: &Inputs<'_>) -> Result<Vec<Mount>, SpecError> {
    let mut mounts = Vec::new();
    let mounted = |target: &str| container.mounts.iter().any(|mount| mount.target == target);
    for (file, target) in GENERATED {
        if !mounted(target) {
            mounts.push(bind(&inputs.paths.container_file(inputs.files_of, file), target, &["rprivate"])?);
        }
    }
    for spec in &container.mounts {
        mounts.push(match &spec.image {
            Some(image) => {
                // An overlay, see `special_binds`: this is the place that it is mounted over for the moment.
                let place = inputs.paths.image_mount(&container.id, image.number);
                build("bind", &place, &spec.target, &["bind", if spec.read_only { "ro" } else { "rw" }])?
            }
            None => user_mount(spec)?,
        });
    }
    for (target, options) in &container.host_config.tmpfs {
        mounts.push(tmpfs(target, options)?);
    }
    Ok(mounts)
}

fn user_mount(spec: &MountSpec) -> Result<Mount, SpecError> {
    if spec.kind == MountKind::Tmpfs {
        let access = if spec.read_only { ",ro" } else { "" };
        return tmpfs(&spec.target, &format!("{}{access}", spec.tmpfs_options));
    }
    let propagation = if spec.propagation.is_empty() { "rprivate" } else { &spec.propagation };
    let mut options = vec![if spec.recursive { "rbind" } else { "bind" }, propagation];
    if spec.read_only {
        options.push("ro");
        if spec.reach != Reach::Top {
            options.push("rro");
        }
    }
    build("bind", &spec.source, &spec.target, &options)
}

fn tmpfs(target: &str, options: &str) -> Result<Mount, SpecError> {
    let given = options.split(',').filter(|option| !option.is_empty());
    let options: Vec<&str> = TMPFS_DEFAULT.into_iter().chain(given).collect();
    mount("tmpfs", "tmpfs", target, &options)
}

fn bind(source: &Path, target: &str, options: &[&str]) -> Result<Mount, SpecError> {
    build("bind", source, target, &[&["rbind"], options].concat())
}

fn mount(kind: &str, source: &str, target: &str, options: &[&str]) -> Result<Mount, SpecError> {
    build(kind, Path::new(source), target, options)
}

fn build(kind: &str, source: &Path, target: &str, options: &[&str]) -> Result<Mount, SpecError> {
    let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
    let mount = MountBuilder::default().typ(kind).source(source).destination(PathBuf::from(target)).options(options);
    Ok(mount.build()?)
}
