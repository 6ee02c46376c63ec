//! Masked and read-only paths: walls. One that cannot be raised stops the container.

use super::beneath;
use super::mounts;
use super::tree::Tree;
use crate::failure::{At, Outcome};
use crate::sys::CWD;
use crate::sys::file::{self, mode};
use crate::sys::mount::{self, ms};
use core::ffi::CStr;
use hull_plan::StepKind;

/// Hides a path. The host's own `/dev/null` is used: the image's could be anything (CVE-2025-31133).
pub(super) fn mask<'p>(tree: &Tree, path: &'p CStr) -> Outcome<'p> {
    tree.require_own(StepKind::Mask, path)?;
    let Some(place) = beneath::find_if_there(tree.root(), path).at(StepKind::Mask, path)? else { return Ok(()) };
    if file::stat(&place).at(StepKind::Mask, path)?.kind() == mode::DIRECTORY {
        return tree.mount_on(&place, c"tmpfs", c"tmpfs", ms::RDONLY, c"").at(StepKind::Mask, path);
    }
    let null = mount::clone_tree(CWD, c"/dev/null", false).at(StepKind::Mask, path)?;
    mount::attach_tree(&null, &place).at(StepKind::Mask, path)
}

/// Makes a path and what is below it read-only.
pub(super) fn read_only<'p>(tree: &Tree, path: &'p CStr) -> Outcome<'p> {
    tree.require_own(StepKind::Mask, path)?;
    let Some(place) = beneath::find_if_there(tree.root(), path).at(StepKind::Mask, path)? else { return Ok(()) };
    if file::is_mount_root(&place).at(StepKind::Mask, path)? {
        return mounts::restrict(tree, &place, ms::RDONLY | ms::REC).at(StepKind::Mask, path);
    }
    let copy = mount::clone_tree(&place, c"", true).at(StepKind::Mask, path)?;
    mounts::attach(tree, &copy, &place, ms::RDONLY | ms::REC, 0).at(StepKind::Mask, path)
}

/// Makes the root's mount read-only; what is mounted below it stays as it is.
pub(super) fn read_only_root<'p>(tree: &Tree) -> Outcome<'p> {
    tree.require_own(StepKind::Mask, c"/")?;
    mounts::restrict(tree, tree.root(), ms::RDONLY).at(StepKind::Mask, "/")
}
