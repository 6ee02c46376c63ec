//! Making a container's cgroup.

use super::device::{DevicePolicy, DeviceRule};
use super::hierarchies::{Controller, Hierarchies, Mode};
use super::{Cgroup, CgroupError, Warning, device_program, group, limits, tree, v1, v2};
use crate::sys::bpf;
use oci_spec::runtime::LinuxResources;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

/// The v2 controllers that limits need.
const V2_CONTROLLERS: [&str; 5] = ["cpu", "cpuset", "io", "memory", "pids"];

impl Cgroup {
    /// Makes the directories of a container and applies its limits and device rules. On failure nothing stays.
    ///
    /// # Errors
    /// When a directory cannot be made, the kernel refuses a value or a device rule. A limit that the kernel lacks
    /// is a warning.
    pub fn create(
        hierarchies: &Hierarchies,
        engine_id: &str,
        container_id: &str,
        resources: &LinuxResources,
    ) -> Result<(Self, Vec<Warning>), CgroupError> {
        let mut cgroup = Self::layout(hierarchies, engine_id, container_id);
        match cgroup.make(hierarchies, resources) {
            Ok(warnings) => Ok((cgroup, warnings)),
            Err(error) => {
                if let Err(left) = cgroup.remove() {
                    tracing::warn!(error = %left, container_id, "a half-made cgroup is left to the reaper");
                }
                Err(error)
            }
        }
    }

    fn make(&mut self, hierarchies: &Hierarchies, resources: &LinuxResources) -> Result<Vec<Warning>, CgroupError> {
        for (controllers, dir) in &self.v1 {
            make_v1(controllers, dir)?;
        }
        make_v2(hierarchies, &self.unified)?;
        self.id = group::inode(&self.unified)?;
        self.apply_devices(resources)?;
        match self.mode {
            Mode::V1 | Mode::Hybrid => v1::apply(self, &limits::v1(resources)),
            Mode::V2 => self.update(resources),
        }
    }

    fn apply_devices(&self, resources: &LinuxResources) -> Result<(), CgroupError> {
        let rules: Vec<_> = resources.devices().iter().flatten().map(DeviceRule::from_oci).collect();
        match self.v1_dir(Controller::Devices) {
            Some(dir) => v1::apply_devices(dir, &rules),
            None => attach_devices(&self.unified, &DevicePolicy::of(&rules)),
        }
    }
}

/// Raises the device wall on a cgroup2 directory.
pub(super) fn attach_devices(dir: &Path, policy: &DevicePolicy) -> Result<(), CgroupError> {
    if policy.allows_everything() {
        return Ok(());
    }
    let bytes: Vec<u8> =
        device_program::generate(policy).into_iter().flat_map(device_program::Insn::to_bytes).collect();
    let attach = || -> io::Result<()> {
        let program = bpf::load_device_program(&bytes)?;
        bpf::attach_device_program(File::open(dir)?.as_fd(), program.as_fd())
    };
    attach().map_err(|source| CgroupError::Device { rule: "as an eBPF program".to_owned(), source })
}

fn make_v1(controllers: &[Controller], dir: &Path) -> Result<(), CgroupError> {
    make_dir(dir, |parent| {
        fs::create_dir(parent).or_else(ignore_existing).map_err(|e| CgroupError::file("create", parent, e))?;
        fill_cpuset(controllers, parent)
    })?;
    fill_cpuset(controllers, dir)
}

/// A fresh v1 cpuset is empty and takes no process until it has its parent's CPUs and memory nodes.
fn fill_cpuset(controllers: &[Controller], dir: &Path) -> Result<(), CgroupError> {
    if !controllers.contains(&Controller::Cpuset) {
        return Ok(());
    }
    let parent = dir.parent().unwrap_or(dir);
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let (from, to) = (parent.join(file), dir.join(file));
        let value = fs::read_to_string(&from).map_err(|e| CgroupError::file("read", &from, e))?;
        v2::write(&to, value.trim()).map_err(|e| CgroupError::file("write", &to, e))?;
    }
    Ok(())
}

fn make_v2(hierarchies: &Hierarchies, dir: &Path) -> Result<(), CgroupError> {
    make_dir(dir, |parent| make_v2_parent(hierarchies, parent))
}

/// The engine's directory, with the controllers of v2 switched on for its children.
pub(super) fn make_v2_parent(hierarchies: &Hierarchies, parent: &Path) -> Result<(), CgroupError> {
    let enable: Vec<_> = V2_CONTROLLERS.iter().filter(|c| hierarchies.has_v2(c)).map(|c| format!("+{c}")).collect();
    if hierarchies.mode() == Mode::V2 {
        subtree_control(hierarchies.unified(), &enable);
    }
    fs::create_dir(parent).or_else(ignore_existing).map_err(|e| CgroupError::file("create", parent, e))?;
    if hierarchies.mode() == Mode::V2 {
        subtree_control(parent, &enable);
    }
    Ok(())
}

/// All at once in the common case. Where one is refused (`cpu` while realtime processes run, everything where processes
/// live in this very cgroup) the others are had nevertheless; limits of the missing one become warnings.
fn subtree_control(dir: &Path, enable: &[String]) {
    let path = dir.join("cgroup.subtree_control");
    if v2::write(&path, &enable.join(" ")).is_ok() {
        return;
    }
    for controller in enable {
        if let Err(error) = v2::write(&path, controller) {
            tracing::warn!(path = %path.display(), controller, %error, "no limits by this controller");
        }
    }
}

/// One mkdir in the common case; the engine's own directory above it is made when it is missing.
fn make_dir(dir: &Path, make_parent: impl Fn(&Path) -> Result<(), CgroupError>) -> Result<(), CgroupError> {
    let failed = |e| CgroupError::file("create", dir, e);
    // Twice: the last container's removal may take the parent away in between.
    for _ in 0..2 {
        match fs::create_dir(dir) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => make_parent(dir.parent().unwrap_or(dir))?,
            other => return other.or_else(ignore_existing).map_err(failed),
        }
    }
    fs::create_dir(dir).or_else(ignore_existing).map_err(failed)
}

fn ignore_existing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) }
}

impl tree::Made for Hierarchies {
    fn roots(&self) -> Vec<&Path> {
        self.v1().iter().map(|m| m.root.as_path()).chain([self.unified()]).collect()
    }
}
