//! The integration tests inside the crate bollard, as the registry has it.
//!
//! A package of ours that depends on the crate makes cargo fetch it; its sources are copied, since a registry's folder is
//! not to be built in, and built as a workspace of their own.

use super::Tests;
use super::daemon::Daemon;
use super::libtest;
use super::results::{Outcome, Results};
use crate::command::{cargo, output, target};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const VERSION: &str = "0.21.1";

/// Runs them. One process for each test: one that hangs is ended, and what a failed one leaves is swept up before the next.
pub(crate) fn run(daemon: &Daemon, tests: Tests<'_>) -> Result<Results> {
    let suite = Suite::prepare()?;
    let mut results = Results::default();
    for (file, program) in suite.build()? {
        let list = output(Command::new(&program).args(["--list", "--format=terse"]))?;
        for name in libtest::names(&list) {
            let full = format!("{file}::{name}");
            let wanted = match tests {
                Tests::All => true,
                Tests::Matching(text) => full.contains(text),
                Tests::Named(names) => names.contains(&full),
            };
            if !wanted {
                continue;
            }
            daemon.stock()?;
            let log = target("compat/bollard/logs")?.join(format!("{file}.{name}.log"));
            let outcome = libtest::run(&mut suite.command(daemon, &program), name, &log)?;
            println!("{full}: {outcome}");
            if !matches!(outcome, Outcome::Passed) {
                daemon.sweep()?;
            }
            results.add(full, outcome);
        }
    }
    Ok(results)
}

/// The copied sources.
struct Suite {
    sources: PathBuf,
}

impl Suite {
    fn prepare() -> Result<Self> {
        let folder = target("compat/bollard")?;
        let sources = folder.join(format!("bollard-{VERSION}"));
        if !sources.join("Cargo.toml").exists() {
            let registry = fetch(&folder.join("fetch"))?;
            copy(&registry, &sources)?;
            let manifest = sources.join("Cargo.toml");
            let text = fs::read_to_string(&manifest)?;
            // Or cargo would look for it among the members of ours, above.
            fs::write(&manifest, format!("[workspace]\n{text}"))?;
        }
        Ok(Self { sources })
    }

    /// Test programs by the name of their file.
    fn build(&self) -> Result<Vec<(String, PathBuf)>> {
        let mut command = cargo();
        command.current_dir(&self.sources).env("CARGO_TARGET_DIR", target("compat/bollard/target")?);
        command.args(["test", "--tests", "--no-run", "--message-format=json", "--config=profile.dev.debug=0"]);
        let built = output(command.stderr(Stdio::inherit()))?;
        let mut programs: Vec<(String, PathBuf)> = built.lines().filter_map(program).collect();
        if programs.is_empty() {
            bail!("bollard {VERSION} has no tests any more");
        }
        programs.sort();
        Ok(programs)
    }

    /// A test program, before its arguments: some tests name `/var/run/docker.sock` and nothing else.
    fn command(&self, daemon: &Daemon, program: &Path) -> Command {
        let mut command = daemon.client();
        let script = "mount -t tmpfs none /run && ln -s \"$1\" /run/docker.sock && shift && exec \"$@\"";
        command.args(["unshare", "--mount", "--", "sh", "-c", script, "sh"]).arg(daemon.socket()).arg(program);
        // The names of its images are then those of Docker's registry, which are loaded already.
        command.env("DISABLE_REGISTRY", "1").current_dir(&self.sources);
        command
    }
}

/// A line of `--message-format=json`, if it tells of a test program of the `tests` folder.
fn program(line: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(line).ok()?;
    let executable = message["executable"].as_str()?;
    let is_test = message["target"]["kind"].as_array()?.iter().any(|kind| kind == "test");
    is_test.then(|| (message["target"]["name"].as_str().unwrap_or_default().to_owned(), executable.into()))
}

/// Where cargo keeps the crate's sources.
fn fetch(folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder.join("src")).with_context(|| format!("cannot create {}", folder.display()))?;
    let manifest = format!(
        "[workspace]\n[package]\nname = \"fetch\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[dependencies]\nbollard = \"={VERSION}\"\n"
    );
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::write(folder.join("src/lib.rs"), "")?;
    let metadata = output(cargo().current_dir(folder).args(["metadata", "--format-version=1"]))?;
    let metadata: Value = serde_json::from_str(&metadata).context("cargo metadata")?;
    let packages = metadata["packages"].as_array().context("cargo metadata has no packages")?;
    let bollard = packages.iter().find(|package| package["name"] == "bollard").context("no package bollard")?;
    let manifest = bollard["manifest_path"].as_str().context("bollard has no manifest")?;
    Ok(Path::new(manifest).parent().context("bollard has no folder")?.to_owned())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to).with_context(|| format!("cannot empty {}", to.display()))?;
    }
    output(Command::new("cp").args(["-r", "--no-target-directory"]).arg(from).arg(to)).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_test_programs_of_the_tests_folder_are_run() {
        let line = |kind: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","target":{{"kind":["{kind}"],"name":"exec_test"}},"executable":"/x/exec_test-1"}}"#
            )
        };
        assert_eq!(program(&line("test")), Some(("exec_test".to_owned(), "/x/exec_test-1".into())));
        assert_eq!(program(&line("lib")), None);
        assert_eq!(program(r#"{"reason":"build-finished","success":true}"#), None);
    }
}
