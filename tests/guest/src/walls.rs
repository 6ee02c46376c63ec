//! Tries what Docker's default container may not do, and prints what the kernel said.

use anyhow::Result;
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

/// One `name result` line each; the result is `ok` or the error's name.
pub(crate) fn try_all() -> Result<()> {
    report("mount", mount(None::<&str>, "/tmp", Some("tmpfs"), MsFlags::empty(), None::<&str>));
    // Without seccomp this one is open to everybody, so its refusal shows the filter and not a capability.
    report("unshare-user", unshare(CloneFlags::CLONE_NEWUSER));
    report("write-sysctl", write("/proc/sys/kernel/hostname"));
    report("write-sysrq", write("/proc/sysrq-trigger"));
    report("write-sys", write("/sys/kernel/mm/transparent_hugepage/enabled"));
    report("read-kcore", read("/proc/kcore"));
    report("list-firmware", empty_directory("/sys/firmware"));
    device();
    Ok(())
}

/// Docker lets a container make nodes (CAP_MKNOD); the device rules keep it from opening them.
fn device() {
    let node = Path::new("/tmp/guest-node");
    // 1:1 is /dev/mem, which no default rule names.
    let made = mknod(node, SFlag::S_IFCHR, Mode::from_bits_truncate(0o600), makedev(1, 1));
    report("mknod", made);
    report("open-mem", errno(OpenOptions::new().read(true).open(node).map(|_| ())));
    report("open-null", errno(OpenOptions::new().write(true).open("/dev/null").map(|_| ())));
    fs::remove_file(node).ok();
}

fn report(name: &str, result: Result<(), Errno>) {
    match result {
        Ok(()) => println!("{name} ok"),
        Err(errno) => println!("{name} {errno:?}"),
    }
}

fn errno(result: io::Result<()>) -> Result<(), Errno> {
    result.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))
}

fn write(path: &str) -> Result<(), Errno> {
    errno(OpenOptions::new().write(true).open(path).map(|_| ()))
}

/// Readable and not empty: masked files are `/dev/null`.
fn read(path: &str) -> Result<(), Errno> {
    let mut byte = [0_u8; 1];
    match errno(fs::File::open(path).and_then(|mut file| file.read_exact(&mut byte))) {
        Err(errno) if errno as i32 == 0 => Err(Errno::ENODATA),
        other => other,
    }
}

fn empty_directory(path: &str) -> Result<(), Errno> {
    match fs::read_dir(path) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                Ok(())
            } else {
                Err(Errno::ENODATA)
            }
        }
        Err(error) => errno(Err(error)),
    }
}
