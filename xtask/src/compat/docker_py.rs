//! docker-py's integration tests. The source distribution of 7.0.0 is the last one that carries them; they run with the
//! current client, so its `docker/` folder stays behind.

use super::Tests;
use super::daemon::Daemon;
use super::junit;
use super::results::Results;
use crate::command::{line, output, target};
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the tests are from.
const TESTS: &str = "docker==7.0.0";
/// What runs them. pytest 9 refuses the tests' use of unittest.
const CLIENT: [&str; 5] = ["docker==7.2.0", "pytest<9", "pytest-timeout", "paramiko", "websocket-client"];
/// The client cannot speak to a websocket behind a unix socket.
const OVER_TCP: &str =
    "tests/integration/api_container_test.py::AttachContainerTest::test_run_container_reading_socket_ws";
/// A test in there replaces the whole environment and `DOCKER_HOST` with it.
const LEFT_OUT: &str = "--ignore=tests/integration/credentials";

/// Runs them.
pub(crate) fn run(daemon: &Daemon, tests: Tests<'_>) -> Result<Results> {
    let suite = Suite::prepare()?;
    let (mut everything, mut over_tcp) = match tests {
        Tests::Named(names) => {
            let (tcp, unix) = names.iter().map(|name| node(name)).partition::<Vec<_>, _>(|name| name == OVER_TCP);
            (unix, tcp)
        }
        Tests::All | Tests::Matching(_) => {
            let all = ["tests/integration", LEFT_OUT, "--deselect", OVER_TCP];
            (all.map(str::to_owned).to_vec(), vec![OVER_TCP.to_owned()])
        }
    };
    if let Tests::Matching(text) = tests {
        for list in [&mut everything, &mut over_tcp] {
            list.extend(["-k".to_owned(), text.to_owned()]);
        }
    }
    let mut results = Results::default();
    if !everything.is_empty() {
        results.merge(suite.pytest(daemon, &daemon.host(), "unix", &everything)?);
    }
    if let Some(tcp) = daemon.tcp().filter(|_| !over_tcp.is_empty()) {
        results.merge(suite.pytest(daemon, &tcp, "tcp", &over_tcp)?);
    }
    Ok(results)
}

/// A test of ours as pytest names it: `api_exec_test::ExecTest::test_x`.
fn node(name: &str) -> String {
    let (file, test) = name.split_once("::").unwrap_or((name, ""));
    format!("tests/integration/{file}.py::{test}")
}

/// The unpacked tests and a Python environment.
struct Suite {
    folder: PathBuf,
    python: PathBuf,
}

impl Suite {
    fn prepare() -> Result<Self> {
        let folder = target("compat/docker-py")?;
        let suite = Self { python: folder.join("venv/bin/python"), folder };
        let wanted = format!("{TESTS}\n{}\n", CLIENT.join("\n"));
        let stamp = suite.folder.join("stamp");
        if fs::read_to_string(&stamp).is_ok_and(|made_of| made_of == wanted) {
            return Ok(suite);
        }
        println!("fetching the tests of {TESTS}; they run with {}", CLIENT.join(", "));
        for old in ["venv", "tests", "sdist"].map(|name| suite.folder.join(name)).iter().filter(|old| old.exists()) {
            fs::remove_dir_all(old).with_context(|| format!("cannot empty {}", old.display()))?;
        }
        output(Command::new("python3").args(["-m", "venv"]).arg(suite.folder.join("venv")))?;
        output(suite.pip().args(["install", "--quiet"]).args(CLIENT))?;
        output(suite.pip().args(["download", "--quiet", "--no-deps", "--no-binary=docker", "--dest", "sdist", TESTS]))?;
        suite.unpack()?;
        fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
        Ok(suite)
    }

    fn pip(&self) -> Command {
        let mut command = Command::new(&self.python);
        command.args(["-m", "pip", "--disable-pip-version-check"]).current_dir(&self.folder);
        command
    }

    /// `tests/` and `pytest.ini`, without the folder that carries the version in its name.
    fn unpack(&self) -> Result<()> {
        let sdist = only_file(&self.folder.join("sdist"))?;
        output(
            Command::new("tar")
                .args(["--strip-components=1", "--wildcards", "-xf"])
                .arg(sdist)
                .args(["*/tests", "*/pytest.ini"])
                .current_dir(&self.folder),
        )?;
        Ok(())
    }

    fn pytest(&self, daemon: &Daemon, host: &str, name: &str, tests: &[String]) -> Result<Results> {
        let report = self.folder.join(format!("{name}.xml"));
        fs::remove_file(&report).ok();
        // Contexts and credentials are files of the user's: these tests have a home of their own, empty at first.
        let home = self.folder.join("home");
        if home.exists() {
            fs::remove_dir_all(&home).with_context(|| format!("cannot empty {}", home.display()))?;
        }
        fs::create_dir_all(home.join(".docker"))?;
        // Without this file the client takes the current folder for its own.
        fs::write(home.join(".docker/config.json"), "{}")?;
        let mut command = daemon.client();
        command.arg(&self.python).args(["-m", "pytest", "-p", "no:cacheprovider", "--timeout=120"]).args(tests);
        command.arg(format!("--junitxml={}", report.display()));
        command.env("DOCKER_HOST", host).env("HOME", &home).env_remove("DOCKER_CONFIG").current_dir(&self.folder);
        println!("+ {}", line(&command));
        let status = watched(&mut command, &self.folder.join(format!("{name}.log")))?;
        // 1: some failed. 5: the filter left none.
        if !matches!(status, Some(0 | 1 | 5)) {
            bail!("pytest failed ({status:?}); see {}/{name}.log", self.folder.display());
        }
        let xml = fs::read_to_string(&report).with_context(|| format!("cannot read {}", report.display()))?;
        junit::parse(&xml)
    }
}

/// Keeps all output in a file and shows the progress of it: what comes before the tracebacks.
fn watched(command: &mut Command, log: &Path) -> Result<Option<i32>> {
    let mut file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let errors = file.try_clone()?;
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).spawn()?;
    let mut progress = true;
    for text in BufReader::new(child.stdout.take().context("no output")?).lines() {
        let text = text?;
        writeln!(file, "{text}")?;
        progress &= !(text.starts_with("====") && (text.contains("FAILURES") || text.contains("ERRORS")));
        if progress && text.contains('%') {
            println!("{text}");
        }
    }
    println!("tracebacks: {}", log.display());
    Ok(child.wait()?.code())
}

fn only_file(folder: &Path) -> Result<PathBuf> {
    let mut files = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let file = files.next().with_context(|| format!("{} is empty", folder.display()))??;
    Ok(file.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_test_can_be_run_alone() {
        let name = "api_container_test::AttachContainerTest::test_run_container_reading_socket_ws";
        assert_eq!(node(name), OVER_TCP);
    }
}
