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
use expected::{Expected, Verdict};
use results::Results;
use std::path::{Path, PathBuf};

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

    fn run(self, daemon: &Daemon, tests: Tests<'_>) -> Result<Results> {
        match self {
            Self::DockerPy => docker_py::run(daemon, tests),
            Self::Bollard => bollard::run(daemon, tests),
        }
    }
}

/// Which tests of a suite.
#[derive(Clone, Copy)]
enum Tests<'a> {
    All,
    /// Those whose name has this text in it.
    Matching(&'a str),
    Named(&'a [String]),
}

/// Runs the task.
///
/// # Errors
/// When a suite cannot be had or run, or a test fails that is listed as passing.
pub(crate) fn run(args: Args) -> Result<()> {
    setup::require_root("compat")?;
    let suites: Vec<Suite> =
        Suite::ALL.into_iter().filter(|suite| args.suite.is_none_or(|only| only == *suite)).collect();
    let tests = args.filter.as_deref().map_or(Tests::All, Tests::Matching);
    if let Some(socket) = &args.socket {
        for suite in suites {
            print!("{}", suite.run(&Daemon::elsewhere(socket.clone()), tests)?);
        }
        return Ok(());
    }
    let hulld = match &args.programs {
        Some(folder) => folder.join("hulld"),
        None => {
            build::everything()?;
            build::program("hulld")
        }
    };
    let mut broken = Vec::new();
    for suite in suites {
        println!("\n=== {}", suite.name());
        let verdict = verdict(suite, &hulld, tests, args.add)?;
        broken.extend(verdict.broken.into_iter().map(|(name, _)| name));
    }
    if !broken.is_empty() {
        bail!("not as good as before: {}", broken.join(", "));
    }
    Ok(())
}

/// The part of docker-py's suite that is about containers, in pytest's words: a good minute.
const CORE: &str = "client_test or api_container or api_exec or api_healthcheck or api_volume or errors_test \
                    or models_containers or models_resources or models_volumes or regression";

/// That part in `cargo xtask test`: passed, failed although listed, and all others.
///
/// # Errors
/// When it cannot be had or run.
pub(crate) fn in_tests(hulld: &Path) -> Result<[usize; 3]> {
    let verdict = verdict(Suite::DockerPy, hulld, Tests::Matching(CORE), false)?;
    let failed = verdict.broken.len();
    Ok([verdict.passed, failed, verdict.total - verdict.passed - failed])
}

/// Runs a suite, shows what came of it, and compares that with the list.
fn verdict(suite: Suite, hulld: &Path, tests: Tests<'_>, add: bool) -> Result<Verdict> {
    setup::ensure(NEEDS)?;
    let images = images::for_clients()?;
    // One daemon for each suite: what one leaves behind is no part of the other's result.
    let daemon = Daemon::start(hulld, &images)?;
    let mut results = suite.run(&daemon, tests)?;
    let mut expected = Expected::read(suite.name())?;
    let broken: Vec<String> = expected.compare(&results).broken.into_iter().map(|(name, _)| name).collect();
    if !broken.is_empty() {
        // These suites sleep and set deadlines of seconds. What fails on a busy machine is tried once more, alone.
        println!("once more: {}", broken.join(", "));
        daemon.sweep()?;
        results.replace(suite.run(&daemon, Tests::Named(&broken))?);
    }
    daemon.stop()?;
    print!("{results}");
    let verdict = expected.compare(&results);
    if !verdict.new.is_empty() && add {
        expected.add(&verdict.new)?;
        println!("added to {}: {} tests", expected.file().display(), verdict.new.len());
    } else if !verdict.new.is_empty() {
        println!("these pass and are not listed; add them to {} (--add):", expected.file().display());
        verdict.new.iter().for_each(|name| println!("  {name}"));
    }
    for (name, how) in &verdict.broken {
        println!("listed as passing: {name}: {how}");
    }
    Ok(verdict)
}
