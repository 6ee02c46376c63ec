//! The one thing that these tests cannot do without `unsafe`.

use std::io::Error;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Installs a seccomp filter between fork and exec, the only moment when it is the program's and not ours.
#[expect(unsafe_code, reason = "a filter can only be installed between fork and exec")]
#[expect(clippy::disallowed_methods, reason = "it makes one system call there, and needs no lock for it")]
pub(crate) fn filter_before_exec(command: &mut Command, filter: Vec<u8>) {
    // SAFETY: the closure allocates nothing and takes no lock: it makes one system call.
    unsafe {
        command.pre_exec(move || {
            hull_shim::sys::identity::set_seccomp(0, &filter).map_err(|errno| Error::from_raw_os_error(errno.0))
        });
    }
}
