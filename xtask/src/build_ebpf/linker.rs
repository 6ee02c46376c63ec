//! bpf-linker, built against the LLVM of the compiler whose bitcode it will read.

use super::toolchain::Toolchain;
use super::works;
use crate::command::{cargo, target};
use crate::setup::shown;
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::Command;

/// The versions of bpf-linker that are known to work.
const VERSION: &str = "0.13";

/// The linker, built the first time (one to three minutes).
///
/// # Errors
/// When it does not build, or does not run once built.
pub(crate) fn ensure(toolchain: &Toolchain) -> Result<PathBuf> {
    let root = target(&format!("ebpf-toolchain/linker-llvm-{}", toolchain.llvm))?;
    let linker = root.join("bin/bpf-linker");
    let check = || works(Command::new(&linker).arg("--version").env("LD_LIBRARY_PATH", toolchain.library_path()));
    if check().is_some() {
        return Ok(linker);
    }
    println!("build-ebpf: building bpf-linker {VERSION} against LLVM {}", toolchain.llvm);
    // Its build script looks for lib/libLLVM.so below LLVM_PREFIX; no headers are needed.
    let prefix = root.join("llvm/lib");
    std::fs::create_dir_all(&prefix)?;
    let link = prefix.join("libLLVM.so");
    let _ = std::fs::remove_file(&link);
    std::os::unix::fs::symlink(toolchain.lib_llvm()?, &link)?;

    let build = root.join("build");
    shown(
        cargo()
            .args([
                "install",
                "bpf-linker",
                "--version",
                &format!("^{VERSION}"),
                "--locked",
                "--force",
                "--no-default-features",
            ])
            .args(["--features", &format!("llvm-{}", toolchain.llvm)])
            .arg("--root")
            .arg(&root)
            .env("CARGO_TARGET_DIR", &build)
            .env("LLVM_PREFIX", root.join("llvm"))
            .env("LD_LIBRARY_PATH", toolchain.library_path()),
    )?;
    std::fs::remove_dir_all(&build).with_context(|| format!("cannot remove {}", build.display()))?;
    check().with_context(|| format!("{} was built but does not run", linker.display()))?;
    Ok(linker)
}
