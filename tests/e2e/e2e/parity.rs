//! The same commands with Docker's client and with `hull`, against one daemon: what they print and how they end is the
//! same. The commands are in `parity/{shown,refused,done,created}.rs`, one a line; what needs a terminal or a signal is in
//! `parity/live.rs`; that no flag of Docker's is missing is asserted by `parity/coverage.rs`.

mod coverage;
mod created;
mod done;
mod live;
mod mask;
mod refused;
mod shown;

use hull_test_support::{Engine, Outcome, eventually};
use std::process::Command;
use std::time::Duration;

/// Docker's client is no Debian package that could be installed beside another Docker: where it is absent, it cannot judge.
fn absent() -> bool {
    let absent = Command::new("docker").arg("--version").output().is_err();
    if absent {
        eprintln!("skipped: no docker client on this host");
    }
    absent
}

/// What a program printed, and how it ended.
#[derive(PartialEq, Eq)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl std::fmt::Debug for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "code {}\n--- stdout\n{}--- stderr\n{}", self.code, self.out, self.err)
    }
}

impl Said {
    fn new(outcome: Outcome, masked: bool) -> Self {
        let mask = |text: String| mask::all(&text, masked);
        Self { code: outcome.code, out: mask(outcome.stdout), err: mask(outcome.stderr) }
    }
}

/// Runs lines with both programs and collects where they differ. In a line,
///
/// - `~` at the start: it prints times or measures, and its numbers are masked;
/// - `!` at the start: the words of the error differ on purpose, everything else does not;
/// - ` < 'text'` at the end: the input;
/// - `UNTIL`: when the stage was set;
/// - `@`: a name that each program has for itself, `FOLDER`: where the files are that [`stage`] made.
struct Judge {
    engine: Engine,
    differences: Vec<String>,
}

impl Judge {
    fn new(engine: Engine) -> Self {
        Self { engine, differences: Vec::new() }
    }

    fn compare(&mut self, line: &str) {
        let command = line.trim_start_matches(['~', '!', ' ']);
        let masked = line.starts_with('~');
        let command = command.replace("FOLDER", &self.engine.folder().display().to_string());
        let (command, input) = command.split_once(" < ").unwrap_or((&command, ""));
        let said = |mut program: Command, own: &str| {
            let input = input.trim_matches('\'').replace("\\n", "\n");
            program.args(split(command).into_iter().map(|word| word.replace('@', own)));
            Said::new(Outcome::of(program, input.as_bytes()), masked)
        };
        let mut docker = said(self.engine.docker_command(), "own-d");
        let mut hull = said(self.engine.hull_command(), "own-h");
        if line.starts_with('!') && !docker.err.is_empty() && !hull.err.is_empty() {
            docker.err.clear();
            hull.err.clear();
        }
        if docker != hull {
            self.differences.push(format!("##### {line}\n== docker: {docker:?}\n== hull: {hull:?}"));
        }
    }

    fn verdict(self) {
        let count = self.differences.len();
        assert_eq!(count, 0, "\n{}\n", self.differences.join("\n"));
    }
}

/// As a shell splits it: at spaces, but not within single quotes.
fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// A daemon with containers in every state.
fn stage() -> Engine {
    let engine = Engine::start();
    engine.load("busybox");
    engine.hull(["volume", "create", "data"]).ok();
    std::fs::write(engine.folder().join("env"), "# a comment\nA=1\nHULL_SURELY_UNSET\n").expect("a file of variables");
    std::fs::write(engine.folder().join("labels"), "# a comment\na=b\n").expect("a file of labels");
    let created = [
        "run -d --name web -p 80 --expose 90 -l tier=front -l com.example.zone=a -v data:/data -m 64m busybox sleep 1000",
        "run -d --name still --net none --restart always -h other -e A=1 busybox sh -c 'while :; do sleep 1; done'",
        "create --name made --entrypoint /bin/echo busybox 'two words'",
        "run -d --name done -l tier=back busybox sh -c 'echo one; echo two >&2; echo three; exit 3'",
    ];
    for line in created {
        let line = line.replace("-p 80 ", "");
        engine.hull(split(&line)).ok();
    }
    engine.hull(["pause", "still"]).ok();
    eventually("done has ended", Duration::from_secs(10), || {
        (engine.inspect("done")["State"]["Status"] == "exited").then_some(())
    });
    // Its end, its last lines and the events of them are out.
    engine.hull(["wait", "done"]).ok();
    engine.hull(["rename", "made", "ready"]).ok();
    engine
}

/// Compares them one after the other, on a stage of their own.
fn compare_all(lines: impl IntoIterator<Item: AsRef<str>>) {
    if absent() {
        return;
    }
    let mut judge = Judge::new(stage());
    // Nothing after this moment is compared: the commands make events themselves.
    let until = judge.engine.get("/info")["SystemTime"].as_str().unwrap_or_default().to_owned();
    for line in lines {
        judge.compare(&line.as_ref().replace("UNTIL", &until));
    }
    judge.verdict();
}

#[test]
fn what_is_shown_is_the_same() {
    compare_all(shown::LINES);
}

#[test]
fn what_is_refused_is_refused_alike() {
    compare_all(refused::LINES);
}

#[test]
fn what_is_done_is_told_alike() {
    compare_all(done::LINES);
}

#[test]
fn what_is_created_is_created_alike() {
    compare_all(created::FLAGS.iter().flat_map(|flags| created::lines(flags)));
}
