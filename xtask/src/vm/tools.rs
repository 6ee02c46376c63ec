//! QEMU and the small programs around it: the host's where it has them, else Debian's, unpacked below `target/vm`.

use super::archive::{Archive, codename};
use crate::command::{target, which};
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is taken beside QEMU: making images, unpacking kernels, and what the guest runs.
const PACKAGES: [&str; 12] = [
    "busybox-static",
    "curl",
    "e2fsprogs",
    "iproute2",
    "kmod",
    "lz4",
    "nftables",
    "openssl",
    "procps",
    "util-linux",
    "xz-utils",
    "zstd",
];

/// Programs that lie in prefixes of ours or on the host.
pub(super) struct Tools {
    /// Of QEMU, which may be newer than the rest.
    qemu: PathBuf,
    /// Of everything else.
    small: PathBuf,
}

impl Tools {
    /// Downloads what is missing, the first time.
    ///
    /// # Errors
    /// [`super::archive::Unavailable`] when it is not to be had.
    pub(super) fn fetch() -> Result<Self> {
        let tools = Self { qemu: target("vm")?.join("qemu"), small: target("vm")?.join("tools") };
        let release = codename()?;
        let suites: Vec<String> =
            ["", "-updates", "-security"].iter().map(|suffix| format!("{release}{suffix}")).collect();
        once(&tools.small, &PACKAGES.join(" "), || {
            println!("vm: fetching tools that this host lacks");
            Archive::open("tools", &suites, true)?.unpack_missing(&PACKAGES, None, &tools.small)
        })?;
        once(&tools.qemu, "", || {
            println!("vm: fetching QEMU");
            // An older QEMU would do; a newer one is preferred because a host may have parts of it already.
            let newer = format!("{release}-backports");
            let with_newer: Vec<String> = suites.iter().chain([&newer]).cloned().collect();
            let packages = ["qemu-system-x86"];
            match Archive::open("qemu", &with_newer, true) {
                Ok(archive) => archive.unpack_missing(&packages, Some(&newer), &tools.qemu),
                Err(_) => Archive::open("qemu", &suites, true)?.unpack_missing(&packages, None, &tools.qemu),
            }
        })?;
        Ok(tools)
    }

    /// Where a program lies.
    ///
    /// # Errors
    /// When it is neither ours nor the host's.
    pub(super) fn find(&self, program: &str) -> Result<PathBuf> {
        self.find_own(program).or_else(|| which(program)).with_context(|| format!("no {program} to be found"))
    }

    fn find_own(&self, program: &str) -> Option<PathBuf> {
        let folders = ["usr/bin", "usr/sbin", "bin", "sbin"];
        folders.iter().map(|folder| self.small.join(folder).join(program)).find(|path| path.is_file())
    }

    /// A program, with its libraries in reach.
    ///
    /// # Errors
    /// As [`Tools::find`].
    pub(super) fn command(&self, program: &str) -> Result<Command> {
        let path = self.find(program)?;
        let mut command = Command::new(&path);
        if path.starts_with(&self.small) {
            command.env("LD_LIBRARY_PATH", self.library_path()?);
        }
        Ok(command)
    }

    /// `LD_LIBRARY_PATH` for programs of [`Tools::find`].
    ///
    /// # Errors
    /// When a path holds a colon.
    pub(super) fn library_path(&self) -> Result<OsString> {
        Ok(std::env::join_paths(libraries(&self.small))?)
    }

    /// The emulator, with its modules and firmware in reach.
    ///
    /// # Errors
    /// When it is not where the package had it.
    pub(super) fn qemu(&self) -> Result<Command> {
        let path = self.qemu.join("usr/bin/qemu-system-x86_64");
        if !path.is_file() {
            bail!("{} is missing", path.display());
        }
        let folders = libraries(&self.qemu);
        let mut command = Command::new(path);
        command.env("LD_LIBRARY_PATH", std::env::join_paths(&folders)?);
        let modules = folders.iter().map(|folder| folder.join("qemu")).find(|folder| folder.is_dir());
        command.envs(modules.map(|folder| ("QEMU_MODULE_DIR", folder)));
        for data in ["usr/share/qemu", "usr/share/seabios"] {
            command.arg("-L").arg(self.qemu.join(data));
        }
        Ok(command)
    }
}

/// Folders with shared libraries below a prefix.
fn libraries(prefix: &Path) -> Vec<PathBuf> {
    let lists = ["usr/lib", "lib"].iter().filter_map(|folder| fs::read_dir(prefix.join(folder)).ok()).flatten();
    lists
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir() && path.to_string_lossy().ends_with("-linux-gnu"))
        .collect()
}

/// Makes a prefix unless it is complete already and of this recipe; what was cut short is made again from nothing.
///
/// # Errors
/// What `make` says.
pub(super) fn once(prefix: &Path, recipe: &str, make: impl FnOnce() -> Result<()>) -> Result<()> {
    let stamp = prefix.join("complete");
    if fs::read_to_string(&stamp).is_ok_and(|made| made == recipe) {
        return Ok(());
    }
    if prefix.exists() {
        fs::remove_dir_all(prefix).with_context(|| format!("cannot empty {}", prefix.display()))?;
    }
    fs::create_dir_all(prefix).with_context(|| format!("cannot create {}", prefix.display()))?;
    make()?;
    fs::write(&stamp, recipe).with_context(|| format!("cannot write {}", stamp.display()))
}
