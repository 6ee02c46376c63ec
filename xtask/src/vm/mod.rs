//! `cargo xtask vm-test`: the tests on stock kernels, where cgroups are pure v2 and every kind of eBPF hook is there.
//!
//! ```text
//!  archive: QEMU, kernels  ->  kernel: vmlinux, initramfs, modules.img  ->  machine: boot, listen  ->  results
//!  programs: hulld, hull, tests (built here)  ->  root: disk image       ->      ^
//! ```
//! Each kernel boots once and runs all tests inside, emulated: `/dev/kvm` is not asked. Nothing of the host's is installed,
//! mounted or changed; everything lies below `target/vm`. Results stay in `target/vm/results/KERNEL`.

mod archive;
mod disk;
mod initramfs;
mod kernel;
mod machine;
mod programs;
mod results;
mod root;
mod script;
mod tools;
mod vmlinux;

use crate::{build, images};
use anyhow::{Context, Result, bail};
use archive::Unavailable;
use kernel::{CHOICES, Choice};
use machine::Machine;
use results::Results;
use script::Selection;
use std::time::{Duration, Instant};
use tools::Tools;

/// Run the tests on stock kernels.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which kernels: 5.10, 6.1, 6.12, 7.x; all of them by default
    #[arg(long, num_args = 1.., value_delimiter = ',')]
    kernel: Vec<String>,
    /// Only the end-to-end tests, not those of the runtime, the daemon and the shim
    #[arg(long)]
    end_to_end: bool,
    /// Take hulld and hull as built for debugging; emulated they are slower by far
    #[arg(long)]
    debug: bool,
    /// Emulated CPUs
    #[arg(long, default_value_t = 2)]
    cpus: u32,
    /// Minutes after which a kernel's run is given up
    #[arg(long, default_value_t = 60)]
    minutes: u64,
    /// Run this shell script in the guest before the tests; `exit` in it leaves the tests out
    #[arg(long)]
    script: Option<std::path::PathBuf>,
    /// Passed on to the test programs: filters, --skip
    #[arg(last = true)]
    tests: Vec<String>,
}

/// How `hulld` and `hull` are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    Debug,
    Release,
}

impl Build {
    fn folder(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Release => "release",
        }
    }
}

/// How many times longer tests wait for something under emulation than on the hardware.
const SLOW: u32 = 10;

/// Runs the task.
///
/// # Errors
/// When something cannot be built, or a test failed on any kernel, or no kernel could be had.
pub(crate) fn run(args: Args) -> Result<()> {
    let names: Vec<&str> = match args.kernel.as_slice() {
        [] => CHOICES.iter().map(|choice| choice.name).collect(),
        some => some.iter().map(String::as_str).collect(),
    };
    let choices = names.into_iter().map(Choice::parse).collect::<Result<Vec<_>>>()?;
    build::artifacts(true)?;
    images::all()?;
    images::guest()?;
    let build = if args.debug { Build::Debug } else { Build::Release };
    let selection = Selection { arguments: args.tests, threads: args.cpus, slow: SLOW };
    let tools = Tools::fetch()?;
    let programs = programs::tests(args.end_to_end)?;
    let own = args
        .script
        .as_ref()
        .map(|path| std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display())));
    let script = script::script(&programs, &selection, &own.transpose()?.unwrap_or_default());
    let root = root::make(&tools, build, &programs, &script)?;

    let mut lines = Vec::new();
    let mut bad = Vec::new();
    for choice in choices {
        let began = Instant::now();
        let kernel = match choice.fetch(&tools) {
            Ok(kernel) => kernel,
            Err(error) if error.is::<Unavailable>() => {
                println!("\nvm: SKIPPED {}: {error:#}", choice.name);
                lines.push(format!("{:<5} SKIPPED: {error}", choice.name));
                continue;
            }
            Err(error) => return Err(error),
        };
        println!("\n=== {} ({})", choice.name, kernel.release);
        let folder = machine::folder(choice.name)?;
        let machine = Machine {
            tools: &tools,
            kernel: &kernel,
            root: &root,
            folder: &folder,
            cpus: args.cpus,
            memory_mb: 3072,
            limit: Duration::from_secs(args.minutes * 60),
        };
        let results = machine.run(|line| println!("[{}] {line}", choice.name))?;
        tell(&results, &folder);
        if !results.is_good() {
            bad.push(choice.name);
        }
        let Results { totals, skipped, .. } = &results;
        lines.push(format!(
            "{:<5} {:<24} {} passed, {} failed, {} skipped, {:.0} s",
            choice.name,
            kernel.release,
            totals.passed - skipped.len().min(totals.passed),
            totals.failed,
            skipped.len() + totals.ignored,
            began.elapsed().as_secs_f64()
        ));
    }
    println!("\n{}", lines.join("\n"));
    if bad.is_empty() { Ok(()) } else { bail!("failed on {}", bad.join(", ")) }
}

/// What went wrong on one kernel, and what was not tested.
fn tell(results: &Results, folder: &std::path::Path) {
    for reason in &results.skipped {
        println!("skipped: {reason}");
    }
    for name in &results.failed {
        println!("FAILED: {name}");
    }
    if let Some(program) = results.cut_short() {
        println!("CUT SHORT: {program}");
    } else if !results.done {
        println!("CUT SHORT: the guest ended before it was done");
    }
    if !results.is_good() {
        println!("the whole log: {}", folder.join("log").display());
    }
}
