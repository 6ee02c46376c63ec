//! The container's file tree while it is being made: its root, and what building it needs of the host.

use super::{foreign, rootfs};
use crate::failure::{At, Failure, Outcome};
use crate::sys::file::{self, flags};
use crate::sys::map::Page;
use crate::sys::mount::{self, ms};
use crate::sys::{CWD, Errno, OwnedFd, Result, process};
use crate::text::Text;
use core::ffi::CStr;
use core::fmt::Write;
use hull_plan::{Step, StepKind, Steps};

/// Most binds and volumes to fill in one plan: their sources are open at the same time.
const MAX_SOURCES: usize = 480;

type Sources = Page<[Option<OwnedFd>; MAX_SOURCES]>;

/// How a source is taken hold of.
enum Taken<'p> {
    /// As a detached copy of the mounts there.
    Bound { recursive: bool },
    /// The same, of what lies below a directory.
    Beneath { directory: &'p CStr, recursive: bool },
    /// The same, from another container.
    Foreign { namespace: &'p CStr },
    /// As an overlay that is mounted over a directory for the moment.
    Overlaid { options: &'p CStr },
    /// As a directory that is written to.
    Copied,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Tree {
    /// `/` of the container.
    root: OwnedFd,
    /// This plan makes the root, so it may be changed, and is pivoted into.
    made: bool,
    /// `RootHost`: the tree is the host's.
    host: bool,
    propagation: u64,
    /// `/proc/self/fd` of the host: how mount(2) is pointed at a descriptor, whatever the container's /proc is.
    descriptors: Option<OwnedFd>,
    sources: Option<Sources>,
    next_source: usize,
}

impl Tree {
    /// The tree that this process is in.
    pub(super) fn new<'p>() -> Outcome<'p, Self> {
        let root = file::open(CWD, c"/", flags::PATH | flags::DIRECTORY, 0).at(StepKind::Rootfs, "/")?;
        Ok(Self { root, made: false, host: false, propagation: 0, descriptors: None, sources: None, next_source: 0 })
    }

    /// The root's descriptor, what paths are resolved beneath.
    pub(super) fn root(&self) -> &OwnedFd {
        &self.root
    }

    /// Whether this plan makes the tree.
    pub(super) fn is_made(&self) -> bool {
        self.made
    }

    /// An error unless this plan makes the tree: nothing may be mounted into, or written to, anybody else's.
    pub(super) fn require_own<'p>(&self, step: StepKind, object: &'p CStr) -> Outcome<'p> {
        if self.made { Ok(()) } else { Err(Failure { step, errno: Errno::EINVAL, object: object.to_bytes() }) }
    }

    pub(super) fn refuse_mounts(&mut self) {
        self.host = true;
    }

    /// Applies to everything that was mounted when the namespace was made.
    pub(super) fn set_propagation<'p>(&mut self, propagation: u64) -> Outcome<'p> {
        self.propagation = propagation;
        mount::mount(c"", c"/", c"", propagation, c"").at(StepKind::Rootfs, "/")
    }

    /// Takes hold of what the plan takes from the host, before the root filesystem is attached somewhere and could hide it.
    pub(super) fn open_sources<'p>(&mut self, steps: &Steps<'p>) -> Outcome<'p> {
        let descriptors = file::open(CWD, c"/proc/self/fd", flags::PATH | flags::DIRECTORY, 0)
            .at(StepKind::Rootfs, "/proc/self/fd")?;
        self.descriptors = Some(descriptors);
        let mut sources: Option<Sources> = None;
        let wanted = steps.clone().flatten().filter_map(|step| match step {
            Step::Bind { source, flags, .. } => Some((source, Taken::Bound { recursive: flags & ms::REC != 0 })),
            Step::BindBeneath { source, subpath, flags, .. } => {
                Some((subpath, Taken::Beneath { directory: source, recursive: flags & ms::REC != 0 }))
            }
            Step::BindFrom { source, namespace, .. } => Some((source, Taken::Foreign { namespace })),
            Step::BindOverlay { cwd, options, .. } => Some((cwd, Taken::Overlaid { options })),
            Step::CopyUp { source, .. } => Some((source, Taken::Copied)),
            _ => None,
        });
        for (index, (source, taken)) in wanted.enumerate() {
            let slots = match &mut sources {
                Some(slots) => slots,
                empty => empty.insert(Page::new([const { None }; MAX_SOURCES]).at(StepKind::Rootfs, source)?),
            };
            let slot = slots.get_mut(index).ok_or(Errno::E2BIG).at(StepKind::BindSource, source)?;
            let opened = match taken {
                Taken::Bound { recursive } => mount::clone_tree(CWD, source, recursive),
                Taken::Beneath { directory, recursive } => {
                    file::open(CWD, directory, flags::PATH | flags::DIRECTORY, 0)
                        .and_then(|root| file::open_beneath(&root, source, flags::PATH))
                        .and_then(|place| mount::clone_tree(&place, c"", recursive))
                }
                Taken::Foreign { namespace } => foreign::clone_tree(namespace, source),
                Taken::Overlaid { options } => rootfs::detached_overlay(source, options, self.propagation),
                Taken::Copied => file::open(CWD, source, flags::RDONLY | flags::DIRECTORY, 0),
            };
            *slot = Some(opened.at(StepKind::BindSource, source)?);
        }
        self.sources = sources;
        Ok(())
    }

    /// The source of the next `Bind`, `BindBeneath`, `BindOverlay` or `BindFrom` (a detached tree) or `CopyUp` (a directory) of the plan.
    pub(super) fn take_source(&mut self) -> Option<OwnedFd> {
        let source = self.sources.as_mut()?.get_mut(self.next_source)?.take();
        self.next_source += 1;
        source
    }

    /// mount(2) onto what a descriptor refers to.
    pub(super) fn mount_on(
        &self,
        target: &OwnedFd,
        source: &CStr,
        fstype: &CStr,
        flags: u64,
        data: &CStr,
    ) -> Result<()> {
        process::change_directory(self.descriptors.as_ref().ok_or(Errno::EINVAL)?)?;
        let mut number = Text::<16>::new();
        write!(number, "{}", target.raw()).map_err(|_| Errno::ENAMETOOLONG)?;
        mount::mount(source, number.as_c_str(), fstype, flags, data)
    }

    /// Overlay over the image's layers.
    pub(super) fn overlay<'p>(&mut self, cwd: &'p CStr, options: &CStr) -> Outcome<'p> {
        self.refuse_second_root(cwd)?;
        self.root = rootfs::overlay(cwd, options, self.propagation).at(StepKind::Rootfs, cwd)?;
        self.made = true;
        Ok(())
    }

    /// A directory as it is.
    pub(super) fn bind_root<'p>(&mut self, path: &'p CStr) -> Outcome<'p> {
        self.refuse_second_root(path)?;
        self.root = rootfs::bind(path, self.propagation).at(StepKind::Rootfs, path)?;
        self.made = true;
        self.mount_on(&self.root, c"", c"", ms::PRIVATE, c"").at(StepKind::Rootfs, path)
    }

    fn refuse_second_root<'p>(&self, path: &'p CStr) -> Outcome<'p> {
        if self.made || self.host {
            return Err(Failure { step: StepKind::Rootfs, errno: Errno::EINVAL, object: path.to_bytes() });
        }
        Ok(())
    }

    /// Goes into the tree for good, if this plan made it. Afterwards nothing of the host can be reached.
    pub(super) fn enter<'p>(&mut self) -> Outcome<'p> {
        self.sources = None;
        self.descriptors = None;
        if self.made {
            self.root = rootfs::pivot(&self.root).at(StepKind::PivotRoot, "/")?;
        }
        Ok(())
    }
}
