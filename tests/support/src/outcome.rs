//! What a program did.

use std::process::Output;

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
