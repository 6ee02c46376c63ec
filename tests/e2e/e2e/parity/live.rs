//! What needs a terminal, a signal or a second command at the same time: the same scene is played with Docker's client
//! and with `hull`. How lines are written: `super::Judge`.

use super::{Judge, absent, mask, split, stage};
use Do::{Beside, Press, Resize, Shows, Signal};
use hull_test_support::Terminal;
use nix::sys::signal::Signal::{self as Sig, SIGINT, SIGKILL, SIGTERM};

/// What happens while a program runs.
enum Do {
    /// It shows this, after what it showed before.
    Shows(&'static str),
    /// It is typed.
    Press(&'static str),
    /// The window becomes this large.
    Resize(u16, u16),
    /// The program gets a signal.
    Signal(Sig),
    /// Another command is run meanwhile.
    Beside(&'static str),
}

/// A program on a terminal. How it ends is compared; with `whole`, also what it shows after the last [`Shows`].
struct Scene {
    line: &'static str,
    steps: &'static [Do],
    whole: bool,
}

const fn scene(line: &'static str, steps: &'static [Do]) -> Scene {
    Scene { line, steps, whole: false }
}

const fn whole(line: &'static str, steps: &'static [Do]) -> Scene {
    Scene { line, steps, whole: true }
}

/// Prints and listens: a signal that it gets ends it with 9.
const TICKING: &str = "run -d --name @ busybox sh -c \
                       'trap \"exit 9\" INT TERM; while :; do echo tick; sleep .1; done'";

const SCENES: &[Scene] = &[
    // A shell, its size, its code
    scene(
        "run -it --name @ busybox sh",
        &[
            Shows("# "),
            Press("stty size\n"),
            Shows("24 80"),
            Resize(30, 100),
            Press("until [ \"$(stty size)\" = '30 100' ]; do :; done; echo wide-$((1+1))\n"),
            Shows("wide-2"),
            Press("exit 4\n"),
        ],
    ),
    scene("start -ai @", &[Shows("# "), Press("exit 5\n")]),
    whole("start --detach-keys ctrl-x -ai @", &[Shows("# "), Press("\x18")]),
    whole("attach --detach-keys a,b @", &[Press("echo $((1+1))x\n"), Shows("2x\r\n"), Shows("# "), Press("ab")]),
    scene("exec -it @ sh", &[Shows("# "), Press("exit 7\n")]),
    whole("exec -it --detach-keys ctrl-x,x @ sh", &[Shows("# "), Press("\x18x")]),
    scene("exec -it @ sh -c 'kill -9 $$'", &[]),
    scene("attach @", &[Press("exit 6\n")]),
    whole("attach @", &[]),
    whole("container run -it --rm --detach-keys q busybox sh", &[Shows("# "), Press("q")]),
    whole("run -it --rm busybox nosuch", &[]),
    scene("run -it --rm busybox sh -c 'exit 130'", &[]),
    scene("run -i --rm busybox cat", &[Press("word\n"), Shows("word\r\nword\r\n"), Press("\x04")]),
    // Signals
    scene("rm -f @", &[]),
    scene(TICKING, &[]),
    scene("attach @", &[Shows("tick"), Signal(SIGINT)]),
    scene("start @", &[]),
    scene("attach --sig-proxy=false @", &[Shows("tick"), Beside("kill @")]),
    scene("start @", &[]),
    scene("attach --no-stdin @", &[Shows("tick"), Beside("kill @")]),
    scene("start @", &[]),
    scene(
        "run --rm busybox sh -c 'trap \"exit 3\" TERM; while :; do echo tick; sleep .1; done'",
        &[Shows("tick"), Signal(SIGTERM)],
    ),
    // What goes on until it is told to end
    scene("logs -f --tail 1 @", &[Shows("tick"), Shows("tick"), Signal(SIGINT)]),
    scene("logs -f --tail 1 @", &[Shows("tick"), Shows("tick"), Beside("kill @")]),
    scene("start @", &[]),
    scene("stats @", &[Shows("MEM USAGE / LIMIT"), Shows("own"), Shows("%"), Shows("own"), Signal(SIGKILL)]),
    scene("stats --format '{{.Name}} {{.CPUPerc}}'", &[Shows("%"), Shows("%"), Signal(SIGKILL)]),
    scene(
        "events --since 1m -f container=@ -f event=pause -f event=unpause",
        &[Beside("pause @"), Shows("pause"), Beside("unpause @"), Shows("unpause"), Signal(SIGINT)],
    ),
    scene(
        "events --since 1m --format '{{.Action}} {{.Actor.Attributes.name}}' -f event=rename",
        &[Beside("rename @ @x"), Shows("rename own"), Beside("rename @x @"), Shows("rename own"), Signal(SIGTERM)],
    ),
    scene("wait @", &[Beside("kill @")]),
    // Questions
    whole("container prune", &[Shows("[y/N]"), Press("n\n")]),
    whole("system prune", &[Shows("[y/N]"), Press("\n")]),
];

/// Where Docker's client goes on until the third signal, or ends with 0 as if all were well, and `hull` ends with the
/// first and says so in its code. What it shows before the signal; the code.
const SIGNALLED: &[(&str, &str, Sig, i32)] = &[
    ("stats --format 'tick {{.Name}}' @", "tick", SIGINT, 130),
    ("attach --sig-proxy=false @", "tick", SIGINT, 130),
    ("exec @ sh -c 'while :; do echo tick; sleep .1; done'", "tick", SIGINT, 130),
    ("exec @ sh -c 'while :; do echo tick; sleep .1; done'", "tick", SIGTERM, 143),
    ("run --sig-proxy=false --name @x busybox sh -c 'while :; do echo tick; sleep .1; done'", "tick", SIGTERM, 143),
    ("container prune", "[y/N]", SIGINT, 130),
];

/// What was typed in them, for whoever counts flags.
pub(super) fn lines() -> Vec<&'static str> {
    SCENES.iter().map(|scene| scene.line).collect()
}

/// Plays a scene: the code, and what was shown last.
fn play(judge: &Judge, scene: &Scene, own: &str, terminal: impl Fn(Vec<String>) -> Terminal) -> (i32, String) {
    let words = |line: &str| split(line).into_iter().map(|word| word.replace('@', own)).collect::<Vec<_>>();
    // Of a scene that does not come to its end, the last such line is the one.
    eprintln!("{own}: {}", scene.line);
    let mut program = terminal(words(scene.line));
    for step in scene.steps {
        match step {
            Shows(text) => drop(program.shows(text)),
            Press(keys) => drop(program.press(keys)),
            Resize(rows, columns) => program.resize(*rows, *columns),
            Signal(signal) => program.signal(*signal),
            Beside(line) => drop(judge.engine.hull(words(line)).ok()),
        }
    }
    let (code, rest) = program.ends_with();
    (code, if scene.whole { mask::all(&rest, false) } else { String::new() })
}

#[test]
fn what_goes_on_ends_alike() {
    if absent() {
        return;
    }
    let mut judge = Judge::new(stage());
    for scene in SCENES {
        let docker = play(&judge, scene, "own-d", |words| judge.engine.docker_terminal(words));
        let hull = play(&judge, scene, "own-h", |words| {
            // Hints are what Docker's client does not give.
            let mut command = judge.engine.hull_command();
            command.env("HULL_HINTS", "0").args(words);
            Terminal::run(command, 24, 80)
        });
        if docker != hull {
            judge.differences.push(format!("##### {}\n== docker: {docker:?}\n== hull: {hull:?}", scene.line));
        }
    }
    judge.verdict();
}

#[test]
fn a_person_is_told_what_helps() {
    let judge = Judge::new(stage());
    for (line, hint) in [
        ("logs nosuch", "hint: hull ps -a"),
        ("exec done true", "hint: hull start NAME"),
        ("attahc web", "hint: did you mean attach?"),
    ] {
        let mut program = judge.engine.hull_terminal(split(line));
        program.shows(hint);
        assert_eq!(program.ends(), 1, "{line}");
        // Not where a program reads along.
        assert!(!judge.engine.hull(split(line)).fails(1, "").stderr.contains("hint"), "{line}");
    }
}

#[test]
fn a_signal_ends_hull_and_not_what_it_looks_at() {
    let judge = Judge::new(stage());
    judge.engine.hull(split(&TICKING.replace('@', "own"))).ok();
    let start = |line: &str| judge.engine.hull_terminal(split(line).into_iter().map(|word| word.replace('@', "own")));
    for (line, shown, signal, code) in SIGNALLED {
        let mut program = start(line);
        program.shows(shown);
        program.signal(*signal);
        assert_eq!(program.ends(), *code, "{line}");
        assert_eq!(judge.engine.inspect("own")["State"]["Running"], true, "{line}");
    }
    assert_eq!(judge.engine.inspect("ownx")["State"]["Running"], true);
    // Passed on, and the code is the container's.
    judge.engine.hull(["kill", "own"]).ok();
    let mut program = start("start -a @");
    program.shows("tick");
    program.shows("tick");
    program.signal(SIGTERM);
    assert_eq!(program.ends(), 9);
}
