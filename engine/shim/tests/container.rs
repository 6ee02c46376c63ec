//! Containers on a real kernel: made, run, observed from inside, ended. Needs root.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use hull_plan::{Frame, StepKind};
use support::{Came, Recipe, Scratch, Shim, log};

#[test]
fn a_container_runs_and_its_log_and_record_are_there_before_its_end_is_told() {
    let scratch = Scratch::new("runs");
    let plan = Recipe::container(&scratch)
        .sh("echo $$ $(hostname) $(grep -q 'host LOCAL' /proc/net/fib_trie && echo lo is up); echo err >&2; exit 7")
        .bytes();
    let mut shim = Shim::start(&plan);
    let pid = shim.channel.started();
    let record = shim.channel.exited();
    assert_eq!((record.pid, record.code, record.signal, record.oom_killed), (pid, 7, 0, false));
    assert!(record.started_at <= record.finished_at);
    assert_eq!(log(&scratch, "stdout"), "1 box lo is up\n");
    assert_eq!(log(&scratch, "stderr"), "err\n");
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(scratch.path("exit.json")).unwrap()).unwrap();
    assert_eq!(json["code"], 7);
    assert_eq!(json["finished_at"], record.finished_at);
    shim.ended();
    assert!(!scratch.path("ctl").exists(), "the control socket goes with the shim");
}

#[test]
fn commands_that_cannot_run_say_why() {
    let scratch = Scratch::new("commands");
    scratch.file("plain", "no program");
    let fails = |command: &str| Shim::failed(&Recipe::container(&scratch).command(&[command]).bytes());
    assert_eq!(fails("nosuch"), (StepKind::Exec, 2, "nosuch".into()));
    assert_eq!(fails("/no/such"), (StepKind::Exec, 2, "/no/such".into()));
    assert_eq!(fails("/plain"), (StepKind::Exec, 13, "/plain".into()));
    assert_eq!(fails("/etc"), (StepKind::Exec, 21, "/etc".into()));
}

#[test]
fn what_the_daemon_leaves_open_goes_no_further() {
    let scratch = Scratch::new("inherited");
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "exec 7</etc/passwd 9</; exec \"$0\""]).arg(support::program());
    let mut shim = Shim::spawn_as(command);
    let plan = Recipe::container(&scratch).command(&["sleep", "1000"]).bytes();
    shim.channel.send(&Frame::Start { plan: &plan });
    let pid = shim.channel.started();
    for process in [shim.process.id(), pid] {
        let open = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap();
        let open: Vec<_> = open.map(|entry| std::fs::read_link(entry.unwrap().path()).unwrap()).collect();
        for of_the_daemon in ["/etc/passwd", "/"] {
            assert!(!open.contains(&of_the_daemon.into()), "{process}: {open:?}");
        }
    }
    shim.channel.send(&Frame::Signal { target: c"", signal: 9 });
    assert_eq!(shim.channel.receive(), Came::Done);
    shim.channel.exited();
    shim.ended();
}
