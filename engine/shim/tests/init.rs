//! The small init of `--init`: PID 1 that hands signals on, reaps, and ends as the payload ends.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use hull_plan::{Frame, Step, StepKind};
use support::{Came, Channel, Recipe, Scratch, Shim, eventually, log};

fn container(scratch: &Scratch) -> Recipe {
    Recipe::container(scratch).step(Step::Init)
}

#[test]
fn the_payload_is_a_child_of_pid_1_and_its_end_is_the_end() {
    let scratch = Scratch::new("init");
    let script = "echo $$ $PPID; tr '\\0' ' ' < /proc/1/cmdline; cat /proc/1/comm; kill -9 $$";
    let record = Shim::run(&container(&scratch).sh(script).bytes());
    assert_eq!((record.code, record.signal), (137, 0), "as a shell would say it");
    let wanted = format!("2 1\nhull-init /bin/sh -- /bin/sh -c {script} hull-init\n");
    assert_eq!(log(&scratch, "stdout"), wanted);
    assert_eq!(Shim::run(&container(&scratch).sh("exit 7").bytes()).code, 7);
}

#[test]
fn orphans_are_reaped() {
    let scratch = Scratch::new("init-orphans");
    // The grandchild loses its parent, ends, and nobody but PID 1 can reap it.
    let script = "(true & echo $! > /orphan); while [ -d /proc/$(cat /orphan) ]; do :; done; echo gone";
    assert_eq!(Shim::run(&container(&scratch).sh(script).bytes()).code, 0);
    assert_eq!(log(&scratch, "stdout"), "gone\n");
}

#[test]
fn signals_are_handed_on() {
    let scratch = Scratch::new("init-signals");
    let plan = container(&scratch).sh("trap 'echo got; exit 5' TERM; echo ready; while :; do sleep 0.01; done").bytes();
    let mut shim = Shim::start(&plan);
    shim.channel.started();
    eventually("ready", || log(&scratch, "stdout").contains("ready").then_some(()));
    let mut control = Channel::connect(&scratch);
    assert_eq!(control.send(&Frame::Signal { target: c"", signal: 15 }).receive(), Came::Done);
    assert_eq!(shim.channel.exited().code, 5);
    shim.ended();
    assert_eq!(log(&scratch, "stdout"), "ready\ngot\n");
}

#[test]
fn a_program_without_handlers_is_ended_by_a_signal_as_it_is_outside() {
    let scratch = Scratch::new("init-deaf");
    let mut shim = Shim::start(&container(&scratch).command(&["sleep", "1000"]).bytes());
    shim.channel.started();
    // Without an init this would be lost on it, which is why people ask for one.
    let mut control = Channel::connect(&scratch);
    assert_eq!(control.send(&Frame::Signal { target: c"", signal: 15 }).receive(), Came::Done);
    assert_eq!(shim.channel.exited().code, 143);
    shim.ended();
}

#[test]
fn commands_that_cannot_run_say_why() {
    let scratch = Scratch::new("init-commands");
    scratch.file("plain", "no program");
    std::os::unix::fs::symlink("/nowhere", scratch.path("lower/dangling")).unwrap();
    let text = scratch.file("text", "not for this machine");
    std::fs::set_permissions(text, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let fails = |command: &str| Shim::failed(&container(&scratch).command(&[command]).bytes());
    assert_eq!(fails("nosuch"), (StepKind::Exec, 2, "nosuch".into()));
    assert_eq!(fails("/plain"), (StepKind::Exec, 13, "/plain".into()));
    assert_eq!(fails("/text"), (StepKind::Exec, 8, "/text".into()), "found, and only its execve fails");
}

#[test]
fn a_terminal_belongs_to_the_payload() {
    let scratch = Scratch::new("init-terminal");
    let plan = container(&scratch)
        .step(Step::Terminal { rows: 24, cols: 80 })
        .sh("[ $(cut -d' ' -f8 /proc/self/stat) = $(cut -d' ' -f5 /proc/$$/stat) ] && echo foreground; stty size")
        .bytes();
    assert_eq!(Shim::run(&plan).code, 0);
    assert_eq!(log(&scratch, "stdout"), "foreground\r\n24 80\r\n");
}

#[test]
fn nothing_of_the_shims_is_in_the_container() {
    let scratch = Scratch::new("init-clean");
    let mut shim = Shim::start(&container(&scratch).command(&["sleep", "1000"]).bytes());
    let init = shim.channel.started();
    let open = |pid: u32| std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    let payload = support::children(init)[0];
    assert_eq!((open(init), open(payload)), (3, 3), "0, 1 and 2");
    let blocked = |pid: u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        status.lines().find_map(|line| line.strip_prefix("SigBlk:\t")).unwrap().to_owned()
    };
    assert_eq!(blocked(payload), "0000000000000000");
    let mut control = Channel::connect(&scratch);
    assert_eq!(control.send(&Frame::Signal { target: c"", signal: 9 }).receive(), Came::Done);
    assert_eq!(shim.channel.exited().code, 137);
    shim.ended();
}
