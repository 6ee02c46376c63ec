//! `cargo xtask build-ebpf`: compiles `ebpf/programs` into `target/hull/hull.bpf.o`.
//!
//! ```text
//!  toolchain: nightly with rust-src | Debian's prebuilt core  ->  linker: bpf-linker for that LLVM  ->  cargo  ->  strip
//! ```
//! Each stage leaves what it made under `target/ebpf-toolchain` and is skipped when that still works, so a second run
//! is an incremental `cargo build`. Nothing is installed into the system.

mod linker;
mod strip;
mod toolchain;

use crate::artifact;
use crate::command::{cargo, output, target, workspace};
use crate::setup::shown;
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use toolchain::{Core, Toolchain};

/// The kernel's target: little endian BPF.
pub(crate) const TARGET: &str = "bpfel-unknown-none";

/// Compile the eBPF programs.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Use Debian's prebuilt core even if a nightly toolchain with rust-src is there
    #[arg(long)]
    prebuilt: bool,
}

/// Runs the task.
///
/// # Errors
/// When the toolchain cannot be had or the programs do not compile.
pub(crate) fn run(args: Args) -> Result<()> {
    build_with(args.prebuilt)
}

/// Compiles the programs with whichever toolchain is at hand.
///
/// # Errors
/// As [`run`].
pub(crate) fn build() -> Result<()> {
    build_with(false)
}

fn build_with(prebuilt: bool) -> Result<()> {
    if cfg!(target_endian = "big") {
        bail!("the eBPF programs are built for little endian kernels ({TARGET}) only");
    }
    let toolchain = if prebuilt { Toolchain::debian()? } else { Toolchain::find()? };
    println!("build-ebpf: {}", toolchain.description);
    let linker = linker::ensure(&toolchain)?;
    let object = compile(&toolchain, &linker)?;
    let stripped = strip::without_debug_sections(&std::fs::read(&object)?)
        .with_context(|| format!("cannot strip {}", object.display()))?;
    let artifact = target("hull")?.join("hull.bpf.o");
    artifact::replace(&artifact, &stripped, 0o644)?;
    println!("build-ebpf: {} ({} kB)", artifact.display(), stripped.len() / 1000);
    Ok(())
}

fn compile(toolchain: &Toolchain, linker: &std::path::Path) -> Result<PathBuf> {
    let target_directory = target("ebpf")?;
    let mut build = cargo();
    build
        .args(["build", "--release", "--locked", "--target", TARGET])
        .current_dir(workspace().join("ebpf/programs"))
        .env("CARGO_TARGET_DIR", &target_directory)
        // BTF is made from debug information. This outranks a RUSTFLAGS of the user's, which is meant for the host.
        .env("RUSTFLAGS", "-Cdebuginfo=2 -Clink-arg=--btf")
        .env("CARGO_TARGET_BPFEL_UNKNOWN_NONE_LINKER", linker)
        .env("LD_LIBRARY_PATH", toolchain.library_path());
    match &toolchain.core {
        Core::Source => {
            build.args(["-Z", "build-std=core"]).env("RUSTUP_TOOLCHAIN", "nightly");
            // The toolchain's own cargo, not the one that runs this xtask.
            build.env_remove("CARGO").env_remove("RUSTC");
        }
        Core::Prebuilt => {
            // Inline assembly for BPF is unstable; both crates use it, for atomics and for the helpers' calls.
            build.env("RUSTC", &toolchain.rustc).env("RUSTC_BOOTSTRAP", "aya_ebpf,hull_ebpf");
        }
    }
    shown(&mut build)?;
    Ok(target_directory.join(TARGET).join("release").join("hull-ebpf"))
}

/// What a program prints, as its last word before it is trusted.
fn works(command: &mut std::process::Command) -> Option<String> {
    output(command).ok()
}
