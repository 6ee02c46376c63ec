//! The new process, from the clone to `execve`.
//!
//! It has no descriptor of the shim's but those it was given, tells which step failed, and never returns: it becomes the
//! payload or ends. Order, and why:
//!
//! 1. wait until the shim has put it into its cgroups and written its id maps: nothing runs unaccounted;
//! 2. join namespaces, then leave the cgroup namespace (its root is the cgroup that one is in);
//! 3. root filesystem, mounts, nodes, masks: everything resolved beneath the root's descriptor, while the host's `/proc`
//!    and `/dev/null` can still be trusted; terminal; pivot;
//! 4. user, working directory, limits: while still root;
//! 5. descriptors, ids, capabilities, seccomp: the walls, outermost last;
//! 6. `execve`.

mod beneath;
mod copy_up;
mod execute;
mod foreign;
mod identity;
mod masks;
mod mounts;
mod nodes;
pub(crate) mod passwd;
mod privileges;
mod rootfs;
mod stdio;
mod tree;

use crate::failure::{At, Failure, Outcome};
use crate::spawn::Prepared;
use crate::sys::fd;
use crate::sys::process::{self, ns};
use crate::sys::{AsFd, BorrowedFd, OwnedFd, net};
use core::ffi::CStr;
use hull_plan::{Frame, Step, StepKind, Steps};
use tree::Tree;

/// What the child was given by the shim.
#[derive(Debug)]
pub(crate) struct Child<'s, 'p> {
    /// The plan, checked.
    pub(crate) steps: Steps<'p>,
    /// What the shim read from the plan.
    pub(crate) prepared: &'s Prepared<'p>,
    /// "Go" comes in here; a failure and the terminal go out.
    pub(crate) status: &'s OwnedFd,
    /// Its ends of the pipes.
    pub(crate) stdio: [Option<&'s OwnedFd>; 3],
    /// The container's init, for execs.
    pub(crate) init: Option<BorrowedFd<'s>>,
}

impl<'p> Child<'_, 'p> {
    /// Becomes the payload, or reports why not and ends.
    pub(crate) fn run(self) -> ! {
        let failure = match self.become_payload() {
            Ok(never) => never,
            Err(failure) => failure,
        };
        let mut message = [0u8; 2048];
        let frame = Frame::Failed { step: failure.step, errno: failure.errno.0, object: failure.object };
        if let Some(length) = frame.encode(&mut message) {
            let _ = net::send_message(self.status, message.get(..length).unwrap_or_default(), None);
        }
        process::exit(125)
    }

    fn become_payload(&self) -> Outcome<'p, Failure<'p>> {
        self.close_foreign().at(StepKind::Prepare, "descriptors")?;
        let mut go = [0u8; 1];
        match net::receive_message(self.status, &mut go, true) {
            Ok((1, _)) => {}
            // The shim has given up, or is gone.
            _ => process::exit(125),
        }
        let _ = process::new_session();
        crate::sys::identity::set_umask(0);
        let own_program = execute::open_own_program(&self.steps)?;
        self.before_namespaces()?;
        self.join_namespaces()?;

        let mut tree = Tree::new()?;
        self.build(&mut tree)?;
        let terminal = stdio::terminal(self, &mut tree)?;
        tree.enter()?;
        let user = identity::look_up(&self.steps, tree.root())?;
        execute::change_directory(&self.steps, &tree)?;
        stdio::install(self, &tree, terminal, &user)?;
        drop(tree);
        execute::run(self, &user, own_program.as_ref())
    }

    /// Closes whatever of the shim's came along with the clone: its connections, its log, its epoll set.
    fn close_foreign(&self) -> crate::sys::Result<()> {
        let mut keep = [-1i32; 16];
        let given = self.stdio.iter().flatten().map(|fd| fd.raw());
        let joined = self.prepared.joins.iter().flatten().map(|join| join.fd.raw());
        let numbers = [Some(self.status.raw()), self.init.map(|fd| fd.raw())].into_iter().flatten();
        for (slot, fd) in keep.iter_mut().zip(given.chain(joined).chain(numbers)) {
            *slot = fd;
        }
        fd::close_all_but(&mut keep)
    }

    /// What needs the host's /proc.
    fn before_namespaces(&self) -> Outcome<'p> {
        for step in self.steps.clone().flatten() {
            if let Step::OomScoreAdj { value } = step {
                execute::set_oom_score(value).at(StepKind::Limit, "oom_score_adj")?;
            }
        }
        Ok(())
    }

    fn join_namespaces(&self) -> Outcome<'p> {
        let prepared = self.prepared;
        // The user namespace first: it decides over the right to join the others; the mount namespace last: it changes
        // where paths lead.
        let rank = |kind: u64| match kind {
            ns::USER => 0,
            ns::MNT => 2,
            _ => 1,
        };
        for turn in 0..3 {
            for join in prepared.joins.iter().flatten().filter(|join| rank(join.kind) == turn) {
                process::join(&join.fd, join.kind).at(StepKind::Namespace, join.path)?;
            }
        }
        if let (Some(init), kinds) = (self.init, prepared.join_init & !ns::PID)
            && kinds != 0
        {
            process::join(init, kinds).at(StepKind::Namespace, "the container's namespaces")?;
        }
        if prepared.namespaces & ns::USER != 0 || prepared.join_init & ns::USER != 0 {
            // Until here this is "nobody" in the new namespace.
            crate::sys::identity::set_group(0).at(StepKind::Namespace, "user")?;
            crate::sys::identity::set_user(0).at(StepKind::Namespace, "user")?;
        }
        if prepared.namespaces & ns::NET != 0 {
            // A network of one's own has at least oneself.
            net::bring_up_loopback().at(StepKind::Namespace, "lo")?;
        }
        if self.steps.clone().flatten().any(|step| step == Step::UnshareCgroup) {
            process::unshare(ns::CGROUP).at(StepKind::Namespace, "cgroup")?;
        }
        Ok(())
    }

    /// Carries out the steps up to the pivot, in the plan's order.
    fn build(&self, tree: &mut Tree) -> Outcome<'p> {
        let sys = crate::sys::identity::set_hostname;
        for step in self.steps.clone().flatten() {
            match step {
                Step::Hostname { name } => sys(name).at(StepKind::Hostname, name)?,
                Step::Domainname { name } => {
                    crate::sys::identity::set_domainname(name).at(StepKind::Hostname, name)?;
                }
                Step::RootPropagation { flags } => tree.set_propagation(flags)?,
                Step::Overlay { cwd, options } => {
                    tree.open_sources(&self.steps)?;
                    tree.overlay(cwd, options)?;
                }
                Step::RootBind { path } => {
                    tree.open_sources(&self.steps)?;
                    tree.bind_root(path)?;
                }
                Step::RootHost => tree.refuse_mounts(),
                Step::Mount { fstype, source, target, flags, data } => {
                    mounts::mount(tree, fstype, source, target, flags, data)?;
                }
                Step::Bind { source, target, flags, propagation } => {
                    mounts::bind(tree, source, target, flags, propagation)?;
                }
                Step::BindBeneath { subpath, target, flags, propagation, .. } => {
                    mounts::bind(tree, subpath, target, flags, propagation)?;
                }
                Step::BindOverlay { cwd, target, flags, .. } => mounts::bind(tree, cwd, target, flags, 0)?,
                Step::BindFrom { source, target, flags, .. } => mounts::bind(tree, source, target, flags, 0)?,
                Step::CopyUp { source, target } => copy_up::run(tree, source, target)?,
                Step::Device { path, mode, major, minor, uid, gid } => {
                    nodes::device(tree, path, nodes::Node { mode, major, minor, uid, gid })?;
                }
                Step::Symlink { target, path } => nodes::symlink(tree, target, path)?,
                Step::Sysctl { key, value } => nodes::sysctl(key, value)?,
                Step::MaskPath { path } => masks::mask(tree, path)?,
                Step::ReadonlyPath { path } => masks::read_only(tree, path)?,
                Step::ReadonlyRoot => masks::read_only_root(tree)?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// The first character device with this number that a path leads to, opened without following symlinks: an image's or a
/// running container's `/dev` may hold anything else under that name, a FIFO that blocks for instance.
fn open_device(root: impl AsFd, path: &CStr, major: u32, minor: u32) -> crate::sys::Result<OwnedFd> {
    use crate::sys::Errno;
    use crate::sys::file::{self, flags, resolve};
    let strict = resolve::IN_ROOT | resolve::NO_SYMLINKS;
    let how = flags::RDWR | flags::NOCTTY | flags::NONBLOCK;
    let path_only = file::open_with(&root, path, flags::PATH, 0, strict)?;
    if !file::stat(&path_only)?.is_character_device(major, minor) {
        return Err(Errno::EINVAL);
    }
    let fd = file::open_with(&root, path, how, 0, strict)?;
    if file::stat(&fd)?.is_character_device(major, minor) { Ok(fd) } else { Err(Errno::EINVAL) }
}
