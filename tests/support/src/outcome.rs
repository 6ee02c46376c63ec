//! What a program did.

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// A finished program.
#[derive(Debug)]
pub struct Outcome {
    command: String,
    /// Exit code; 128 + n after a signal.
    pub code: i32,
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
}

impl Outcome {
    /// Runs a command to its end, with this input.
    ///
    /// # Panics
    /// When it cannot start.
    pub fn of(mut command: Command, input: &[u8]) -> Self {
        let line = format!("{command:?}");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{line}: {error}"));
        let mut stdin = child.stdin.take().expect("its input");
        let input = input.to_vec();
        // Beside its output, or both sides would wait; who reads nothing has seen nothing of a closed pipe either.
        let typed = std::thread::spawn(move || stdin.write_all(&input).ok());
        let output = child.wait_with_output().unwrap_or_else(|error| panic!("{line}: {error}"));
        typed.join().ok();
        Self::new(line, output)
    }

    pub(crate) fn new(command: String, output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        let code = output.status.code().or(output.status.signal().map(|signal| 128 + signal)).unwrap_or(-1);
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { command, code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// It succeeded; gives its trimmed output.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}\nstdout: {}\nstderr: {}", self.command, self.stdout, self.stderr);
        self.stdout.trim_end().to_owned()
    }

    /// It failed with this code and said this (on either stream).
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn fails(self, code: i32, says: &str) -> Self {
        let said = format!("{}{}", self.stdout, self.stderr);
        assert!(self.code == code && said.contains(says), "wanted {code} and {says:?}, got {self:#?}");
        self
    }
}
