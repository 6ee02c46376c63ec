//! Device nodes, symlinks, sysctls.

use super::beneath::{self, Make};
use super::tree::Tree;
use crate::failure::{At, Outcome};
use crate::sys::file::{self, flags, mode, resolve};
use crate::sys::mount;
use crate::sys::{CWD, Errno, OwnedFd, Result, fd};
use core::ffi::CStr;
use hull_plan::StepKind;

/// What a node shall be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    /// With type bits; without: a character device.
    pub(super) mode: u32,
    pub(super) major: u32,
    pub(super) minor: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// Makes a device node.
pub(super) fn device<'p>(tree: &Tree, path: &'p CStr, node: Node) -> Outcome<'p> {
    tree.require_own(StepKind::Device, path)?;
    make_node(tree, path, node).at(StepKind::Device, path)
}

fn make_node(tree: &Tree, path: &CStr, node: Node) -> Result<()> {
    let (parent, name) = beneath::find_parent(tree.root(), path)?;
    let name = name.as_c_str();
    let kind = if node.mode & mode::TYPE == 0 { mode::CHARACTER } else { node.mode & mode::TYPE };
    match file::mknod(&parent, name, kind | node.mode & 0o7777, node.major, node.minor) {
        Ok(()) => file::chown_name(&parent, name, node.uid, node.gid),
        Err(Errno::EEXIST) => {
            let there = file::stat_name(&parent, name)?;
            let same = there.kind() == kind
                && (kind == mode::FIFO || there.rdev == file::device_number(node.major, node.minor));
            if same { file::chown_name(&parent, name, node.uid, node.gid) } else { Err(Errno::EEXIST) }
        }
        // No user namespace but the first may make devices. The host's own node, then.
        Err(Errno::EPERM) => {
            let source = mount::clone_tree(CWD, path, false)?;
            let place: OwnedFd = beneath::find_or_make(tree.root(), path, Make::File)?;
            mount::attach_tree(&source, &place)
        }
        Err(errno) => Err(errno),
    }
}

/// Makes a symlink; whatever is there already stays.
pub(super) fn symlink<'p>(tree: &Tree, target: &CStr, path: &'p CStr) -> Outcome<'p> {
    tree.require_own(StepKind::Device, path)?;
    let (parent, name) = beneath::find_parent(tree.root(), path).at(StepKind::Device, path)?;
    match file::symlink(target, &parent, name.as_c_str()) {
        Err(Errno::EEXIST) => Ok(()),
        other => other.at(StepKind::Device, path),
    }
}

/// Writes a sysctl of the namespaces that this process is in: `/proc/sys` shows its opener's, so the host's will do.
pub(super) fn sysctl<'p>(key: &'p CStr, value: &CStr) -> Outcome<'p> {
    let write = || -> Result<()> {
        let all = file::open(CWD, c"/proc/sys", flags::PATH | flags::DIRECTORY, 0)?;
        let inside = resolve::BENEATH | resolve::NO_SYMLINKS;
        let one = file::open_with(&all, key, flags::WRONLY, 0, inside)?;
        fd::write_all(&one, value.to_bytes())
    };
    write().at(StepKind::Sysctl, key)
}
