//! A rustc that can compile for BPF, and the `core` that fits it.
//!
//! The target ships with no `core`. A nightly with `rust-src` builds one; where rust-src cannot be had, Debian's security
//! archive has a newer rustc for its browsers (`rustc-web`) together with a `core` prebuilt for BPF. Those packages
//! conflict with a packaged rustup and are therefore unpacked into a prefix of ours, never installed.

use super::{TARGET, works};
use crate::command::{output, target};
use crate::setup::{fetch, update_lists};
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where `core` comes from.
pub(crate) enum Core {
    /// Compiled together with the programs.
    Source,
    /// Lies in the sysroot.
    Prebuilt,
}

/// A compiler for [`TARGET`].
pub(crate) struct Toolchain {
    /// For the user: what is used.
    pub(crate) description: String,
    /// The compiler.
    pub(crate) rustc: PathBuf,
    /// Its way to `core`.
    pub(crate) core: Core,
    /// Folders with the shared libraries that the compiler, and a linker built for it, load.
    pub(crate) libraries: Vec<PathBuf>,
    /// Major version of its LLVM: the linker's must be the same, because it reads the compiler's bitcode.
    pub(crate) llvm: String,
}

/// Debian's packages; those with a version in their name come from the dependencies.
const PACKAGES: [&str; 3] = ["rustc-web", "libstd-rust-web-dev", "libstd-rust-web-dev-bpf"];

impl Toolchain {
    /// A nightly with rust-src if rustup has one, else Debian's.
    ///
    /// # Errors
    /// As [`Toolchain::debian`].
    pub(crate) fn find() -> Result<Self> {
        match Self::nightly() {
            Some(toolchain) => Ok(toolchain),
            None => Self::debian(),
        }
    }

    fn nightly() -> Option<Self> {
        let rustc = || {
            let mut command = Command::new("rustc");
            // Set by the cargo that runs this xtask; it would choose the toolchain.
            command.arg("+nightly").env_remove("RUSTUP_TOOLCHAIN");
            command
        };
        let sysroot = PathBuf::from(works(rustc().args(["--print", "sysroot"]))?.trim());
        if !sysroot.join("lib/rustlib/src/rust/library/core").is_dir() {
            return None;
        }
        Some(Self {
            description: format!("nightly toolchain with rust-src ({})", sysroot.display()),
            rustc: sysroot.join("bin/rustc"),
            core: Core::Source,
            libraries: vec![sysroot.join("lib")],
            llvm: llvm_major(&works(rustc().arg("-vV"))?)?,
        })
    }

    /// Debian's prebuilt core, downloaded the first time.
    ///
    /// # Errors
    /// When this is not Debian or Ubuntu, or its archive has no such packages, or what was downloaded does not run.
    pub(crate) fn debian() -> Result<Self> {
        let prefix = target("ebpf-toolchain/debian")?;
        let stamp = prefix.join("complete");
        if !stamp.exists() || Self::unpacked(&prefix).is_err() {
            println!("build-ebpf: no nightly toolchain with rust-src; unpacking Debian's prebuilt core (about 120 MB)");
            std::fs::remove_dir_all(&prefix)?;
            std::fs::create_dir_all(&prefix)?;
            let packages = resolve().context(
                "cannot find Debian's Rust for BPF (libstd-rust-web-dev-bpf, in the security archive of Debian 12); \
                 elsewhere install it for yourself: rustup toolchain install nightly --component rust-src",
            )?;
            fetch(&packages.iter().map(String::as_str).collect::<Vec<_>>(), &prefix)?;
            Self::unpacked(&prefix)?;
            std::fs::write(&stamp, packages.join("\n"))?;
        }
        Self::unpacked(&prefix)
    }

    fn unpacked(prefix: &Path) -> Result<Self> {
        let rustc = prefix.join("usr/bin/rustc");
        // usr/lib/<triplet> and lib/<triplet>, whatever this machine's triplet is.
        let libraries = ["usr/lib", "lib"]
            .iter()
            .filter_map(|folder| std::fs::read_dir(prefix.join(folder)).ok())
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.is_dir() && path.to_string_lossy().ends_with("-linux-gnu"))
            .collect();
        let mut toolchain =
            Self { description: String::new(), rustc, core: Core::Prebuilt, libraries, llvm: String::new() };
        let version = output(toolchain.run().arg("-vV"))?;
        toolchain.llvm = llvm_major(&version).with_context(|| format!("no LLVM version in: {version}"))?;
        let core = output(toolchain.run().args(["--target", TARGET, "--print", "target-libdir"]))?;
        if !Path::new(core.trim()).is_dir() {
            bail!("{} has no core for {TARGET}", prefix.display());
        }
        let release = version.lines().next().unwrap_or_default();
        toolchain.description = format!("Debian's prebuilt core for {release} (LLVM {})", toolchain.llvm);
        Ok(toolchain)
    }

    /// The compiler, with its libraries in reach.
    pub(crate) fn run(&self) -> Command {
        let mut command = Command::new(&self.rustc);
        command.env("LD_LIBRARY_PATH", self.library_path());
        command
    }

    /// `LD_LIBRARY_PATH` for whatever loads the compiler's libraries.
    pub(crate) fn library_path(&self) -> OsString {
        std::env::join_paths(&self.libraries).unwrap_or_default()
    }

    /// The compiler's own libLLVM.
    ///
    /// # Errors
    /// When there is none: a compiler with LLVM linked in statically.
    pub(crate) fn lib_llvm(&self) -> Result<PathBuf> {
        let wanted = format!("libLLVM.so.{}", self.llvm);
        let old_style = format!("libLLVM-{}", self.llvm);
        self.libraries
            .iter()
            .filter_map(|folder| std::fs::read_dir(folder).ok())
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with(&wanted) || name.starts_with(&old_style)
            })
            .with_context(|| format!("no {wanted}* beside {}", self.rustc.display()))
    }
}

/// All packages to download: ours, what they need that has a version in its name, and those of libLLVM's libraries that
/// this machine lacks. The archive replaces versions, so none is written down here.
fn resolve() -> Result<Vec<String>> {
    let mut packages: Vec<String> = PACKAGES.map(str::to_owned).to_vec();
    let standard = dependencies("libstd-rust-web-dev")?
        .into_iter()
        .find(|name| name.starts_with("libstd-rust-web-") && name.ends_with(|c: char| c.is_ascii_digit()))
        .context("libstd-rust-web-dev depends on no libstd-rust-web-1.NN")?;
    let needed = dependencies(&standard)?;
    packages.push(standard);
    for package in needed {
        if !packages.contains(&package) && (package.starts_with("libllvm") || !installed(&package)) {
            packages.push(package);
        }
    }
    Ok(packages)
}

/// A package's dependencies, theirs included.
fn dependencies(package: &str) -> Result<Vec<String>> {
    let without =
        ["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"].map(|kind| format!("--no-{kind}"));
    update_lists()?;
    let text = output(Command::new("apt-cache").args(["depends", "--recurse"]).args(&without).arg(package))?;
    Ok(parse_dependencies(&text, package))
}

/// Lines without an indent are packages; `<name>` is a virtual one, which an installed package provides.
fn parse_dependencies(text: &str, package: &str) -> Vec<String> {
    text.lines()
        .filter(|line| !line.starts_with([' ', '|', '<']) && !line.is_empty() && *line != package)
        .map(str::to_owned)
        .collect()
}

fn installed(package: &str) -> bool {
    works(Command::new("dpkg-query").args(["-W", "-f", "${db:Status-Status}", package]))
        .is_some_and(|status| status.contains("installed") && !status.contains("not-installed"))
}

/// `LLVM version: 22.1.8` in what `rustc -vV` prints.
fn llvm_major(version: &str) -> Option<String> {
    let line = version.lines().find_map(|line| line.strip_prefix("LLVM version: "))?;
    Some(line.split('.').next()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_llvm_major_is_read_from_rustc() {
        assert_eq!(llvm_major("rustc 1.96.0\nhost: x\nLLVM version: 22.1.8\n").as_deref(), Some("22"));
        assert_eq!(llvm_major("rustc 1.96.0\n"), None);
    }

    #[test]
    fn only_real_packages_are_dependencies() {
        let text = "libstd-rust-web-1.96\n  Depends: libc6\n |Depends: x\n    y\nlibc6\n<libc-dev>\nlibllvm22\n";
        assert_eq!(parse_dependencies(text, "libstd-rust-web-1.96"), ["libc6", "libllvm22"]);
    }
}
