//! `cargo xtask compat`: the test suites of other people's clients against a fresh `hulld`.
//!
//! ```text
//!  registries --by name--> target/compat/<suite>      docker-py's sdist has its tests, so has the crate bollard
//!  busybox   --> images under the names that the tests want --> loaded into
//!  hulld, in a network and a mount namespace of its own  <-- asked by --  the suite, unchanged
//!  results (JUnit XML, libtest) --> compared with tests/compat/<suite>.txt --> a table by file
//! ```
//! A list names the tests that must pass. It may only grow: a listed test that fails is an error, one that passes and is
//! not listed is named (`--add` writes it down). What else fails is explained in `docs/compat.md`.

mod bollard;
mod daemon;
mod docker_py;
mod expected;
mod junit;
mod libtest;
mod results;

use crate::{build, images, setup};
use anyhow::{Result, bail};
use daemon::Daemon;
use expected::Expected;
use results::Results;
use std::path::PathBuf;

/// What the suites take beside what the tests of our own take.
const NEEDS: &[setup::Need] = &[
    ("python3-venv", "runs docker-py's tests in an environment of their own"),
    ("iproute2", "network namespaces"),
    ("util-linux", "nsenter and unshare: the daemon lives in namespaces of its own"),
];

/// Options of `compat`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this suite
    #[arg(value_enum)]
    suite: Option<Suite>,
    /// Write tests that pass and are not listed yet into tests/compat/
    #[arg(long)]
    add: bool,
    /// Take hulld from this folder instead of building it
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
    /// Run against this engine, which has the images already, and compare with nothing: an oracle
    #[arg(long, value_name = "SOCKET", conflicts_with_all = ["add", "programs"])]
    socket: Option<PathBuf>,
    /// Only tests whose name has this text in it
    #[arg(last = true)]
    filter: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Suite {
    /// The integration tests of Docker's library for Python
    DockerPy,
    /// The integration tests of the Rust crate
    Bollard,
}

impl Suite {
    const ALL: [Self; 2] = [Self::DockerPy, Self::Bollard];

    fn name(self) -> &'static str {
        match self {
            Self::DockerPy => "docker-py",
            Self::Bollard => "bollard",
        }
    }

    fn run(self, daemon: &Daemon, filter: Option<&str>) -> Result<Results> {
        match self {
            Self::DockerPy => docker_py::run(daemon, filter),
            Self::Bollard => bollard::run(daemon, filter),
        }
    }
}

/// Runs the task.
///
/// # Errors
/// When a suite cannot be had or run, or a test fails that is listed as passing.
pub(crate) fn run(args: Args) -> Result<()> {
    setup::require_root("compat")?;
    setup::ensure(NEEDS)?;
    let hulld = match (&args.programs, &args.socket) {
        (_, Some(_)) => None,
        (Some(folder), None) => Some(folder.join("hulld")),
        (None, None) => {
            build::everything()?;
            Some(build::program("hulld"))
        }
    };
    let images = images::for_clients()?;
    let mut broken = Vec::new();
    for suite in Suite::ALL.into_iter().filter(|suite| args.suite.is_none_or(|only| only == *suite)) {
        println!("\n=== {}", suite.name());
        // One daemon for each: what one suite leaves behind is no part of the other's result.
        let daemon = match (&hulld, &args.socket) {
            (Some(hulld), _) => Daemon::start(hulld, &images)?,
            (None, socket) => Daemon::elsewhere(socket.clone().unwrap_or_default()),
        };
        let results = suite.run(&daemon, args.filter.as_deref())?;
        daemon.stop()?;
        print!("{results}");
        if args.socket.is_none() && !compared(suite, &results, args.add)? {
            broken.push(suite.name());
        }
    }
    if !broken.is_empty() {
        bail!("not as good as before: {}", broken.join(", "));
    }
    Ok(())
}

/// Whether nothing got worse.
fn compared(suite: Suite, results: &Results, add: bool) -> Result<bool> {
    let mut expected = Expected::read(suite.name())?;
    let verdict = expected.compare(results);
    if !verdict.new.is_empty() {
        if add {
            expected.add(&verdict.new)?;
            println!("added to {}: {} tests", expected.file().display(), verdict.new.len());
        } else {
            println!("these pass and are not listed; add them to {} (--add):", expected.file().display());
            verdict.new.iter().for_each(|name| println!("  {name}"));
        }
    }
    for (name, how) in &verdict.broken {
        println!("listed as passing: {name}: {how}");
    }
    Ok(verdict.broken.is_empty())
}
