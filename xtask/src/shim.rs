//! `cargo xtask shim`: hull-shim, built without std into `target/hull/hull-shim`, for hulld to embed.
//!
//! It is a workspace of its own (see its Cargo.toml), so Cargo is called in its folder.

use crate::artifact;
use crate::command::{cargo, run as run_command, target, workspace};
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::Command;

/// Build hull-shim.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Runs the task.
///
/// # Errors
/// When Cargo fails; the message has its command line.
pub(crate) fn run(_: Args) -> Result<()> {
    build()?;
    let path = artifact()?;
    let size = path.metadata().with_context(|| format!("cannot look at {}", path.display()))?.len();
    println!("built: {} ({size} bytes)", path.display());
    Ok(())
}

/// See [`run`].
///
/// # Errors
/// As [`run`].
pub(crate) fn build() -> Result<()> {
    run_command(shim_cargo()?.args(["build", "--quiet", "--release", "--features", "freestanding"]))?;
    let built = target("shim")?.join("release/hull-shim");
    let program = std::fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
    artifact::replace(&artifact()?, &program, 0o755)
}

/// The shim's own tests: its logic on the host, and the program from [`build`] on the kernel, as root.
pub(crate) fn tests() -> Command {
    // Only an unwritable target folder makes this fail, and Cargo then says so itself.
    let mut command = shim_cargo().unwrap_or_else(|_| cargo());
    command.arg("test");
    command
}

/// Where the shim lies.
fn artifact() -> Result<PathBuf> {
    Ok(target("hull")?.join("hull-shim"))
}

fn shim_cargo() -> Result<Command> {
    let mut command = cargo();
    command.current_dir(workspace().join("engine/shim")).env("CARGO_TARGET_DIR", target("shim")?);
    Ok(command)
}
