//! What this host has, probed once at start: shown in `/info` and in a metric, asked before a promise is made.

use crate::capabilities;
use crate::cgroup::{CgroupError, Controller, Hierarchies, Mode};
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// The result of all probes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Features {
    /// The cgroup hierarchies.
    pub hierarchies: Hierarchies,
    /// Which limits the kernel takes.
    pub limits: LimitSupport,
    /// CPUs and memory nodes for `--cpuset-cpus` and `--cpuset-mems`, as the kernel lists them.
    pub cpuset: Cpuset,
    /// CPUs online.
    pub cpus: usize,
    /// Our capability bounding set: no container gets more.
    pub bounding: u64,
    /// Our own `oom_score_adj`: what a container inherits.
    pub oom_score_adj: i32,
    /// Kernel facilities.
    pub kernel: Kernel,
}

/// What a container can be restricted to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Cpuset {
    pub cpus: String,
    pub mems: String,
}

/// One for each limit that Docker knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, clippy::struct_excessive_bools, reason = "a table of independent facts with telling names")]
pub struct LimitSupport {
    pub memory: bool,
    pub swap: bool,
    pub reservation: bool,
    pub swappiness: bool,
    pub oom_kill_disable: bool,
    pub oom_kill_group: bool,
    pub cpu_shares: bool,
    pub cpu_cfs: bool,
    pub cpu_burst: bool,
    pub cpu_realtime: bool,
    pub cpuset: bool,
    pub pids: bool,
    pub blkio_weight: bool,
    pub blkio_weight_device: bool,
    pub blkio_throttle: bool,
}

/// Facilities beyond cgroup limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, clippy::struct_excessive_bools, reason = "a table of independent facts with telling names")]
pub struct Kernel {
    pub overlay: bool,
    pub user_namespaces: bool,
    pub time_namespaces: bool,
    pub cgroup_namespaces: bool,
    pub seccomp: bool,
    pub cgroup_kill: bool,
    pub cgroup_freeze: bool,
    pub pidfd: bool,
    pub recursive_readonly: bool,
    pub btf: bool,
    pub apparmor: bool,
}

impl Kernel {
    /// Names and results, for metrics and `/info`.
    pub fn list(&self) -> [(&'static str, bool); 11] {
        [
            ("overlay", self.overlay),
            ("user_namespaces", self.user_namespaces),
            ("time_namespaces", self.time_namespaces),
            ("cgroup_namespaces", self.cgroup_namespaces),
            ("seccomp", self.seccomp),
            ("cgroup_kill", self.cgroup_kill),
            ("cgroup_freeze", self.cgroup_freeze),
            ("pidfd", self.pidfd),
            ("recursive_readonly", self.recursive_readonly),
            ("btf", self.btf),
            ("apparmor", self.apparmor),
        ]
    }
}

impl Features {
    /// Probes everything. `cgroup2` is where cgroup2 is mounted if this host has it nowhere.
    ///
    /// # Errors
    /// When the cgroup hierarchies cannot be found: without them there are no containers.
    pub fn probe(cgroup2: &Path) -> Result<Self, CgroupError> {
        let hierarchies = Hierarchies::detect_or_mount(cgroup2)?;
        hierarchies.delegate();
        let sample = Sample::new(&hierarchies);
        Ok(Self {
            limits: LimitSupport::probe(&hierarchies, &sample),
            cpuset: Cpuset::probe(&hierarchies),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            bounding: capabilities::bounding(),
            oom_score_adj: fs::read_to_string("/proc/self/oom_score_adj")
                .ok()
                .and_then(|t| t.trim().parse().ok())
                .unwrap_or(0),
            kernel: Kernel::probe(&sample),
            hierarchies,
        })
    }

    /// Where private cgroup namespaces are the default: Docker's rule.
    pub fn private_cgroupns_by_default(&self) -> bool {
        self.hierarchies.mode() == Mode::V2 && self.kernel.cgroup_namespaces
    }
}

impl LimitSupport {
    fn probe(hierarchies: &Hierarchies, sample: &Sample) -> Self {
        match hierarchies.mode() {
            Mode::V1 | Mode::Hybrid => {
                Self::v1(|controller, file| hierarchies.v1_root(controller).is_some_and(|root| has(root, file)))
            }
            Mode::V2 => Self::v2(|file| sample.has(file)),
        }
    }

    fn v1(has: impl Fn(Controller, &str) -> bool) -> Self {
        Self {
            memory: has(Controller::Memory, "memory.limit_in_bytes"),
            swap: has(Controller::Memory, "memory.memsw.limit_in_bytes"),
            reservation: has(Controller::Memory, "memory.soft_limit_in_bytes"),
            swappiness: has(Controller::Memory, "memory.swappiness"),
            oom_kill_disable: has(Controller::Memory, "memory.oom_control"),
            oom_kill_group: false,
            cpu_shares: has(Controller::Cpu, "cpu.shares"),
            cpu_cfs: has(Controller::Cpu, "cpu.cfs_quota_us"),
            cpu_burst: has(Controller::Cpu, "cpu.cfs_burst_us"),
            cpu_realtime: has(Controller::Cpu, "cpu.rt_runtime_us"),
            cpuset: has(Controller::Cpuset, "cpuset.cpus"),
            // The root has no pids.max, but where the controller is, the limit is.
            pids: has(Controller::Pids, "cgroup.procs"),
            blkio_weight: has(Controller::Blkio, "blkio.weight"),
            blkio_weight_device: has(Controller::Blkio, "blkio.weight_device"),
            blkio_throttle: has(Controller::Blkio, "blkio.throttle.read_bps_device"),
        }
    }

    fn v2(has: impl Fn(&str) -> bool) -> Self {
        Self {
            memory: has("memory.max"),
            swap: has("memory.swap.max"),
            reservation: has("memory.low"),
            swappiness: false,
            oom_kill_disable: false,
            oom_kill_group: has("memory.oom.group"),
            cpu_shares: has("cpu.weight"),
            cpu_cfs: has("cpu.max"),
            cpu_burst: has("cpu.max.burst"),
            cpu_realtime: false,
            cpuset: has("cpuset.cpus"),
            pids: has("pids.max"),
            blkio_weight: has("io.weight") || has("io.bfq.weight"),
            blkio_weight_device: has("io.weight") || has("io.bfq.weight"),
            blkio_throttle: has("io.max"),
        }
    }
}

/// A cgroup2 directory like those of containers, for as long as its files are looked at: the root has few of them, and those
/// of another's directory tell what that one was given.
struct Sample(Option<PathBuf>);

impl Sample {
    fn new(hierarchies: &Hierarchies) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = hierarchies.unified().join(format!("hull-probe-{}-{number}", std::process::id()));
        match fs::create_dir(&dir) {
            Ok(()) => Self(Some(dir)),
            Err(error) => {
                tracing::warn!(path = %dir.display(), %error, "no cgroup can be made");
                Self(None)
            }
        }
    }

    fn has(&self, file: &str) -> bool {
        self.0.as_ref().is_some_and(|dir| dir.join(file).exists())
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        if let Some(dir) = &self.0
            && let Err(error) = fs::remove_dir(dir)
        {
            tracing::warn!(path = %dir.display(), %error, "a probe is left behind");
        }
    }
}

/// Whether a cgroup below `root` would have this file. Many files are missing in the root itself, so one of its
/// children is asked as well.
fn has(root: &Path, file: &str) -> bool {
    root.join(file).exists() || child(root).is_some_and(|child| child.join(file).exists())
}

fn child(root: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(root).ok()?.flatten();
    entries.filter(|e| e.file_type().is_ok_and(|t| t.is_dir())).map(|e| e.path()).next()
}

impl Cpuset {
    fn probe(hierarchies: &Hierarchies) -> Self {
        let (root, cpus, mems) = match hierarchies.v1_root(Controller::Cpuset) {
            Some(root) => (root, "cpuset.cpus", "cpuset.mems"),
            None => (hierarchies.unified(), "cpuset.cpus.effective", "cpuset.mems.effective"),
        };
        let read = |file: &str, otherwise: &str| {
            let path = if root.join(file).exists() { root.join(file) } else { PathBuf::from(otherwise) };
            fs::read_to_string(path).unwrap_or_default().trim().to_owned()
        };
        Self { cpus: read(cpus, "/sys/devices/system/cpu/online"), mems: read(mems, "/sys/devices/system/node/online") }
    }
}

impl Kernel {
    fn probe(sample: &Sample) -> Self {
        let namespace = |name: &str| Path::new("/proc/self/ns").join(name).exists();
        let actions = fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail").unwrap_or_default();
        let systems = fs::read_to_string("/proc/filesystems").unwrap_or_default();
        let apparmor = fs::read_to_string("/sys/module/apparmor/parameters/enabled").unwrap_or_default();
        Self {
            overlay: systems.lines().any(|line| line.ends_with("\toverlay")) || loads_overlay(),
            user_namespaces: namespace("user"),
            time_namespaces: namespace("time_for_children"),
            cgroup_namespaces: namespace("cgroup"),
            seccomp: actions.split_whitespace().any(|action| action == "errno"),
            cgroup_kill: sample.has("cgroup.kill"),
            cgroup_freeze: sample.has("cgroup.freeze"),
            pidfd: pidfd(),
            recursive_readonly: crate::sys::mount::has_mount_setattr(),
            btf: Path::new("/sys/kernel/btf/vmlinux").exists(),
            apparmor: apparmor.trim() == "Y",
        }
    }
}

/// Where overlayfs is a module, asking for it loads it; nothing is mounted.
fn loads_overlay() -> bool {
    rustix::mount::fsopen("overlay", rustix::mount::FsOpenFlags::FSOPEN_CLOEXEC).is_ok()
}

fn pidfd() -> bool {
    rustix::process::pidfd_open(rustix::process::getpid(), rustix::process::PidfdFlags::empty()).is_ok()
}

pub(crate) fn kernel_version() -> Option<(u32, u32)> {
    parse_version(&fs::read_to_string("/proc/sys/kernel/osrelease").ok()?)
}

pub(crate) fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim().split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_all_vendors() {
        for (text, version) in [("6.18.44-fc-v669", (6, 18)), ("5.10.0-33-amd64\n", (5, 10)), ("7.0-rc1", (7, 0))] {
            assert_eq!(parse_version(text), Some(version));
        }
        assert_eq!(parse_version("six"), None);
    }

    #[test]
    fn v2_never_promises_what_only_v1_has() {
        let all = LimitSupport::v2(|_| true);
        assert!(all.memory && all.cpu_cfs && all.blkio_throttle);
        assert!(!all.swappiness && !all.oom_kill_disable && !all.cpu_realtime);
        assert_eq!(LimitSupport::v1(|_, _| false), LimitSupport::default());
    }

    #[test]
    fn this_host_can_run_containers() {
        let features = Features::probe(Path::new("/nonexistent")).unwrap();
        assert!(features.kernel.overlay && features.kernel.seccomp && features.kernel.pidfd, "{features:?}");
        assert!(features.limits.memory && features.limits.pids && features.limits.cpu_cfs, "{features:?}");
        assert!(!features.cpuset.cpus.is_empty() && !features.cpuset.mems.is_empty());
        let has_call = kernel_version() >= Some((5, 12));
        assert_eq!(features.kernel.recursive_readonly, has_call, "mount_setattr");
    }
}
