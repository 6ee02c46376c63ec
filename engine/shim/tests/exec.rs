//! Execs, attaching, stdin, terminals, signals: what the control socket serves.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use hull_plan::{Frame, Step, StepKind};
use support::{Came, Channel, Recipe, Scratch, Shim, eventually, log};

/// A container that waits until it is killed.
fn idle(scratch: &Scratch) -> Shim {
    let mut shim = Shim::start(&Recipe::container(scratch).command(&["sleep", "1000"]).bytes());
    shim.channel.started();
    shim
}

fn kill(scratch: &Scratch, shim: &mut Shim) {
    let mut control = Channel::connect(scratch);
    assert_eq!(control.send(&Frame::Signal { target: c"", signal: 9 }).receive(), Came::Done);
    let record = shim.channel.exited();
    assert_eq!((record.code, record.signal), (137, 9));
    shim.ended();
}

#[test]
fn an_exec_is_in_the_container_and_relays_its_output() {
    let scratch = Scratch::new("exec");
    let mut shim = idle(&scratch);
    for round in 0..3 {
        let mut exec = Channel::connect(&scratch);
        let plan =
            Recipe::exec().sh("hostname; readlink /proc/1/exe; echo $$ > /dev/null; echo no >&2; exit 3").bytes();
        exec.send(&Frame::Exec { id: c"e1", plan: &plan });
        let pid = exec.started();
        let (out, err, record) = exec.finish();
        assert_eq!((out.lines().next(), err.as_str()), (Some("box"), "no\n"), "round {round}");
        assert!(out.contains("sleep") || out.contains("coreutils"), "PID 1 is the container's: {out}");
        assert_eq!((record.code, record.pid), (3, pid));
    }
    kill(&scratch, &mut shim);
}

#[test]
fn execs_fail_one_by_one_and_the_container_goes_on() {
    let scratch = Scratch::new("exec-fails");
    let mut shim = idle(&scratch);
    let fail = |plan: Recipe| {
        let mut exec = Channel::connect(&scratch);
        match exec.send(&Frame::Exec { id: c"bad", plan: &plan.bytes() }).receive() {
            Came::Failed { step, errno, object } => (step, errno, object),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(fail(Recipe::exec().command(&["nosuch"])), (StepKind::Exec, 2, "nosuch".into()));
    assert_eq!(fail(Recipe::exec().command(&["/etc"])), (StepKind::Exec, 21, "/etc".into()));
    let cwd = Recipe::exec().step(Step::Cwd { path: c"/no/such" }).command(&["true"]);
    assert_eq!(fail(cwd), (StepKind::Cwd, 2, "/no/such".into()));
    let user = Recipe::exec().step(Step::User { spec: c"ghost" }).command(&["true"]);
    assert_eq!(fail(user), (StepKind::User, 2, "ghost".into()));
    let group = Recipe::exec().step(Step::User { spec: c"0:ghosts" }).command(&["true"]);
    assert_eq!(fail(group), (StepKind::Group, 2, "ghosts".into()));
    let mount = Recipe::exec().step(support::mount(c"tmpfs", c"/tmp")).command(&["true"]);
    assert_eq!(fail(mount).0, StepKind::Mount, "an exec may not change the tree");
    assert_eq!(fail(Recipe::default().step(Step::JoinInit { kinds: u64::MAX })).0, StepKind::Namespace);
    let mut exec = Channel::connect(&scratch);
    assert!(matches!(exec.send(&Frame::Exec { id: c"x", plan: b"garbage" }).receive(), Came::Failed { .. }));
    kill(&scratch, &mut shim);
}

#[test]
fn stdin_reaches_the_process_and_ends() {
    let scratch = Scratch::new("stdin");
    let mut shim = idle(&scratch);
    let mut exec = Channel::connect(&scratch);
    let plan = Recipe::exec().step(Step::Stdin { once: true }).command(&["wc", "-c"]).bytes();
    exec.send(&Frame::Exec { id: c"wc", plan: &plan });
    exec.started();
    let chunk = vec![b'x'; 60_000];
    for _ in 0..100 {
        exec.send(&Frame::Stdin { bytes: &chunk });
    }
    exec.send(&Frame::CloseStdin);
    let (out, _, record) = exec.finish();
    assert_eq!((out.trim(), record.code), ("6000000", 0));

    // The client that feeds it goes away: the process reads its end.
    let mut exec = Channel::connect(&scratch);
    exec.send(&Frame::Exec {
        id: c"gone",
        plan: &Recipe::exec().step(Step::Stdin { once: true }).sh("cat; echo end > /tmp/end").bytes(),
    });
    exec.started();
    exec.send(&Frame::Stdin { bytes: b"a" });
    drop(exec);
    eventually("the exec ends", || scratch.path("upper/tmp/end").exists().then_some(()));
    kill(&scratch, &mut shim);
}

#[test]
fn a_process_that_does_not_read_blocks_only_its_feeder() {
    let scratch = Scratch::new("stdin-full");
    let mut shim = idle(&scratch);
    let mut exec = Channel::connect(&scratch);
    let plan = Recipe::exec().step(Step::Stdin { once: true }).command(&["sleep", "1000"]).bytes();
    exec.send(&Frame::Exec { id: c"deaf", plan: &plan });
    exec.started();
    exec.0.set_nonblocking(true).unwrap();
    let frame = Frame::Stdin { bytes: &[b'x'; 60_000] }.to_vec();
    let mut sent = 0;
    // Until the pipe, the shim's buffer and the socket are full.
    let full = eventually("a full connection", || {
        use std::io::Write;
        match exec.0.write(&frame[sent % frame.len()..]) {
            Ok(length) => {
                sent += length;
                None
            }
            Err(_) => Some(sent),
        }
    });
    assert!(full < 2_000_000, "{full} bytes went somewhere");
    // Others are served.
    let mut control = Channel::connect(&scratch);
    assert!(matches!(control.send(&Frame::Subscribe { target: c"deaf" }).receive(), Came::State(_)));
    let mut signal = Channel::connect(&scratch);
    assert_eq!(signal.send(&Frame::Signal { target: c"deaf", signal: 15 }).receive(), Came::Done);
    assert_eq!(control.exited().signal, 15);
    kill(&scratch, &mut shim);
}

#[test]
fn a_terminal_is_a_terminal() {
    let scratch = Scratch::new("tty");
    let plan = Recipe::shim_side(&scratch)
        .step(Step::Log { path: &scratch.c_path("log"), max_size: 0, max_files: 1 })
        .step(Step::Stdin { once: false })
        .step(Step::Terminal { rows: 33, cols: 77 })
        .step(Step::Namespaces { flags: support::NAMESPACES })
        .root(&scratch)
        .step(Step::PivotRoot)
        .sh("stty size; tty; test -c /dev/console && readlink /proc/self/fd/0; read line; stty size; echo got $line; ps -o tty= -p $$")
        .bytes();
    let mut shim = Shim::start(&plan);
    shim.channel.started();
    eventually("the first lines", || log(&scratch, "stdout").contains("/dev/pts/0\r\n/dev/pts/0").then_some(()));
    let mut attach = Channel::connect(&scratch);
    assert!(matches!(attach.send(&Frame::Attach { stdin: true }).receive(), Came::Attached(..)));
    let mut control = Channel::connect(&scratch);
    assert_eq!(control.send(&Frame::Resize { target: c"", rows: 50, cols: 120 }).receive(), Came::Done);
    attach.send(&Frame::Stdin { bytes: b"hello\n" });
    assert_eq!(attach.exited().code, 0);
    let out = log(&scratch, "stdout");
    assert!(out.starts_with("33 77\r\n"), "{out:?}");
    assert!(out.contains("50 120\r\ngot hello\r\n"), "{out:?}");
    assert!(out.ends_with("pts/0\r\n"), "it controls the session: {out:?}");
    shim.ended();
}

#[test]
fn a_terminal_that_everybody_closed_can_be_opened_again() {
    let scratch = Scratch::new("tty-again");
    let script =
        "exec </dev/null >/dev/null 2>&1; sleep 0.2; echo once >/dev/console; sleep 0.2; echo twice >/dev/console";
    let plan = Recipe::shim_side(&scratch)
        .step(Step::Log { path: &scratch.c_path("log"), max_size: 0, max_files: 1 })
        .step(Step::Terminal { rows: 0, cols: 0 })
        .step(Step::Namespaces { flags: support::NAMESPACES })
        .root(&scratch)
        .step(Step::PivotRoot)
        .sh(script)
        .bytes();
    let mut shim = Shim::start(&plan);
    shim.channel.started();
    assert_eq!(shim.channel.exited().code, 0);
    shim.ended();
    assert_eq!(log(&scratch, "stdout"), "once\r\ntwice\r\n");
}

#[test]
fn an_exec_may_have_a_terminal_too() {
    let scratch = Scratch::new("exec-tty");
    let mut shim = idle(&scratch);
    let mut exec = Channel::connect(&scratch);
    let plan = Recipe::exec()
        .step(Step::Stdin { once: true })
        .step(Step::Terminal { rows: 10, cols: 20 })
        .sh("stty size; read line; stty size; echo $line")
        .bytes();
    exec.send(&Frame::Exec { id: c"t", plan: &plan });
    exec.started();
    exec.output_until("10 20");
    exec.send(&Frame::Resize { target: c"t", rows: 11, cols: 22 });
    assert_eq!(exec.receive(), Came::Done, "requests may be made on the channel itself");
    exec.send(&Frame::Stdin { bytes: b"word\n" });
    let (out, _, record) = exec.finish();
    assert!(out.contains("11 22\r\nword"), "{out:?}");
    assert_eq!(record.code, 0);
    kill(&scratch, &mut shim);
}

#[test]
fn attaching_to_a_log_says_where_output_goes_on_and_flushes_prompts() {
    let scratch = Scratch::new("attach-log");
    let plan = Recipe::shim_side(&scratch)
        .step(Step::Log { path: &scratch.c_path("log"), max_size: 0, max_files: 1 })
        .step(Step::Stdin { once: false })
        .step(Step::Namespaces { flags: support::NAMESPACES })
        .root(&scratch)
        .step(Step::PivotRoot)
        .sh("printf 'held '; read a; printf 'prompt$ '; read b; echo $a $b")
        .bytes();
    let mut shim = Shim::start(&plan);
    shim.channel.started();
    let mut first = Channel::connect(&scratch);
    let Came::Attached(inode, _) = first.send(&Frame::Attach { stdin: true }).receive() else { panic!() };
    use std::os::unix::fs::MetadataExt;
    assert_eq!(inode, std::fs::metadata(scratch.path("log")).unwrap().ino());
    first.send(&Frame::Stdin { bytes: b"one\n" });
    eventually("an unfinished line", || log(&scratch, "stdout").ends_with("prompt$ ").then_some(()));
    drop(first);
    let mut second = Channel::connect(&scratch);
    let Came::Attached(_, offset) = second.send(&Frame::Attach { stdin: true }).receive() else { panic!() };
    assert_eq!(offset, std::fs::metadata(scratch.path("log")).unwrap().len());
    second.send(&Frame::Stdin { bytes: b"two\n" });
    assert_eq!(second.exited().code, 0, "stdin stayed open when the first client left");
    assert!(log(&scratch, "stdout").ends_with("one two\n"));
    shim.ended();
}

#[test]
fn signals_and_requests_for_nobody_are_refused() {
    let scratch = Scratch::new("refused");
    let mut shim = idle(&scratch);
    let mut ask = Channel::connect(&scratch);
    assert_eq!(ask.send(&Frame::Signal { target: c"nobody", signal: 9 }).receive(), Came::Refused(3));
    assert_eq!(ask.send(&Frame::Signal { target: c"", signal: 500 }).receive(), Came::Refused(22));
    assert_eq!(ask.send(&Frame::Resize { target: c"", rows: 1, cols: 1 }).receive(), Came::Refused(25));
    assert_eq!(ask.send(&Frame::AttachExec { id: c"nobody", stdin: false }).receive(), Came::Refused(3));
    assert_eq!(ask.send(&Frame::Subscribe { target: c"nobody" }).receive(), Came::Refused(3));
    // Starting again, or speaking as a shim, closes the connection and nothing else.
    assert_eq!(ask.send(&Frame::Start { plan: b"" }).receive(), Came::End);
    let mut ask = Channel::connect(&scratch);
    assert_eq!(ask.send(&Frame::Done).receive(), Came::End);
    kill(&scratch, &mut shim);
}

#[test]
fn the_end_of_the_container_ends_its_execs_and_everybody_hears() {
    let scratch = Scratch::new("all-end");
    let mut shim = idle(&scratch);
    let mut exec = Channel::connect(&scratch);
    let plan =
        Recipe::exec().step(Step::ExitRecord { path: &scratch.c_path("e.json") }).command(&["sleep", "1000"]).bytes();
    exec.send(&Frame::Exec { id: c"e", plan: &plan });
    exec.started();
    let mut other = Channel::connect(&scratch);
    assert!(matches!(other.send(&Frame::Subscribe { target: c"" }).receive(), Came::State(_)));
    kill(&scratch, &mut shim);
    assert_eq!(exec.exited().signal, 9);
    assert_eq!(other.exited().signal, 9);
    assert!(scratch.path("e.json").exists());
}
