//! Which cgroup hierarchies this host has, and where.
//!
//! Three kinds of host exist: pure v1 (one mount for each controller), hybrid (v1 controllers, and a cgroup2
//! mount beside them that has few controllers or none) and pure v2. A container gets a directory in every v1
//! hierarchy in use and always one in cgroup2: its inode is the id that eBPF programs see.

use super::CgroupError;
use cgroups_rs::fs::Controllers;
use cgroups_rs::fs::hierarchies::V1;
use std::fs;
use std::path::{Path, PathBuf};

/// The kinds of host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// v1 controllers only; cgroup2 is then mounted by the engine, without controllers.
    V1,
    /// v1 controllers, and cgroup2 at a place of its own.
    Hybrid,
    /// cgroup2 has all controllers.
    V2,
}

impl Mode {
    /// What the API calls `CgroupVersion`.
    pub fn version(self) -> &'static str {
        match self {
            Self::V1 | Self::Hybrid => "1",
            Self::V2 => "2",
        }
    }
}

/// A v1 controller that a container can be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the kernel's")]
pub enum Controller {
    Blkio,
    Cpu,
    Cpuacct,
    Cpuset,
    Devices,
    Freezer,
    Hugetlb,
    Memory,
    NetCls,
    NetPrio,
    PerfEvent,
    Pids,
    Rdma,
    /// `name=systemd`: no controller, but systemd (hybrid) kills by it when a service stops.
    Systemd,
}

impl Controller {
    const ALL: [Self; 14] = [
        Self::Blkio,
        Self::Cpu,
        Self::Cpuacct,
        Self::Cpuset,
        Self::Devices,
        Self::Freezer,
        Self::Hugetlb,
        Self::Memory,
        Self::NetCls,
        Self::NetPrio,
        Self::PerfEvent,
        Self::Pids,
        Self::Rdma,
        Self::Systemd,
    ];

    /// As in `/proc/PID/cgroup` and in mount options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blkio => "blkio",
            Self::Cpu => "cpu",
            Self::Cpuacct => "cpuacct",
            Self::Cpuset => "cpuset",
            Self::Devices => "devices",
            Self::Freezer => "freezer",
            Self::Hugetlb => "hugetlb",
            Self::Memory => "memory",
            Self::NetCls => "net_cls",
            Self::NetPrio => "net_prio",
            Self::PerfEvent => "perf_event",
            Self::Pids => "pids",
            Self::Rdma => "rdma",
            Self::Systemd => "name=systemd",
        }
    }

    fn in_cgroups_rs(self) -> Controllers {
        match self {
            Self::Blkio => Controllers::BlkIo,
            Self::Cpu => Controllers::Cpu,
            Self::Cpuacct => Controllers::CpuAcct,
            Self::Cpuset => Controllers::CpuSet,
            Self::Devices => Controllers::Devices,
            Self::Freezer => Controllers::Freezer,
            Self::Hugetlb => Controllers::HugeTlb,
            Self::Memory => Controllers::Mem,
            Self::NetCls => Controllers::NetCls,
            Self::NetPrio => Controllers::NetPrio,
            Self::PerfEvent => Controllers::PerfEvent,
            Self::Pids => Controllers::Pids,
            Self::Rdma => Controllers::Rdma,
            Self::Systemd => Controllers::Systemd,
        }
    }
}

/// One v1 hierarchy: a mount with one or more controllers (`cpu,cpuacct` often share one).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct V1Mount {
    /// Its controllers.
    pub controllers: Vec<Controller>,
    /// Where it is mounted.
    pub root: PathBuf,
}

/// The hierarchies of this host, found once at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchies {
    mode: Mode,
    v1: Vec<V1Mount>,
    /// This process's cgroup in each of them.
    own_v1: Vec<PathBuf>,
    unified: PathBuf,
    own_unified: PathBuf,
    controllers2: Vec<String>,
}

impl Hierarchies {
    /// Looks at `/proc/self/mountinfo` and `/proc/self/cgroup`.
    ///
    /// # Errors
    /// When the files cannot be read, and [`CgroupError::NoCgroup2`] on a pure v1 host: see
    /// [`Hierarchies::detect_or_mount`].
    pub fn detect() -> Result<Self, CgroupError> {
        let mountinfo = read(Path::new("/proc/self/mountinfo"))?;
        let own = read(Path::new("/proc/self/cgroup"))?;
        let lookup = V1::new();
        let v1 = v1_mounts(|c| lookup.get_mount_point(c.in_cgroups_rs()).map(|(point, _)| point));
        let unified = cgroup2_mount(&mountinfo).ok_or(CgroupError::NoCgroup2)?;
        let controllers2 = read(&unified.join("cgroup.controllers"))?.split_whitespace().map(str::to_owned).collect();
        Ok(Self::assemble(v1, unified, &own, controllers2))
    }

    /// As [`Hierarchies::detect`], but on a pure v1 host mounts cgroup2 at `dir`, made if missing. A cgroup2 mount
    /// without controllers changes nothing for anyone else.
    ///
    /// # Errors
    /// As `detect`, and when the mount fails.
    pub fn detect_or_mount(dir: &Path) -> Result<Self, CgroupError> {
        match Self::detect() {
            Err(CgroupError::NoCgroup2) => {
                fs::create_dir_all(dir).map_err(|e| CgroupError::file("create", dir, e))?;
                nix::mount::mount(
                    Some("cgroup2"),
                    dir,
                    Some("cgroup2"),
                    nix::mount::MsFlags::MS_NOSUID | nix::mount::MsFlags::MS_NODEV | nix::mount::MsFlags::MS_NOEXEC,
                    None::<&str>,
                )
                .map_err(|e| CgroupError::file("mount cgroup2 at", dir, e.into()))?;
                Self::detect()
            }
            found => found,
        }
    }

    /// From what was found: v1 mounts, where cgroup2 is mounted, the text of `/proc/self/cgroup`, cgroup2's controllers.
    /// Pure, so that other kinds of host can be had in a test.
    pub fn assemble(v1: Vec<V1Mount>, unified: PathBuf, own: &str, controllers2: Vec<String>) -> Self {
        let limits_in_v1 = v1.iter().any(|m| m.controllers.iter().any(|c| *c != Controller::Systemd));
        let beside = unified != Path::new("/sys/fs/cgroup/unified") && !unified.starts_with("/sys/fs/cgroup");
        let mode = match (limits_in_v1, beside) {
            (false, _) => Mode::V2,
            (true, false) => Mode::Hybrid,
            (true, true) => Mode::V1,
        };
        // systemd's own hierarchy matters only where systemd put us into a unit of it.
        let in_unit = own.lines().any(|l| l.split_once(":name=systemd:").is_some_and(|(_, path)| path != "/"));
        let v1: Vec<V1Mount> = v1.into_iter().filter(|m| in_unit || m.controllers != [Controller::Systemd]).collect();
        let own_v1 = v1.iter().map(|mount| place(&mount.root, own_path(own, &mount.controllers))).collect();
        let own_unified = place(&unified, own.lines().find_map(|l| l.strip_prefix("0::")));
        Self { mode, v1, own_v1, unified, own_unified, controllers2 }
    }

    /// The kind of host.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The v1 hierarchies in use, one entry for each mount.
    pub fn v1(&self) -> &[V1Mount] {
        &self.v1
    }

    /// The cgroup of this process in each of [`Hierarchies::v1`].
    pub(super) fn own_v1(&self) -> &[PathBuf] {
        &self.own_v1
    }

    /// The cgroup of this process in cgroup2.
    pub(super) fn own_unified(&self) -> &Path {
        &self.own_unified
    }

    /// Where cgroup2 is mounted.
    pub fn unified(&self) -> &Path {
        &self.unified
    }

    /// Whether v1 has this controller.
    pub fn has_v1(&self, controller: Controller) -> bool {
        self.v1_root(controller).is_some()
    }

    /// The mount that has this v1 controller.
    pub fn v1_root(&self, controller: Controller) -> Option<&Path> {
        self.v1.iter().find(|m| m.controllers.contains(&controller)).map(|m| m.root.as_path())
    }

    /// Whether cgroup2 has this controller (`memory`, `cpu`...).
    pub fn has_v2(&self, controller: &str) -> bool {
        self.controllers2.iter().any(|c| c == controller)
    }

    /// Whether this process lives in the root of cgroup2, as far as it can see.
    pub(super) fn lives_in_root(&self) -> bool {
        self.own_unified == self.unified
    }

    /// Takes the kernel's cgroup lock for writing and gives it back, by moving this process to where it is.
    ///
    /// Why: a write to `cgroup.procs` waits for an RCU grace period, measured as 15 ms, unless another one happened
    /// a few milliseconds before. On v1 hosts every start needs such writes. Called (on a thread that may block)
    /// when a container is *created*, the wait overlaps with the rest of the work and the start's own writes
    /// take 25 us each. `favordynmods` would do the same for good, but is the host's mount option, not ours.
    pub fn warm_up(&self) {
        if self.mode != Mode::V2
            && let Err(error) = fs::write(self.own_unified.join("cgroup.procs"), std::process::id().to_string())
        {
            tracing::debug!(%error, "no warm-up of the cgroup lock");
        }
    }
}

/// The path of a line `4:cpu,cpuacct:/path` of `/proc/self/cgroup`.
fn own_path<'a>(own: &'a str, controllers: &[Controller]) -> Option<&'a str> {
    own.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        // A name (`name=systemd`) stands in the same place.
        let (names, path) = rest.split_once(':')?;
        names.split(',').any(|name| controllers.iter().any(|c| c.name() == name)).then_some(path)
    })
}

/// A process outside of what its cgroup namespace shows has a path that begins with `..`: it counts as at the root.
fn place(root: &Path, path: Option<&str>) -> PathBuf {
    let path = path.filter(|path| !path.split('/').any(|name| name == "..")).unwrap_or("/");
    root.join(path.trim_start_matches('/'))
}

/// Groups controllers that share a mount; the order is that of the first controller, so that plans are stable.
fn v1_mounts(find: impl Fn(Controller) -> Option<PathBuf>) -> Vec<V1Mount> {
    let mut mounts: Vec<V1Mount> = Vec::new();
    for controller in Controller::ALL {
        let Some(root) = find(controller) else { continue };
        match mounts.iter_mut().find(|m| m.root == root) {
            Some(mount) => mount.controllers.push(controller),
            None => mounts.push(V1Mount { controllers: vec![controller], root }),
        }
    }
    mounts
}

/// The first cgroup2 mount. Its path may hold octal escapes, as every path of mountinfo.
fn cgroup2_mount(mountinfo: &str) -> Option<PathBuf> {
    mountinfo.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        (after.split(' ').next()? == "cgroup2").then(|| before.split(' ').nth(4).map(unescape))?
    })
}

fn unescape(text: &str) -> PathBuf {
    text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\").into()
}

fn read(path: &Path) -> Result<String, CgroupError> {
    fs::read_to_string(path).map_err(|e| CgroupError::file("read", path, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(names: &[(Controller, &str)]) -> Vec<V1Mount> {
        v1_mounts(|c| names.iter().find(|(n, _)| *n == c).map(|(_, p)| PathBuf::from(p)))
    }

    #[test]
    fn controllers_that_share_a_mount_are_one_hierarchy() {
        let mounts = at(&[
            (Controller::Cpu, "/sys/fs/cgroup/cpu,cpuacct"),
            (Controller::Cpuacct, "/sys/fs/cgroup/cpu,cpuacct"),
            (Controller::Pids, "/sys/fs/cgroup/pids"),
        ]);
        assert_eq!(mounts.len(), 2);
        assert_eq!(mounts[0].controllers, [Controller::Cpu, Controller::Cpuacct]);
    }

    #[test]
    fn the_three_kinds_of_host_are_told_apart() {
        let pids = || at(&[(Controller::Pids, "/sys/fs/cgroup/pids"), (Controller::Systemd, "/sys/fs/cgroup/systemd")]);
        let kind = |v1, unified: &str| Hierarchies::assemble(v1, unified.into(), "0::/\n", Vec::new());
        assert_eq!(kind(pids(), "/sys/fs/cgroup/unified").mode(), Mode::Hybrid);
        assert_eq!(kind(Vec::new(), "/sys/fs/cgroup").mode(), Mode::V2);
        assert_eq!(kind(pids(), "/run/hull/cgroup2").mode(), Mode::V1);
        // a host with systemd's named hierarchy as its only v1 mount has its limits in cgroup2
        let named = at(&[(Controller::Systemd, "/sys/fs/cgroup/systemd")]);
        assert_eq!(kind(named, "/sys/fs/cgroup").mode(), Mode::V2);
    }

    #[test]
    fn systemds_hierarchy_counts_only_inside_a_unit() {
        let named = || at(&[(Controller::Systemd, "/s"), (Controller::Pids, "/p")]);
        let v1 = |own| Hierarchies::assemble(named(), "/sys/fs/cgroup/unified".into(), own, Vec::new()).v1.len();
        assert_eq!(v1("1:name=systemd:/\n0::/\n"), 1);
        assert_eq!(v1("1:name=systemd:/system.slice/hull.service\n0::/\n"), 2);
    }

    #[test]
    fn cgroup2_is_found_among_other_mounts() {
        let text = "36 31 0:33 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n\
                    41 31 0:38 / /sys/fs/cgroup\\040two rw,relatime shared:9 - cgroup2 cgroup2 rw\n";
        assert_eq!(cgroup2_mount(text), Some(PathBuf::from("/sys/fs/cgroup two")));
        assert_eq!(cgroup2_mount("22 27 0:21 / /proc rw - proc proc rw\n"), None);
    }

    #[test]
    fn this_host_is_detected() {
        let found = Hierarchies::detect().unwrap();
        assert!(found.unified().join("cgroup.procs").exists());
        for mount in found.v1() {
            assert!(mount.root.join("cgroup.procs").exists(), "{mount:?}");
        }
    }
}
