//! crun on its own: what an OCI runtime takes without any engine.

use super::engines::Stage;
use crate::command::output;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

/// A shell that runs crun on demand.
///
/// crun refuses hosts that mount cgroup2 beside v1, so the shell has a mount namespace in which cgroup2 is away.
pub(crate) struct Crun {
    shell: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    command: String,
    number: u32,
}

impl Crun {
    /// Unpacks crun and writes a bundle.
    ///
    /// # Errors
    /// When crun is not to be had or does not run here.
    pub(crate) fn prepare(stage: &Stage) -> Result<Self> {
        let prefix = stage.prefix("crun", &["crun"])?;
        let bundle = stage.folder().join("crun");
        fs::create_dir_all(&bundle)?;
        let words = prefix.command("crun")?;
        output(Command::new(&words[0]).args(&words[1..]).arg("spec").current_dir(&bundle))?;
        let config = bundle.join("config.json");
        let mut spec: Value = serde_json::from_slice(&fs::read(&config)?)?;
        spec["process"]["terminal"] = json!(false);
        spec["process"]["args"] = json!(["/bin/true"]);
        spec["root"] = json!({"path": stage.rootfs(), "readonly": true});
        fs::write(&config, spec.to_string())?;

        let mut shell = Command::new("unshare");
        shell.args(["--mount", "sh"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = shell.spawn().context("cannot start a shell")?;
        let (stdin, stdout) = (shell.stdin.take().context("no stdin")?, shell.stdout.take().context("no stdout")?);
        let root = stage.folder().join("crun-state");
        let command = format!("{} --root {} run --bundle {}", words.join(" "), root.display(), bundle.display());
        let mut crun = Self { shell, stdin, stdout: BufReader::new(stdout), command, number: 0 };
        if Path::new("/sys/fs/cgroup/unified").exists() {
            crun.say("umount /sys/fs/cgroup/unified")?;
        }
        crun.cycle()?;
        Ok(crun)
    }

    /// One `crun run` of `true`, in milliseconds.
    ///
    /// # Errors
    /// When it fails.
    pub(crate) fn cycle(&mut self) -> Result<f64> {
        self.number += 1;
        let line = format!("{} hull-bench-{}-{}", self.command, std::process::id(), self.number);
        let start = Instant::now();
        self.say(&line)?;
        Ok(start.elapsed().as_secs_f64() * 1000.0)
    }

    /// Runs a line and waits for its end.
    fn say(&mut self, line: &str) -> Result<()> {
        writeln!(self.stdin, "{line} </dev/null >/dev/null; echo $?")?;
        let mut answer = String::new();
        self.stdout.read_line(&mut answer)?;
        if answer.trim() != "0" {
            bail!("ended with {:?}: {line}", answer.trim());
        }
        Ok(())
    }
}

impl Drop for Crun {
    fn drop(&mut self) {
        writeln!(self.stdin, "exit").ok();
        self.shell.wait().ok();
    }
}
