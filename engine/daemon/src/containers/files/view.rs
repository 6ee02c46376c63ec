//! A container's root as a mount that nobody else sees.
//!
//! ```text
//!   it does not run   unshare(mount namespace)  overlay of its layers    -+
//!   it runs           setns(its namespace)      clone of its root mount  -+-> pivot_root: only that is left
//!                                                                           graft: volumes, binds, files of the engine
//! ```
//! Each step happens on a thread of its own, which ends at once: what lives on is a descriptor of the root and one of the
//! namespace, and with them the mounts go. Nothing is ever mounted where a process could come upon it, and a daemon that
//! is killed leaves nothing behind.
//!
//! `/proc`, `/sys` and `/dev` are not part of a view, running or not, as with Docker. So a view has no magic links, no
//! file of the kernel's that acts when it is read, and no device that could be opened: the mounts say `nodev`.

use super::walk;
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount_change, mount_remount,
    move_mount, open_tree,
};
use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// A failed step.
#[derive(Debug, thiserror::Error)]
#[error("{operation} {object}: {source}")]
pub struct ViewError {
    operation: &'static str,
    object: String,
    source: Errno,
}

impl ViewError {
    fn new(operation: &'static str, object: impl Into<String>) -> impl FnOnce(Errno) -> Self {
        let object = object.into();
        move |source| Self { operation, object, source }
    }

    /// What the image has at the place of a mount is not of the mount's kind: a start would fail as well.
    pub(super) fn is_of_the_request(&self) -> bool {
        let places = [PLACE, "mount on"];
        places.contains(&self.operation)
            && matches!(self.source, Errno::NOTDIR | Errno::ISDIR | Errno::LOOP | Errno::NAMETOOLONG)
    }

    /// The process whose files were looked for has ended.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.source, Errno::NOENT | Errno::SRCH) && self.operation == FIND_PROCESS
    }
}

const FIND_PROCESS: &str = "find the files of process";
const PLACE: &str = "create the mount point";

/// A root, and the mounts in it.
#[derive(Debug)]
pub(in crate::containers) struct View {
    root: OwnedFd,
    /// Holds the mounts.
    namespace: OwnedFd,
}

/// A mount to be put into a view.
#[derive(Debug)]
pub(super) struct Graft {
    tree: OwnedFd,
    /// In the container.
    target: String,
    directory: bool,
    read_only: bool,
}

impl Graft {
    /// A file or directory of the host's, with all that is mounted below it if `recursive`.
    pub(super) fn of_host(source: &Path, target: &str, recursive: bool, read_only: bool) -> Result<Self, ViewError> {
        let failed = || ViewError::new("clone the mount of", source.display().to_string());
        let recursive = if recursive { OpenTreeFlags::AT_RECURSIVE } else { OpenTreeFlags::empty() };
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | recursive;
        let tree = open_tree(CWD, source, flags).map_err(failed())?;
        Self::new(tree, target, read_only).map_err(failed())
    }

    /// A part of a volume: links on the way to it mean what they mean inside the volume.
    pub(super) fn of_part(volume: &Path, part: &str, target: &str, read_only: bool) -> Result<Self, ViewError> {
        let failed = || ViewError::new("clone the mount of", volume.join(part).display().to_string());
        let look = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let volume = rustix::fs::open(volume, look, Mode::empty()).map_err(failed())?;
        let part = walk::find(&volume, part.as_bytes()).map_err(failed())?;
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_RECURSIVE
            | OpenTreeFlags::AT_EMPTY_PATH;
        let tree = open_tree(&part, "", flags).map_err(failed())?;
        Self::new(tree, target, read_only).map_err(failed())
    }

    fn new(tree: OwnedFd, target: &str, read_only: bool) -> Result<Self, Errno> {
        Ok(Self { directory: is_directory(&tree)?, tree, target: target.to_owned(), read_only })
    }
}

/// An overlay as mount(2) takes it.
pub(super) struct Overlay {
    /// The current directory of the mount: layers are named from here.
    pub(super) layers: PathBuf,
    pub(super) options: CString,
    /// Any directory that is there: it is covered in a namespace of its own.
    pub(super) over: PathBuf,
}

impl View {
    /// The root.
    pub(in crate::containers) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// An overlay and nothing else.
    pub(super) fn of_overlay(overlay: Overlay) -> Result<Self, ViewError> {
        on_thread(move |proc| {
            unshare_mounts(true)?;
            let failed = || ViewError::new("mount the layers over", overlay.over.display().to_string());
            rustix::process::chdir(&overlay.layers).map_err(failed())?;
            let flags = MountFlags::NODEV | MountFlags::NOSUID;
            rustix::mount::mount("overlay", &overlay.over, "overlay", flags, &*overlay.options).map_err(failed())?;
            rustix::process::chdir(&overlay.over).map_err(failed())?;
            leave_only_this(proc)
        })
    }

    /// What the process in this namespace has as its root, without what is mounted there; and the mounts at `targets`.
    pub(super) fn of_namespace(namespace: OwnedFd, targets: Vec<String>) -> Result<(Self, Vec<Graft>), ViewError> {
        on_thread(move |proc| {
            enter(&namespace)?;
            let failed = |object: &str| ViewError::new("clone the mount of", object.to_owned());
            let clone = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
            let tree = open_tree(CWD, "/", clone).map_err(failed("/"))?;
            let root = open_root().map_err(failed("/"))?;
            let mut grafts = Vec::new();
            for target in targets {
                let here = match walk::find(&root, target.as_bytes()) {
                    // Its own processes may have taken it away.
                    Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => continue,
                    here => here.map_err(failed(&target))?,
                };
                let flags = clone | OpenTreeFlags::AT_RECURSIVE | OpenTreeFlags::AT_EMPTY_PATH;
                let mount = open_tree(&here, "", flags).map_err(failed(&target))?;
                // Its own flags say whether it can be written to.
                grafts.push(Graft::new(mount, &target, false).map_err(failed(&target))?);
            }
            unshare_mounts(true)?;
            let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
            move_mount(&tree, "", CWD, "/", flags).map_err(ViewError::new("attach", "the container's root"))?;
            rustix::process::fchdir(&tree).map_err(failed("/"))?;
            Ok((leave_only_this(proc)?, grafts))
        })
    }

    /// This view with more mounts in it. Places for them are made where they are missing.
    pub(super) fn with(&self, grafts: Vec<Graft>) -> Result<Self, ViewError> {
        let namespace = self.namespace.try_clone();
        let namespace = namespace.map_err(|_| ViewError::new("keep", "a namespace")(Errno::MFILE))?;
        on_thread(move |proc| {
            enter(&namespace)?;
            unshare_mounts(false)?;
            let root = open_root().map_err(ViewError::new("open", "/"))?;
            // Paths below are those of the engine's own /proc: the container's has none of it.
            rustix::process::fchdir(proc).map_err(ViewError::new("open", "/proc"))?;
            for graft in grafts {
                let failed = || ViewError::new("mount on", graft.target.clone());
                let target = walk::find_or_make(root.as_fd(), graft.target.as_bytes(), graft.directory);
                let target = target.map_err(ViewError::new(PLACE, graft.target.clone()))?;
                if is_directory(&target).map_err(failed())? != graft.directory {
                    return Err(failed()(if graft.directory { Errno::NOTDIR } else { Errno::ISDIR }));
                }
                let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
                move_mount(&graft.tree, "", &target, "", flags).map_err(failed())?;
                let mut flags = MountFlags::BIND | MountFlags::NODEV | MountFlags::NOSUID;
                if graft.read_only || is_read_only(&graft.tree) {
                    flags |= MountFlags::RDONLY;
                }
                let path = format!("thread-self/fd/{}", graft.tree.as_raw_fd());
                mount_remount(path, flags, c"").map_err(failed())?;
            }
            rustix::process::chdir("/").map_err(ViewError::new("open", "/"))?;
            here(proc)
        })
    }
}

fn is_directory(fd: &OwnedFd) -> Result<bool, Errno> {
    Ok(FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode) == FileType::Directory)
}

fn is_read_only(tree: &OwnedFd) -> bool {
    let flags = rustix::fs::fstatvfs(tree).map(|stat| stat.f_flag);
    flags.is_ok_and(|flags| flags.contains(rustix::fs::StatVfsMountFlags::RDONLY))
}

/// The mount namespace of a process that must be in the cgroup of this name: its number may be another's by now.
pub(super) fn namespace_of(pid: u32, cgroup: &str) -> Result<OwnedFd, ViewError> {
    let failed = || ViewError::new(FIND_PROCESS, pid.to_string());
    let look = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    // All that is opened below this directory is of the same process, or an error.
    let process = rustix::fs::open(format!("/proc/{pid}"), look, Mode::empty()).map_err(failed())?;
    let read = OFlags::RDONLY | OFlags::CLOEXEC;
    let namespace = rustix::fs::openat(&process, "ns/mnt", read, Mode::empty()).map_err(failed())?;
    let cgroups = rustix::fs::openat(&process, "cgroup", read, Mode::empty()).map_err(failed())?;
    let text = std::io::read_to_string(std::fs::File::from(cgroups));
    let text = text.map_err(|error| failed()(Errno::from_io_error(&error).unwrap_or(Errno::IO)))?;
    if text.contains(cgroup) { Ok(namespace) } else { Err(failed()(Errno::SRCH)) }
}

/// Runs on a thread that may go into other namespaces, because it ends here. It gets the engine's own `/proc`.
fn on_thread<T: Send>(work: impl FnOnce(BorrowedFd<'_>) -> Result<T, ViewError> + Send) -> Result<T, ViewError> {
    let failed = || ViewError::new("begin", "a thread for mounts");
    let look = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let proc = rustix::fs::open("/proc", look, Mode::empty()).map_err(failed())?;
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("mounts".to_owned()).spawn_scoped(scope, || work(proc.as_fd()));
        let thread = thread.map_err(|error| failed()(Errno::from_io_error(&error).unwrap_or(Errno::AGAIN)))?;
        thread.join().unwrap_or_else(|_panic| Err(failed()(Errno::CANCELED)))
    })
}

/// Gives this thread a mount namespace of its own. `private`: it is a copy of one that sends and receives mounts.
fn unshare_mounts(private: bool) -> Result<(), ViewError> {
    let failed = || ViewError::new("make", "a mount namespace");
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).map_err(|errno| failed()(of_nix(errno)))?;
    if private {
        let all = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        mount_change("/", all).map_err(failed())?;
    }
    Ok(())
}

/// Goes into a mount namespace; root and current directory are its root then.
fn enter(namespace: &OwnedFd) -> Result<(), ViewError> {
    use nix::sched::{CloneFlags, setns, unshare};
    // The kernel asks for a root and a current directory that no other thread shares.
    let entered = unshare(CloneFlags::CLONE_FS).and_then(|()| setns(namespace, CloneFlags::CLONE_NEWNS));
    entered.map_err(|errno| ViewError::new("enter", "a mount namespace")(of_nix(errno)))
}

fn of_nix(errno: nix::errno::Errno) -> Errno {
    Errno::from_raw_os_error(errno as i32)
}

/// Makes the mount of the current directory the root, and lets all others go.
fn leave_only_this(proc: BorrowedFd<'_>) -> Result<View, ViewError> {
    let failed = || ViewError::new("change the root to", "the container's");
    let old = open_root().map_err(failed())?;
    rustix::process::pivot_root(".", ".").map_err(failed())?;
    // The old root lies over the new one at this moment.
    rustix::process::fchdir(&old).map_err(failed())?;
    rustix::mount::unmount(".", UnmountFlags::DETACH).map_err(failed())?;
    rustix::process::chdir("/").map_err(failed())?;
    here(proc)
}

/// The root and the namespace of this thread.
fn here(proc: BorrowedFd<'_>) -> Result<View, ViewError> {
    let failed = || ViewError::new("keep", "a mount namespace");
    let root = open_root().map_err(failed())?;
    let read = OFlags::RDONLY | OFlags::CLOEXEC;
    let namespace = rustix::fs::openat(proc, "thread-self/ns/mnt", read, Mode::empty()).map_err(failed())?;
    Ok(View { root, namespace })
}

fn open_root() -> Result<OwnedFd, Errno> {
    let look = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, "/", look, Mode::empty())
}
