//! The test programs: built on the host, run in the guest.

use super::Build;
use crate::command::{cargo, line, workspace};
use crate::shim;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A test program and where its tests expect to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    /// For people: package and target.
    pub(super) name: String,
    /// The executable.
    pub(super) path: PathBuf,
    /// Its package's folder, where `cargo test` would start it.
    pub(super) folder: PathBuf,
}

/// Builds `hulld` and `hull`; the folder they are in.
///
/// # Errors
/// When Cargo fails.
pub(super) fn engine(build: Build) -> Result<PathBuf> {
    let mut command = cargo();
    command.args(["build", "--quiet", "--package", "hulld", "--package", "hull-cli", "--profile", build.profile()]);
    crate::command::run(&mut command)?;
    Ok(workspace().join("target").join(build.folder()))
}

/// Builds what has tests of the kernel: end to end, the runtime's cgroups and seccomp, the daemon's containers, the shim.
///
/// # Errors
/// When Cargo fails.
pub(super) fn tests(only_end_to_end: bool) -> Result<Vec<Program>> {
    let mut all = built(cargo().args(["test", "--package", "hull-e2e"]))?;
    if !only_end_to_end {
        all.extend(built(cargo().args([
            "test",
            "--package",
            "hull-runtime",
            "--package",
            "hulld",
            "--lib",
            "--tests",
        ]))?);
        all.extend(built(&mut shim::tests())?);
    }
    Ok(all)
}

fn built(command: &mut Command) -> Result<Vec<Program>> {
    command.args(["--no-run", "--quiet", "--message-format=json-render-diagnostics"]);
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot start: {}", line(command)))?;
    if !output.status.success() {
        bail!("failed ({}): {}", output.status, line(command));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(parse).collect())
}

/// One of Cargo's messages, if it tells of a test program.
fn parse(message: &str) -> Option<Program> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    if message["reason"] != "compiler-artifact" || message["profile"]["test"] != true {
        return None;
    }
    let folder = Path::new(message["manifest_path"].as_str()?).parent()?;
    let package = folder.strip_prefix(workspace()).unwrap_or(folder).display().to_string();
    Some(Program {
        name: format!("{package} {}", message["target"]["name"].as_str()?),
        path: message["executable"].as_str()?.into(),
        folder: folder.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_test_programs_count() {
        let message = |test: bool| {
            serde_json::json!({"reason": "compiler-artifact", "profile": {"test": test}, "executable": "/t/e2e-1",
                "manifest_path": workspace().join("tests/e2e/Cargo.toml"), "target": {"name": "e2e"}})
            .to_string()
        };
        let program = parse(&message(true)).unwrap();
        assert_eq!((program.name.as_str(), program.folder), ("tests/e2e e2e", workspace().join("tests/e2e")));
        assert_eq!(parse(&message(false)), None);
        assert_eq!(parse("not json"), None);
    }
}
