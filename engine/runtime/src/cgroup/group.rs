//! A container's cgroup, once it is made: its id, its processes, freezing, killing, removal.

use super::hierarchies::{Controller, Hierarchies, Mode};
use super::limits;
use super::v1::Directories;
use super::{CgroupError, Warning, parse, tree, v1, v2};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use oci_spec::runtime::LinuxResources;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long freezing and thawing may take: the kernel needs microseconds, unless a process is stuck in a
/// system call that cannot be interrupted.
const FREEZE_TIME: Duration = Duration::from_secs(10);

/// The directories of one container. Cheap to keep: it holds no descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cgroup {
    pub(super) mode: Mode,
    pub(super) v1: Vec<(Vec<Controller>, PathBuf)>,
    pub(super) unified: PathBuf,
    pub(super) id: u64,
}

/// Shared between a container's owner and the statistics.
pub type Handle = Arc<Cgroup>;

impl Directories for Cgroup {
    fn dir(&self, controller: Controller) -> Option<PathBuf> {
        self.v1_dir(controller).map(Path::to_owned)
    }
}

impl Cgroup {
    /// The cgroup of a container that exists already (after the daemon's restart).
    ///
    /// # Errors
    /// When its cgroup2 directory is not there.
    pub fn open(hierarchies: &Hierarchies, engine_id: &str, container_id: &str) -> Result<Self, CgroupError> {
        Self::layout(hierarchies, engine_id, container_id).opened()
    }

    /// A cgroup that was laid out and exists already.
    ///
    /// # Errors
    /// When its cgroup2 directory is not there.
    pub fn opened(mut self) -> Result<Self, CgroupError> {
        self.id = inode(&self.unified)?;
        Ok(self)
    }

    /// Its directories, whether they exist or not; the id is 0.
    pub fn layout(hierarchies: &Hierarchies, engine_id: &str, container_id: &str) -> Self {
        let below = |root: &Path| tree::engine_dir(root, engine_id).join(container_id);
        Self {
            mode: hierarchies.mode(),
            v1: hierarchies.v1().iter().map(|m| (m.controllers.clone(), below(&m.root))).collect(),
            unified: below(hierarchies.unified()),
            id: 0,
        }
    }

    /// The kind of host it is on.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The cgroup2 directory's id: what `bpf_get_current_cgroup_id()` returns in its processes.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The cgroup2 directory, for `CLONE_INTO_CGROUP`.
    pub fn unified(&self) -> &Path {
        &self.unified
    }

    /// The v1 `cgroup.procs` files that the container's first process must be written to.
    pub fn v1_procs(&self) -> impl Iterator<Item = PathBuf> + '_ {
        self.v1.iter().map(|(_, dir)| dir.join("cgroup.procs"))
    }

    /// The v1 directories with their controllers.
    pub fn v1_dirs(&self) -> impl Iterator<Item = (&[Controller], &Path)> {
        self.v1.iter().map(|(controllers, dir)| (controllers.as_slice(), dir.as_path()))
    }

    /// The directory for a v1 controller.
    pub fn v1_dir(&self, controller: Controller) -> Option<&Path> {
        self.v1.iter().find(|(list, _)| list.contains(&controller)).map(|(_, dir)| dir.as_path())
    }

    /// The file whose `oom_kill` line counts victims.
    pub fn oom_file(&self) -> Option<PathBuf> {
        match self.mode {
            Mode::V2 => Some(self.unified.join("memory.events")),
            Mode::V1 | Mode::Hybrid => self.v1_dir(Controller::Memory).map(|dir| dir.join("memory.oom_control")),
        }
    }

    /// Host pids of all its processes, those in nested cgroups too, in ascending order.
    ///
    /// # Errors
    /// When the cgroup is gone or cannot be read.
    pub fn procs(&self) -> Result<Vec<u32>, CgroupError> {
        let mut pids = tree::procs(&self.unified)?;
        pids.sort_unstable();
        Ok(pids)
    }

    /// Whether any process is left in it. A zombie still is one.
    ///
    /// # Errors
    /// When the cgroup cannot be read.
    pub fn is_populated(&self) -> Result<bool, CgroupError> {
        let path = self.unified.join("cgroup.events");
        let text = fs::read_to_string(&path).map_err(|e| CgroupError::file("read", &path, e))?;
        Ok(parse::key(&text, "populated") == Some(1))
    }

    /// Whether it is frozen, or about to be.
    ///
    /// # Errors
    /// When the cgroup cannot be read.
    pub fn is_frozen(&self) -> Result<bool, CgroupError> {
        let path = self.unified.join("cgroup.freeze");
        parse::number(&path).map(|n| n == 1).map_err(|e| CgroupError::file("read", &path, e))
    }

    /// Stops all processes and returns when they have stopped.
    ///
    /// # Errors
    /// When the kernel refuses, or a process cannot be stopped in ten seconds; it is then thawed again.
    pub fn freeze(&self) -> Result<(), CgroupError> {
        self.write_unified("freeze", "cgroup.freeze", "1")?;
        self.wait_event("frozen", 1, FREEZE_TIME, "frozen").inspect_err(|_| {
            if let Err(error) = self.write_unified("thaw", "cgroup.freeze", "0") {
                tracing::warn!(%error, "a half-frozen cgroup stays so");
            }
        })
    }

    /// Lets them go on.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn thaw(&self) -> Result<(), CgroupError> {
        self.write_unified("thaw", "cgroup.freeze", "0")?;
        self.wait_event("frozen", 0, FREEZE_TIME, "thawed")
    }

    /// Kills every process in it, nested ones too, frozen or not, with no chance to fork away. Returns at once;
    /// see [`Cgroup::wait_empty`].
    ///
    /// # Errors
    /// When the kernel refuses. A cgroup that is gone has nothing to kill.
    pub fn kill_all(&self) -> Result<(), CgroupError> {
        let path = self.unified.join("cgroup.kill");
        match v2::write(&path, "1") {
            Ok(()) => Ok(()),
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(CgroupError::file("kill", &path, e)),
            Err(_) if !self.unified.exists() => Ok(()),
            Err(_) => self.kill_frozen(),
        }
    }

    /// [`Cgroup::kill_all`] before Linux 5.14. Frozen processes cannot fork, and cgroup2's freezer lets SIGKILL through.
    pub(super) fn kill_frozen(&self) -> Result<(), CgroupError> {
        let was_frozen = self.is_frozen()?;
        self.freeze()?;
        let killed = self.signal_all(nix::sys::signal::Signal::SIGKILL);
        if !was_frozen {
            self.thaw()?;
        }
        killed
    }

    /// Sends a signal to every process in it.
    ///
    /// # Errors
    /// When the cgroup cannot be read. A process that has just ended is no error.
    pub fn signal_all(&self, signal: nix::sys::signal::Signal) -> Result<(), CgroupError> {
        for pid in self.procs()? {
            let pid = nix::unistd::Pid::from_raw(pid.cast_signed());
            match nix::sys::signal::kill(pid, signal) {
                Ok(()) | Err(nix::errno::Errno::ESRCH) => {}
                Err(e) => return Err(CgroupError::file("signal a process of", &self.unified, e.into())),
            }
        }
        Ok(())
    }

    /// Returns when no process is left (all are reaped).
    ///
    /// # Errors
    /// [`CgroupError::TooSlow`] after `timeout`.
    pub fn wait_empty(&self, timeout: Duration) -> Result<(), CgroupError> {
        match self.wait_event("populated", 0, timeout, "empty") {
            Err(CgroupError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    /// Changes limits of a live container. Absent values stay as they are.
    ///
    /// # Errors
    /// When the kernel refuses a value (`EBUSY`: memory in use is above the new limit).
    pub fn update(&self, resources: &LinuxResources) -> Result<Vec<Warning>, CgroupError> {
        match self.mode {
            Mode::V1 | Mode::Hybrid => v1::apply(self, &limits::v1(resources)),
            Mode::V2 => {
                let (limits, lacking) = limits::v2(resources, self.unified.join(limits::BFQ_WEIGHT).exists());
                let mut warnings = v2::apply(&self.unified, &limits)?;
                warnings.extend(lacking.iter().map(|l| Warning { limit: l.name(), value: l.value() }));
                Ok(warnings)
            }
        }
    }

    /// Removes its directories, and what the container nested in them. Goes on past failures and can be repeated.
    ///
    /// # Errors
    /// The first failure; [`CgroupError::is_busy`] while processes are in it.
    pub fn remove(&self) -> Result<(), CgroupError> {
        let dirs = self.v1.iter().map(|(_, dir)| dir).chain([&self.unified]);
        let mut first = Ok(());
        for dir in dirs {
            first = first.and(tree::remove(dir));
        }
        first
    }

    fn write_unified(&self, operation: &'static str, file: &str, value: &str) -> Result<(), CgroupError> {
        let path = self.unified.join(file);
        v2::write(&path, value).map_err(|e| CgroupError::file(operation, &path, e))
    }

    /// Waits for a line of `cgroup.events`: the kernel signals a change of the file as `POLLPRI`.
    fn wait_event(&self, key: &str, wanted: u64, timeout: Duration, state: &'static str) -> Result<(), CgroupError> {
        let path = self.unified.join("cgroup.events");
        let failed = |e: io::Error| CgroupError::file("watch", &path, e);
        let file = File::open(&path).map_err(failed)?;
        let deadline = Instant::now() + timeout;
        let mut buffer = [0; 256];
        loop {
            let length = match file.read_at(&mut buffer, 0) {
                // The directory went away under us, and with it all processes.
                Err(e) if e.raw_os_error() == Some(nix::libc::ENODEV) => {
                    return if key == "populated" { Ok(()) } else { Err(failed(e)) };
                }
                other => other.map_err(failed)?,
            };
            let text = String::from_utf8_lossy(&buffer[..length]);
            if parse::key(&text, key) == Some(wanted) {
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(CgroupError::TooSlow { state, path: self.unified.clone(), waited_ms: timeout.as_millis() });
            }
            let left = PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::MAX);
            match poll(&mut [PollFd::new(file.as_fd(), PollFlags::POLLPRI)], left) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(e) => return Err(failed(e.into())),
            }
        }
    }
}

/// On 64-bit kernels a cgroup's id is its inode number (Linux 5.5).
pub(super) fn inode(dir: &Path) -> Result<u64, CgroupError> {
    fs::metadata(dir).map(|m| m.ino()).map_err(|e| CgroupError::file("stat", dir, e))
}
