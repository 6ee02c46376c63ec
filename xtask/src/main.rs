//! `cargo xtask`: Hull's build, test and benchmark tasks. Dispatch here, one file a task.

mod artifact;
mod bench;
mod build;
mod build_ebpf;
mod command;
mod compat;
mod dashboards;
mod images;
mod setup;
mod shim;
mod test;
mod tidy;
mod up;
mod vm;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Build, start, test and measure Hull.
#[derive(Parser)]
#[command(name = "cargo xtask", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what is missing on a Debian or Ubuntu host, saying what and why; safe to repeat
    Setup(setup::Args),
    /// Compile the eBPF programs into target/hull/hull.bpf.o
    BuildEbpf(build_ebpf::Args),
    /// Compile the shim, without std, into target/hull/hull-shim
    Shim(shim::Args),
    /// Build everything: shim, eBPF, default image, then hulld and hull in release mode
    Build(build::Args),
    /// Make real images from Debian packages, as OCI image tars in target/images
    Images(images::Args),
    /// Set up, build, start hulld, run a limited container and show what Hull sees of it
    Up(up::UpArgs),
    /// Stop the hulld that `up` started, with its containers
    Down(up::DownArgs),
    /// Install what the tests need and run them all
    Test(test::Args),
    /// Run the tests on stock kernels, in QEMU
    VmTest(vm::Args),
    /// Run the test suites of docker-py and bollard against a fresh hulld
    Compat(compat::Args),
    /// Check the dashboards and the alert rules
    Dashboards(dashboards::Args),
    /// Measure hulld beside a floor program, dockerd, podman and crun; write docs/benchmarks.md
    Bench(bench::Args),
    /// Check what reviews forget: formatting, lints, arrows between crates, docs that must match code
    Tidy(tidy::Args),
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<()> {
    match task {
        Task::Setup(args) => setup::run(args),
        Task::BuildEbpf(args) => build_ebpf::run(args),
        Task::Shim(args) => shim::run(args),
        Task::Build(args) => build::run(args),
        Task::Images(args) => images::run(args),
        Task::Up(args) => up::run(args),
        Task::Down(args) => up::down(args),
        Task::Test(args) => test::run(args),
        Task::VmTest(args) => vm::run(args),
        Task::Compat(args) => compat::run(args),
        Task::Dashboards(args) => dashboards::run(args),
        Task::Bench(args) => bench::run(args),
        Task::Tidy(args) => tidy::run(args),
    }
}
