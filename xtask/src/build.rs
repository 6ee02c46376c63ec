//! `cargo xtask build`: everything, in the order in which one thing is embedded in the next.

use crate::command::{cargo, workspace};
use crate::{build_ebpf, images, setup, shim};
use anyhow::Result;
use std::path::PathBuf;

/// Build everything.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave the eBPF programs out: hulld then runs with its fallbacks and says so
    #[arg(long)]
    no_ebpf: bool,
}

/// Runs the task.
///
/// # Errors
/// When one of the builds fails; the message has its command line.
pub(crate) fn run(args: Args) -> Result<()> {
    artifacts(!args.no_ebpf)?;
    programs()?;
    println!("built: {}", ["hulld", "hull"].map(|name| program(name).display().to_string()).join(", "));
    Ok(())
}

/// All that `cargo xtask build` makes.
///
/// # Errors
/// As [`run`].
pub(crate) fn everything() -> Result<()> {
    run(Args { no_ebpf: false })
}

/// What hulld embeds: the shim, the program of the default image, the eBPF object.
///
/// # Errors
/// When one of the builds fails.
pub(crate) fn artifacts(ebpf: bool) -> Result<()> {
    setup::engine()?;
    shim::build()?;
    images::hello()?;
    if ebpf {
        build_ebpf::build()?;
    }
    Ok(())
}

/// `hulld` and `hull` in release mode, with whatever artifacts are there to embed.
fn programs() -> Result<()> {
    setup::shown(cargo().args(["build", "--release", "--package", "hulld", "--package", "hull-cli"]))
}

/// Where a release build of one of our programs lies.
pub(crate) fn program(name: &str) -> PathBuf {
    workspace().join("target/release").join(name)
}
