//! File systems and binds below the container's root.

use super::beneath::{self, Make};
use super::tree::Tree;
use crate::failure::{At, Outcome};
use crate::sys::file::{self, mode};
use crate::sys::mount::{self as sys, attribute, ms};
use crate::sys::{Errno, OwnedFd, Result};
use core::ffi::CStr;
use hull_plan::StepKind;
use hull_plan::step::READONLY_TOP;

/// A new file system at `target`.
pub(super) fn mount<'p>(
    tree: &Tree,
    fstype: &CStr,
    source: &CStr,
    target: &'p CStr,
    flags: u64,
    data: &CStr,
) -> Outcome<'p> {
    tree.require_own(StepKind::Mount, target)?;
    let place = beneath::find_or_make(tree.root(), target, Make::Directory).at(StepKind::Mount, target)?;
    tree.mount_on(&place, source, fstype, flags, data).at(StepKind::Mount, target)
}

/// What the host has at the next source, at `target`.
pub(super) fn bind<'p>(
    tree: &mut Tree,
    source: &'p CStr,
    target: &'p CStr,
    flags: u64,
    propagation: u64,
) -> Outcome<'p> {
    tree.require_own(StepKind::Mount, target)?;
    let from = tree.take_source().ok_or(Errno::ENOENT).at(StepKind::BindSource, source)?;
    let make = match file::stat(&from).at(StepKind::BindSource, source)?.kind() {
        mode::DIRECTORY => Make::Directory,
        _ => Make::File,
    };
    let place = beneath::find_or_make(tree.root(), target, make).at(StepKind::Mount, target)?;
    attach(tree, &from, &place, flags, propagation).at(StepKind::Mount, target)
}

/// Attaches a detached tree and restricts it.
pub(super) fn attach(tree: &Tree, from: &OwnedFd, place: &OwnedFd, flags: u64, propagation: u64) -> Result<()> {
    sys::attach_tree(from, place)?;
    restrict(tree, from, flags)?;
    if propagation != 0 {
        tree.mount_on(from, c"", c"", propagation, c"")?;
    }
    Ok(())
}

/// Makes the mount that `fd` is the root of read-only, nosuid... Read-only reaches what is mounted below it if `flags`
/// has `MS_REC` without [`READONLY_TOP`] and the kernel can (Linux 5.12), as in Docker.
pub(super) fn restrict(tree: &Tree, fd: &OwnedFd, flags: u64) -> Result<()> {
    let (set, clear) = attributes(flags);
    if set == 0 && clear == 0 {
        return Ok(());
    }
    match sys::set_attributes(fd, set, clear, 0, false) {
        Err(Errno::ENOSYS) => {
            // Flags that are not named in a remount are lost, so name those that it has.
            let had = file::mount_flags(fd)?;
            let wanted = flags & !(ms::REC | ms::BIND | READONLY_TOP);
            tree.mount_on(fd, c"", c"", ms::BIND | ms::REMOUNT | had | wanted, c"")
        }
        Ok(()) if flags & (ms::REC | READONLY_TOP) == ms::REC && set & attribute::RDONLY != 0 => {
            sys::set_attributes(fd, attribute::RDONLY, 0, 0, true)
        }
        other => other,
    }
}

/// `MS_*` flags as attributes to set and to clear.
fn attributes(flags: u64) -> (u64, u64) {
    let table = [
        (ms::RDONLY, attribute::RDONLY, 0),
        (ms::NOSUID, attribute::NOSUID, 0),
        (ms::NODEV, attribute::NODEV, 0),
        (ms::NOEXEC, attribute::NOEXEC, 0),
        (ms::NODIRATIME, attribute::NODIRATIME, 0),
        (ms::NOATIME, attribute::NOATIME, attribute::ATIME),
        (ms::STRICTATIME, attribute::STRICTATIME, attribute::ATIME),
        (ms::RELATIME, 0, attribute::ATIME),
    ];
    let chosen = table.into_iter().filter(|(flag, _, _)| flags & flag != 0);
    chosen.fold((0, 0), |(set, clear), (_, s, c)| (set | s, clear | c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_become_attributes() {
        assert_eq!(attributes(ms::BIND | ms::REC), (0, 0));
        assert_eq!(attributes(ms::RDONLY | ms::NOSUID | ms::REC), (attribute::RDONLY | attribute::NOSUID, 0));
        // Times are a field, not bits: to set one clears the others.
        assert_eq!(attributes(ms::NOATIME), (attribute::NOATIME, attribute::ATIME));
        assert_eq!(attributes(ms::RELATIME), (0, attribute::ATIME));
    }
}
