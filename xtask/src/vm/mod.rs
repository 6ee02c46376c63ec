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
mod systemd;
mod tools;
mod vmlinux;

use crate::{build, images};
use anyhow::{Context, Result, bail};
use archive::Unavailable;
use kernel::{CHOICES, Choice};
use machine::Machine;
use results::Results;
use script::Selection;
use std::path::{Path, PathBuf};
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
    /// Instead of the tests: a guest with systemd, in which hulld is a unit, with a reboot and a power cut
    #[arg(long, conflicts_with_all = ["end_to_end", "script", "tests"])]
    systemd: bool,
    /// How hulld and hull are built
    #[arg(long, value_enum, default_value_t = Build::Release)]
    profile: Build,
    /// Emulated CPUs
    #[arg(long, default_value_t = 2)]
    cpus: u32,
    /// Minutes after which a kernel's run is given up
    #[arg(long, default_value_t = 60)]
    minutes: u64,
    /// Run this shell script in the guest before the tests; `exit` in it leaves the tests out
    #[arg(long)]
    script: Option<PathBuf>,
    /// Passed on to the test programs: filters, --skip
    #[arg(last = true)]
    tests: Vec<String>,
}

/// How `hulld` and `hull` are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Build {
    /// For debugging; emulated it is slower by far
    Dev,
    /// Optimized a little: minutes less to build than a release, and nearly as fast
    Quick,
    /// What users get
    Release,
}

impl Build {
    /// Cargo's name of the profile.
    fn profile(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Quick => "quick",
            Self::Release => "release",
        }
    }

    /// The folder below `target` that Cargo puts it into.
    fn folder(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            other => other.profile(),
        }
    }
}

/// How many times longer tests wait for something under emulation than on the hardware.
const SLOW: u32 = 10;

/// Emulated memory.
const MEMORY_MB: u32 = 3072;

/// What `cargo xtask test` runs on a stock kernel: one of everything that pure cgroup v2 changes.
const CORE_KERNEL: &str = "6.1";
const CORE: &[&str] =
    &["run::", "limits_cpu::half", "limits_memory::", "limits_pids::", "walls::", "namespaces::", "v2::"];
const CORE_MINUTES: u64 = 10;

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
    let selection = Selection { arguments: args.tests, threads: args.cpus, slow: SLOW };
    let before = args
        .script
        .as_ref()
        .map(|path| std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display())));
    let host = if args.systemd {
        Host::with_systemd(args.profile)?
    } else {
        Host::prepare(args.profile, args.end_to_end, &selection, &before.transpose()?.unwrap_or_default())?
    };

    let mut lines = Vec::new();
    let mut bad = Vec::new();
    for choice in choices {
        let began = Instant::now();
        let outcome = host.boot(choice, args.cpus, Duration::from_secs(args.minutes * 60));
        let (kernel, results) = match outcome {
            Ok(done) => done,
            Err(error) if error.is::<Unavailable>() => {
                println!("\nvm: SKIPPED {}: {error:#}", choice.name);
                lines.push(format!("{:<5} SKIPPED: {error}", choice.name));
                continue;
            }
            Err(error) => return Err(error),
        };
        if !results.is_good() {
            bad.push(choice.name);
        }
        let [passed, failed, skipped] = results.counts();
        let seconds = began.elapsed().as_secs_f64();
        lines.push(format!(
            "{:<5} {kernel:<24} {passed} passed, {failed} failed, {skipped} skipped, {seconds:.0} s",
            choice.name
        ));
    }
    println!("\n{}", lines.join("\n"));
    if bad.is_empty() { Ok(()) } else { bail!("failed on {}", bad.join(", ")) }
}

/// The core selection on one kernel, with what `cargo xtask test` has built; passed, failed and skipped. A kernel or a QEMU
/// that cannot be had is told and counts as skipped.
///
/// # Errors
/// When a test failed, or the guest did not come to its end.
pub(crate) fn core() -> Result<[usize; 3]> {
    let arguments = CORE.iter().map(|&filter| filter.to_owned()).collect();
    let selection = Selection { arguments, threads: 2, slow: SLOW };
    let booted = Host::prepare(Build::Release, true, &selection, "")
        .and_then(|host| host.boot(Choice::parse(CORE_KERNEL)?, 2, Duration::from_secs(CORE_MINUTES * 60)));
    match booted {
        Ok((_, results)) if results.is_good() => Ok(results.counts()),
        Ok((kernel, results)) => bail!("on {kernel}: {} tests failed", results.totals.failed.max(1)),
        Err(error) if error.is::<Unavailable>() => {
            println!("vm: SKIPPED, nothing was tested on a stock kernel: {error:#}");
            Ok([0, 0, 1])
        }
        Err(error) => Err(error),
    }
}

/// What all kernels share.
struct Host {
    tools: Tools,
    root: PathBuf,
    /// Whether that is the guest with systemd, which boots more than once.
    systemd: bool,
}

impl Host {
    fn prepare(build: Build, end_to_end: bool, selection: &Selection, before: &str) -> Result<Self> {
        let tools = Tools::fetch()?;
        let programs = programs::tests(end_to_end)?;
        let root = root::make(&tools, build, &programs, &script::script(&programs, selection, before))?;
        Ok(Self { tools, root, systemd: false })
    }

    fn with_systemd(build: Build) -> Result<Self> {
        let tools = Tools::fetch()?;
        let root = systemd::make(&tools, build)?;
        Ok(Self { tools, root, systemd: true })
    }

    /// Boots a kernel, runs everything in it and tells what happened; with the release that it calls itself.
    fn boot(&self, choice: &Choice, cpus: u32, limit: Duration) -> Result<(String, Results)> {
        let kernel = choice.fetch(&self.tools)?;
        println!("\n=== {} ({})", choice.name, kernel.release);
        let folder = machine::folder(&format!("{}{}", choice.name, if self.systemd { "-systemd" } else { "" }))?;
        let machine = Machine {
            tools: &self.tools,
            kernel: &kernel,
            root: &self.root,
            reboots: self.systemd,
            folder: &folder,
            cpus,
            memory_mb: MEMORY_MB,
            limit,
        };
        let results = machine.run(|line| println!("[{}] {line}", choice.name))?;
        tell(&results, &folder);
        Ok((kernel.release, results))
    }
}

/// What went wrong on one kernel, and what was not tested.
fn tell(results: &Results, folder: &Path) {
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
