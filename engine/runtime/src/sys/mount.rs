//! `mount_setattr(2)`, which is only asked for here: the shim calls it.

use nix::libc;

/// Whether the kernel has the call, and lets this process make it. No size at all is refused before anything is looked up.
pub(crate) fn has_mount_setattr() -> bool {
    // SAFETY: the path is a string that ends; no attributes are read, as their size is 0.
    let result = unsafe {
        libc::syscall(libc::SYS_mount_setattr, -1, c"".as_ptr(), 0, std::ptr::null::<libc::c_void>(), 0_usize)
    };
    result == -1 && std::io::Error::last_os_error().raw_os_error() == Some(libc::EINVAL)
}
