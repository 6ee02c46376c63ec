//! Mounts of another container, for who shares its `/dev/shm`.
//!
//! A tree can be copied only by a process of the mount namespace that it belongs to. So the child visits that namespace, takes a
//! detached copy, and comes back; nothing of the other container's is executed, written to or trusted there.

use crate::sys::file::{self, flags, resolve};
use crate::sys::process::{self, ns};
use crate::sys::{CWD, OwnedFd, Result, mount};
use core::ffi::CStr;

/// A detached copy of what `namespace` has at `source`. No symlink is followed: the other container could point it anywhere.
pub(super) fn clone_tree(namespace: &CStr, source: &CStr) -> Result<OwnedFd> {
    let theirs = file::open(CWD, namespace, flags::RDONLY, 0)?;
    let ours = file::open(CWD, c"/proc/self/ns/mnt", flags::RDONLY, 0)?;
    let root = file::open(CWD, c"/", flags::PATH | flags::DIRECTORY, 0)?;
    process::join(&theirs, ns::MNT)?;
    let copied = file::open_with(CWD, source, flags::PATH, 0, resolve::NO_SYMLINKS)
        .and_then(|place| mount::clone_tree(&place, c"", true));
    // Joining leads to the namespace's own root, which need not be this process's.
    process::join(&ours, ns::MNT)?;
    process::change_directory(&root)?;
    process::change_root_here()?;
    copied
}
