//! A guest with Debian's systemd as its init, in which `hulld` is a unit with socket activation and the systemd cgroup
//! driver. Its disk outlives a reboot and a power cut, which are part of the test: see `scenario.sh`.

use super::archive::{Archive, codename};
use super::tools::{Tools, once};
use super::{Build, disk, programs};
use crate::command::{output, target, workspace};
use anyhow::{Context, Result};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the guest is made of, with all that these need.
const PACKAGES: &[&str] = &[
    "bash",
    "coreutils",
    "dash",
    "dbus",
    "diffutils",
    "grep",
    "iproute2",
    "kmod",
    "libgcc-s1",
    "mount",
    "nftables",
    "procps",
    "sed",
    "systemd",
    "systemd-sysv",
    "tar",
    "util-linux",
];
/// MB of the disk.
const SIZE: u64 = 4096;

/// Accounts that packages' own scripts would have made; those do not run here.
const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh
messagebus:x:100:101::/nonexistent:/usr/sbin/nologin
systemd-network:x:998:998::/:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
";
const GROUP: &str = "root:x:0:
tty:x:5:
disk:x:6:
kmem:x:15:
shadow:x:42:
utmp:x:43:
messagebus:x:101:
systemd-journal:x:999:
systemd-network:x:998:
nogroup:x:65534:
";

/// Files of the guest that are ours.
const FILES: &[(&str, &str)] = &[
    ("etc/passwd", PASSWD),
    ("etc/group", GROUP),
    ("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
    ("etc/hosts", "127.0.0.1 localhost\n"),
    ("etc/hostname", "hull-systemd\n"),
    ("etc/fstab", ""),
    // Empty: systemd makes one at the first boot.
    ("etc/machine-id", ""),
    ("etc/hull/daemon.json", "{\"exec-opts\": [\"native.cgroupdriver=systemd\"]}\n"),
    ("etc/systemd/system/hulld.service", include_str!("../../../../engine/daemon/systemd/hulld.service")),
    ("etc/systemd/system/hulld.socket", include_str!("../../../../engine/daemon/systemd/hulld.socket")),
    ("etc/systemd/system/scenario.service", include_str!("scenario.service")),
    ("hull/scenario.sh", include_str!("scenario.sh")),
    ("hull/out/.keep", ""),
];
/// Units that are switched on, and what for; nobody logs in here.
const LINKS: &[(&str, &str)] = &[
    ("/lib/systemd/system/multi-user.target", "etc/systemd/system/default.target"),
    ("../hulld.socket", "etc/systemd/system/sockets.target.wants/hulld.socket"),
    ("../scenario.service", "etc/systemd/system/multi-user.target.wants/scenario.service"),
    ("/run", "var/run"),
    ("/dev/null", "etc/systemd/system/getty.target"),
    ("/dev/null", "etc/systemd/system/serial-getty@ttyS0.service"),
];

/// Makes the disk's image; where it is.
///
/// # Errors
/// [`super::archive::Unavailable`] when Debian's packages are not to be had; when something cannot be built or copied.
pub(super) fn make(tools: &Tools, build: Build) -> Result<PathBuf> {
    let folder = target("vm/systemd")?;
    let base = folder.join("debian");
    once(&base, &PACKAGES.join(" "), || {
        println!("vm: fetching a Debian with systemd");
        let release = codename()?;
        let suites = ["", "-updates", "-security"].map(|suffix| format!("{release}{suffix}"));
        merged(&base)?;
        Archive::open("systemd", &suites, false)?.unpack_missing(PACKAGES, None, &base)
    })?;
    let tree = folder.join("root");
    if tree.exists() {
        fs::remove_dir_all(&tree).with_context(|| format!("cannot empty {}", tree.display()))?;
    }
    output(Command::new("cp").args(["-a", "--reflink=auto"]).arg(&base).arg(&tree))?;
    fill(&tree, &programs::engine(build)?)?;
    let image = folder.join("root.img");
    disk::make(tools, &image, &tree, Some(SIZE))?;
    fs::remove_dir_all(&tree)?;
    Ok(image)
}

/// `/bin`, `/sbin` and `/lib` are those of `/usr`, before anything is unpacked into them.
fn merged(root: &Path) -> Result<()> {
    for name in ["bin", "sbin", "lib", "lib64"] {
        fs::create_dir_all(root.join("usr").join(name))?;
        symlink(format!("usr/{name}"), root.join(name))?;
    }
    Ok(())
}

fn fill(tree: &Path, programs: &Path) -> Result<()> {
    let place = |name: &str| -> Result<PathBuf> {
        let path = tree.join(name);
        fs::create_dir_all(path.parent().unwrap_or(tree))?;
        // What a package left there, perhaps a link that leads out of the tree.
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(&path)?,
            Ok(_) => fs::remove_file(&path)?,
            Err(_) => {}
        }
        Ok(path)
    };
    for name in ["dev", "proc", "sys", "run", "root", "tmp", "var/tmp", "var/lib"] {
        fs::create_dir_all(tree.join(name))?;
    }
    for name in ["tmp", "var/tmp"] {
        fs::set_permissions(tree.join(name), Permissions::from_mode(0o1777))?;
    }
    for (name, content) in FILES {
        fs::write(place(name)?, content).with_context(|| format!("cannot write {name}"))?;
    }
    for (to, name) in LINKS {
        symlink(to, place(name)?).with_context(|| format!("cannot link {name}"))?;
    }
    if !tree.join("usr/bin/sh").exists() {
        symlink("dash", place("usr/bin/sh")?)?;
    }
    for name in ["hulld", "hull"] {
        let to = place(&format!("usr/bin/{name}"))?;
        output(Command::new("strip").args(["--strip-debug", "-o"]).arg(&to).arg(programs.join(name)))?;
    }
    fs::copy(workspace().join("target/images/busybox.tar"), place("hull/busybox.tar")?)?;
    // A layer to import: any tar.
    output(Command::new("tar").arg("-C").arg(tree).arg("-cf").arg(place("hull/layer.tar")?).args(["etc"]))?;
    Ok(())
}
