//! Making the root filesystem and going into it.

use crate::sys::file::{self, flags};
use crate::sys::mount::{self, ms};
use crate::sys::{CWD, OwnedFd, Result, process};
use core::ffi::CStr;

const DIRECTORY: u64 = flags::PATH | flags::DIRECTORY;

/// Mounts an overlay on `cwd`, from where its relative lower paths start: mount(2) takes one page of options, in which
/// forty layers with long absolute names do not fit. Returns its root.
pub(super) fn overlay(cwd: &CStr, options: &CStr, propagation: u64) -> Result<OwnedFd> {
    let below = file::open(CWD, cwd, DIRECTORY, 0)?;
    keep_to_ourselves(&below, propagation)?;
    process::change_directory(&below)?;
    mount::mount(c"overlay", c".", c"overlay", 0, options)?;
    // The old descriptor still means what is now hidden; the path leads to what was mounted over it.
    file::open(CWD, cwd, DIRECTORY, 0)
}

/// An overlay that is mounted nowhere. mount(2) wants a place: `cwd` lends it and is then as it was.
pub(super) fn detached_overlay(cwd: &CStr, options: &CStr, propagation: u64) -> Result<OwnedFd> {
    let tree = mount::clone_tree(&overlay(cwd, options, propagation)?, c"", false)?;
    mount::detach(cwd)?;
    Ok(tree)
}

/// Binds a directory onto itself: pivot_root wants a mount. Returns its root.
pub(super) fn bind(path: &CStr, propagation: u64) -> Result<OwnedFd> {
    let below = file::open(CWD, path, DIRECTORY, 0)?;
    keep_to_ourselves(&below, propagation)?;
    let tree = mount::clone_tree(&below, c"", true)?;
    mount::attach_tree(&tree, &below)?;
    Ok(tree)
}

/// With shared propagation a mount would appear on the host too, and pivot_root refuses below a shared mount: so the mount
/// that holds the directory is made private here, in this namespace.
fn keep_to_ourselves(directory: &OwnedFd, propagation: u64) -> Result<()> {
    if propagation & ms::SHARED == 0 {
        return Ok(());
    }
    let mut at = file::open(directory, c".", DIRECTORY, 0)?;
    while !file::is_mount_root(&at)? {
        at = file::open(&at, c"..", DIRECTORY, 0)?;
    }
    process::change_directory(&at)?;
    mount::mount(c"", c".", c"", ms::PRIVATE, c"")
}

/// Makes `root` this process's `/` and lets go of the old one. Returns a descriptor of the new one.
pub(super) fn pivot(root: &OwnedFd) -> Result<OwnedFd> {
    let old = file::open(CWD, c"/", DIRECTORY, 0)?;
    process::change_directory(root)?;
    // The old root ends up mounted over the new one, so no directory for it is needed in the image.
    mount::pivot_here()?;
    process::change_directory(&old)?;
    // What is detached now must not be unmounted on the host as well.
    mount::mount(c"", c".", c"", ms::SLAVE | ms::REC, c"")?;
    mount::detach(c".")?;
    let root = file::open(CWD, c"/", DIRECTORY, 0)?;
    process::change_directory(&root)?;
    Ok(root)
}
