//! A program on a terminal of the test's own, as a person has it: what is typed, what is shown, how large it is.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long anything may take to be shown.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running program and its terminal.
pub struct Terminal {
    ours: File,
    shown: Receiver<Vec<u8>>,
    seen: String,
    child: Child,
}

impl Terminal {
    /// Starts a program on a new terminal of this size.
    ///
    /// # Panics
    /// When there is no terminal to be had, or the program cannot start.
    pub fn run(command: Command, rows: u16, cols: u16) -> Self {
        let mut command = heeding_signals(&command);
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
        grantpt(&ours).expect("grantpt");
        unlockpt(&ours).expect("unlockpt");
        let name = ptsname(&ours, Vec::new()).expect("ptsname").into_string().expect("a path");
        // Without making it this process' own terminal.
        let theirs = File::options()
            .read(true)
            .write(true)
            .custom_flags(nix::libc::O_NOCTTY)
            .open(name)
            .expect("the other side");
        let ours = File::from(ours);
        tcsetwinsize(&ours, size(rows, cols)).expect("a size");
        let side = || Stdio::from(theirs.try_clone().expect("a descriptor"));
        let child = command.stdin(side()).stdout(side()).stderr(side()).spawn().expect("it starts");
        // The command keeps the other side open for as long as it lives, and then nobody would see the end.
        drop((command, theirs));
        let (sender, shown) = channel();
        let mut reader = ours.try_clone().expect("a descriptor");
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // The end of a terminal is EIO.
            while let Ok(length) = reader.read(&mut buffer)
                && length > 0
                && sender.send(buffer[..length].to_vec()).is_ok()
            {}
        });
        Self { ours, shown, seen: String::new(), child }
    }

    /// Types.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn press(&mut self, keys: &str) -> &mut Self {
        self.ours.write_all(keys.as_bytes()).expect("type");
        self
    }

    /// Waits until this is shown, after what was waited for before; gives what was shown up to there.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn shows(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.seen.find(text) {
                let rest = self.seen.split_off(at + text.len());
                return std::mem::replace(&mut self.seen, rest);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.shown.recv_timeout(left) {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(_) => panic!("{text:?} is not shown, but {:?}", self.seen),
            }
        }
    }

    /// Changes the size, and tells the program.
    ///
    /// # Panics
    /// When it has ended.
    pub fn resize(&mut self, rows: u16, cols: u16) {
        tcsetwinsize(&self.ours, size(rows, cols)).expect("a size");
        // It is not the program's controlling terminal, so the kernel does not say so.
        self.signal(Signal::SIGWINCH);
    }

    /// Sends the program a signal.
    ///
    /// # Panics
    /// When it has ended.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).expect("the program");
    }

    /// Kills the program, as a closed window does.
    pub fn kill(mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }

    /// Waits for the program's end: its exit code.
    ///
    /// # Panics
    /// When it does not end.
    #[track_caller]
    pub fn ends(self) -> i32 {
        self.ends_with().0
    }

    /// The same, and what was shown after what was waited for.
    ///
    /// # Panics
    /// When it does not end.
    #[track_caller]
    pub fn ends_with(mut self) -> (i32, String) {
        let deadline = Instant::now() + PATIENCE;
        // Read on: a program that cannot write does not end.
        while let Ok(bytes) = self.shown.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
        assert!(Instant::now() < deadline, "it does not end; it shows {:?}", self.seen);
        let status = self.child.wait().expect("its end");
        let code = status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(-1);
        (code, self.seen)
    }
}

/// The same command with every signal's default action. A shell starts what runs in its background with SIGINT ignored, and
/// that is handed down: to the tests, and to what they start.
fn heeding_signals(command: &Command) -> Command {
    let mut env = Command::new("env");
    env.arg("--default-signal").arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => env.env(name, value),
            None => env.env_remove(name),
        };
    }
    env
}

fn size(rows: u16, cols: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: cols, ws_xpixel: 0, ws_ypixel: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_has_the_terminal_that_it_was_given() {
        let mut command = Command::new("sh");
        command.args(["-c", "trap 'stty size' WINCH; stty size; read line; echo got $line; read line; exit 3"]);
        let mut terminal = Terminal::run(command, 31, 71);
        terminal.shows("31 71");
        terminal.press("word\n").shows("got word");
        terminal.resize(32, 72);
        terminal.shows("32 72");
        terminal.press("\n");
        assert_eq!(terminal.ends(), 3);
    }
}
