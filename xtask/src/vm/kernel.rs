//! The kernels: Debian's for cloud machines, found through their metapackages, because the archive keeps no version for long.

use super::archive::{Archive, Unavailable};
use super::tools::{Tools, once};
use super::{initramfs, vmlinux};
use crate::command::{output, target};
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

/// A kernel that can be asked for.
pub(super) struct Choice {
    /// As `--kernel` takes it.
    pub(super) name: &'static str,
    suite: &'static str,
    package: &'static str,
}

/// From the oldest that is supported to the newest that is packaged.
pub(super) const CHOICES: [Choice; 4] = [
    Choice { name: "5.10", suite: "bullseye-security", package: "linux-image-cloud-amd64" },
    Choice { name: "6.1", suite: "bookworm-security", package: "linux-image-cloud-amd64" },
    Choice { name: "6.12", suite: "bookworm-security", package: "linux-image-6.12-cloud-amd64" },
    Choice { name: "7.x", suite: "trixie-backports", package: "linux-image-cloud-amd64" },
];

/// A kernel that can be started.
pub(super) struct Kernel {
    /// As `uname -r` prints it.
    pub(super) release: String,
    /// The ELF file.
    pub(super) image: PathBuf,
    /// What finds the root disk.
    pub(super) initramfs: PathBuf,
    /// An ext4 image of its modules.
    pub(super) modules: PathBuf,
}

impl Choice {
    /// By its name.
    ///
    /// # Errors
    /// When there is none of this name.
    pub(super) fn parse(name: &str) -> Result<&'static Self> {
        let names = || CHOICES.map(|choice| choice.name).join(", ");
        CHOICES.iter().find(|choice| choice.name == name).with_context(|| format!("no kernel {name}: {}", names()))
    }

    /// Downloads and prepares it, the first time.
    ///
    /// # Errors
    /// [`Unavailable`] when the suite or the package has left the mirror.
    pub(super) fn fetch(&self, tools: &Tools) -> Result<Kernel> {
        let folder = target("vm/kernels")?.join(self.name);
        once(&folder, &format!("{} {}\n{}", self.package, self.suite, initramfs::INIT), || self.make(&folder, tools))?;
        let release = fs::read_to_string(folder.join("release"))?;
        let file = |name: &str| folder.join(name);
        Ok(Kernel { release, image: file("vmlinux"), initramfs: file("initramfs"), modules: file("modules.img") })
    }

    fn make(&self, folder: &Path, tools: &Tools) -> Result<()> {
        println!("vm: fetching the kernel {} ({} of {})", self.name, self.package, self.suite);
        let archive = Archive::open(self.suite, &[self.suite.to_owned()], false)?;
        let unpacked = folder.join("unpacked");
        archive.unpack(&packages(&archive, self.package)?, &unpacked)?;
        let (modules, release) = modules_folder(&unpacked)?;
        unpack_modules(&modules, tools)?;
        // busybox's would write no .bin files, which modprobe reads.
        output(tools.command("kmod")?.arg0("depmod").arg("-b").arg(prefix_of(&modules)?).arg(&release))?;
        // Newer packages have it beside the modules, and copy it when they are installed.
        let images = [unpacked.join(format!("boot/vmlinuz-{release}")), modules.join("vmlinuz")];
        let compressed = images.iter().find(|image| image.is_file()).context("the packages hold no kernel")?;
        fs::write(folder.join("vmlinux"), vmlinux::extract(&fs::read(compressed)?, tools)?)?;
        fs::write(folder.join("initramfs"), initramfs::make(&modules, &tools.find("busybox")?)?)?;
        super::disk::make(tools, &folder.join("modules.img"), &modules, None)?;
        fs::write(folder.join("release"), release)?;
        fs::remove_dir_all(&unpacked)?;
        Ok(())
    }
}

/// What the metapackage leads to: newer kernels lie in several packages.
fn packages(archive: &Archive, meta: &str) -> Result<Vec<String>> {
    let is_part = |name: &str| ["linux-image-", "linux-binary-", "linux-modules-"].iter().any(|p| name.starts_with(p));
    let mut found: BTreeSet<String> = BTreeSet::new();
    let mut next = vec![meta.to_owned()];
    while let Some(name) = next.pop() {
        let parts = archive.depends(&name)?.into_iter().filter(|name| is_part(name));
        next.extend(parts.filter(|part| found.insert(part.clone())));
    }
    if found.is_empty() {
        bail!(Unavailable(format!("{meta} leads to no kernel")));
    }
    Ok(found.into_iter().collect())
}

/// The folder of the modules, and the release that it is named after. `/lib` and `/usr/lib` are one on a system, but not in
/// packages.
fn modules_folder(unpacked: &Path) -> Result<(PathBuf, String)> {
    let folders =
        ["lib/modules", "usr/lib/modules"].into_iter().filter_map(|name| fs::read_dir(unpacked.join(name)).ok());
    let modules = folders.flatten().flatten().map(|entry| entry.path()).find(|path| path.join("kernel").is_dir());
    let modules = modules.context("the packages hold no modules")?;
    let release = modules.file_name().and_then(|name| name.to_str()).context("a release that is no text")?.to_owned();
    Ok((modules, release))
}

fn prefix_of(modules: &Path) -> Result<&Path> {
    modules.ancestors().nth(3).context("modules without a prefix")
}

/// insmod of a small busybox, and depmod of an older kmod, read plain modules only.
fn unpack_modules(folder: &Path, tools: &Tools) -> Result<()> {
    let packed = |extension: &str| -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
                let path = entry?.path();
                if path.is_dir() && !path.is_symlink() {
                    folders.push(path);
                } else if path.extension().is_some_and(|e| e == extension) {
                    found.push(path);
                }
            }
        }
        Ok(found)
    };
    for (extension, program) in [("xz", "xz"), ("zst", "zstd")] {
        for some in packed(extension)?.chunks(200) {
            let mut unpack = tools.command(program)?;
            output(unpack.args(["-d", "--quiet", "--force"]).args(some))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_asked_for_by_name() {
        assert_eq!(Choice::parse("6.1").unwrap().suite, "bookworm-security");
        assert!(Choice::parse("2.6").is_err_and(|error| error.to_string().contains("5.10, 6.1, 6.12, 7.x")));
    }
}
