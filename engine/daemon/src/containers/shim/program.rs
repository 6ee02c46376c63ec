//! The shim's program: kept in a sealed memfd, so that it runs wherever `hulld` runs and nobody changes it on disk.

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// Read instead of the embedded shim when set, for work on the shim.
const OVERRIDE: &str = "HULL_SHIM";

/// The shim, ready to be spawned.
#[derive(Debug)]
pub(in crate::containers) struct ShimProgram {
    memfd: File,
}

impl ShimProgram {
    /// Puts the shim into memory and seals it.
    ///
    /// # Errors
    /// When this daemon carries none, or the kernel refuses.
    pub(in crate::containers) fn new() -> io::Result<Self> {
        match std::env::var_os(OVERRIDE) {
            Some(path) => Self::from_bytes(&std::fs::read(path)?),
            None => match crate::artifacts::SHIM {
                Some(bytes) => Self::from_bytes(bytes),
                None => Err(io::Error::new(io::ErrorKind::NotFound, "this hulld carries no hull-shim")),
            },
        }
    }

    fn from_bytes(bytes: &[u8]) -> io::Result<Self> {
        // Not CLOEXEC-less: `/proc/self/fd/N` is opened by execve before descriptors are closed, and an ELF
        // program needs its file no more after that.
        let fd: OwnedFd = memfd_create("hull-shim", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        let mut memfd = File::from(fd);
        memfd.write_all(bytes)?;
        fcntl_add_seals(&memfd, SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE)?;
        Ok(Self { memfd })
    }

    /// Spawns a shim; answers with its process and our end of its stdin. The daemon is multi-threaded, so this is
    /// `posix_spawn` with nothing run between fork and exec.
    ///
    /// # Errors
    /// When there is no socket pair or no process to be had.
    pub(in crate::containers) fn spawn(&self) -> io::Result<(Child, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        let program = format!("/proc/self/fd/{}", self.memfd.as_raw_fd());
        let child = Command::new(program)
            .arg0("hull-shim")
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .env_clear()
            // A session of its own would need pre_exec; a process group keeps the terminal's ^C away from it.
            .process_group(0)
            .spawn()?;
        Ok((child, ours))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn a_program_in_a_sealed_memfd_runs_with_the_socket_as_its_stdin() {
        let program = ShimProgram::from_bytes(&std::fs::read("/bin/cat").unwrap()).unwrap();
        assert!((&program.memfd).write_all(b"x").is_err(), "sealed");
        let (mut child, mut socket) = program.spawn().unwrap();
        let mut byte = [0];
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(socket.read(&mut byte).unwrap(), 0);
        assert!(child.wait().unwrap().success());
    }
}
