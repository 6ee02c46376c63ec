//! Making a container's cgroup.

use super::device::{DevicePolicy, DeviceRule};
use super::hierarchies::{Controller, Hierarchies, Mode};
use super::{Cgroup, CgroupError, Warning, delegate, device_program, group, limits, tree, v1, v2};
use crate::locked_memory;
use crate::sys::bpf;
use oci_spec::runtime::LinuxResources;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

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
        Self::layout(hierarchies, engine_id, container_id).create_here(hierarchies, resources)
    }

    pub(super) fn create_here(
        mut self,
        hierarchies: &Hierarchies,
        resources: &LinuxResources,
    ) -> Result<(Self, Vec<Warning>), CgroupError> {
        match self.make(hierarchies, resources) {
            Ok(warnings) => Ok((self, warnings)),
            Err(error) => {
                if let Err(left) = self.remove() {
                    tracing::warn!(error = %left, cgroup = %self.unified.display(), "a half-made cgroup is left to the reaper");
                }
                Err(error)
            }
        }
    }

    fn make(&mut self, hierarchies: &Hierarchies, resources: &LinuxResources) -> Result<Vec<Warning>, CgroupError> {
        for (mount, (controllers, dir)) in hierarchies.v1().iter().zip(&self.v1) {
            make_v1(controllers, &mount.root, dir)?;
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
        let program = locked_memory::without_limit(|| bpf::load_device_program(&bytes))?;
        bpf::attach_device_program(File::open(dir)?.as_fd(), program.as_fd())
    };
    attach().map_err(|source| CgroupError::Device { rule: "as an eBPF program".to_owned(), source })
}

fn make_v1(controllers: &[Controller], root: &Path, dir: &Path) -> Result<(), CgroupError> {
    make_dir(dir, |parent| make_v1_parent(controllers, root, parent))?;
    fill_cpuset(controllers, root, dir)
}

/// A directory for others, and those above it, where they are missing.
pub(super) fn make_v1_parent(controllers: &[Controller], root: &Path, dir: &Path) -> Result<(), CgroupError> {
    if dir == root {
        return Ok(());
    }
    match fs::create_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound && dir.parent().is_some_and(|parent| parent != root) => {
            make_v1_parent(controllers, root, dir.parent().unwrap_or(root))?;
            fs::create_dir(dir).or_else(ignore_existing)
        }
        other => other,
    }
    .map_err(|e| CgroupError::file("create", dir, e))?;
    fill_cpuset(controllers, root, dir)
}

/// A fresh v1 cpuset is empty and takes no process until it has its parent's CPUs and memory nodes.
fn fill_cpuset(controllers: &[Controller], root: &Path, dir: &Path) -> Result<(), CgroupError> {
    if !controllers.contains(&Controller::Cpuset) {
        return Ok(());
    }
    ["cpuset.cpus", "cpuset.mems"].into_iter().try_for_each(|file| fill(file, root, dir).map(drop))
}

/// Gives a directory what the one above it has; that one's first, where a user has made it and left it empty.
fn fill(file: &str, root: &Path, dir: &Path) -> Result<String, CgroupError> {
    let parent = dir.parent().unwrap_or(root);
    let (from, to) = (parent.join(file), dir.join(file));
    let mut value = fs::read_to_string(&from).map_err(|e| CgroupError::file("read", &from, e))?;
    if value.trim().is_empty() && parent != root {
        value = fill(file, root, parent)?;
    }
    v2::write(&to, value.trim()).map_err(|e| CgroupError::file("write", &to, e))?;
    Ok(value)
}

fn make_v2(hierarchies: &Hierarchies, dir: &Path) -> Result<(), CgroupError> {
    make_dir(dir, |parent| make_v2_parent(hierarchies, parent))
}

/// A directory for others and those above it, where they are missing, each with v2's controllers switched on for its
/// children: a level hands on only what it was given.
pub(super) fn make_v2_parent(hierarchies: &Hierarchies, parent: &Path) -> Result<(), CgroupError> {
    let root = hierarchies.unified();
    hierarchies.delegate();
    let levels: Vec<&Path> = parent.ancestors().take_while(|dir| *dir != root).collect();
    for dir in levels.into_iter().rev() {
        fs::create_dir(dir).or_else(ignore_existing).map_err(|e| CgroupError::file("create", dir, e))?;
        if hierarchies.mode() == Mode::V2 {
            delegate::subtree_control(dir, &hierarchies.wanted_v2());
        }
    }
    Ok(())
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
