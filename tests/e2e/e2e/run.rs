//! Running: output, exit codes, terminals, stdin, logs, exec.

use hull_test_support::{Engine, eventually};
use std::io::{Read, Write};
use std::process::Stdio;
use std::time::Duration;

#[test]
fn the_embedded_image_runs_without_any_registry() {
    let engine = Engine::start();
    let text = engine.hull(["run", "--rm", "--cpus=.5", "--memory=100m", "hull/hello"]).ok();
    assert!(text.to_lowercase().contains("pid"), "{text}");
    assert_eq!(engine.hull(["ps", "-aq"]).ok(), "", "--rm removed it");
}

#[test]
fn output_exit_codes_and_logs_are_the_programs() {
    let engine = Engine::start();
    engine.load("busybox");
    let outcome = engine.hull(["run", "--name", "talk", "busybox", "sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert_eq!((outcome.code, outcome.stdout.as_str(), outcome.stderr.as_str()), (7, "out\n", "err\n"));
    let logs = engine.hull(["logs", "talk"]);
    assert_eq!((logs.stdout.as_str(), logs.stderr.as_str()), ("out\n", "err\n"));
    let stamped = engine.hull(["logs", "--timestamps", "talk"]).stdout;
    assert!(stamped.starts_with("20") && stamped.trim_end().ends_with("Z out"), "{stamped}");
    engine.hull(["run", "--rm", "busybox", "sh", "-c", "sh -c 'kill -9 $$'; exit $?"]).fails(137, "");
    assert_eq!(engine.hull(["wait", "talk"]).ok(), "7");
}

#[test]
fn codes_125_126_and_127_are_dockers() {
    let engine = Engine::start();
    engine.load("busybox");
    engine
        .hull(["run", "--rm", "busybox", "nosuch"])
        .fails(127, "exec: \"nosuch\": executable file not found in $PATH");
    engine.hull(["run", "--rm", "busybox", "/etc/passwd"]).fails(126, "permission denied");
    engine.hull(["run", "--rm", "busybox", "/nosuch"]).fails(127, "no such file or directory");
    engine.hull(["run", "--rm", "--nosuchflag", "busybox"]).fails(125, "--nosuchflag");
    engine.hull(["run", "-d", "--name", "up", "busybox", "sleep", "1000"]).ok();
    engine.hull(["exec", "up", "nosuch"]).fails(127, "executable file not found in $PATH");
    engine.hull(["exec", "up", "/etc/passwd"]).fails(126, "permission denied");
    engine.hull(["exec", "up", "sh", "-c", "exit 5"]).fails(5, "");
}

#[test]
fn stdin_reaches_the_process_and_its_end_is_the_end() {
    let engine = Engine::start();
    engine.load("busybox");
    for verb in [&["run", "-i", "--rm", "busybox", "wc", "-c"][..], &["exec", "-i", "up", "wc", "-c"]] {
        if verb[0] == "exec" {
            engine.hull(["run", "-d", "--name", "up", "busybox", "sleep", "1000"]).ok();
        }
        let mut child =
            engine.hull_command().args(verb).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("hull");
        let mut stdin = child.stdin.take().expect("stdin");
        stdin.write_all(&vec![b'x'; 1_000_000]).expect("a megabyte goes in");
        drop(stdin);
        let mut text = String::new();
        child.stdout.take().expect("stdout").read_to_string(&mut text).expect("output");
        assert_eq!(text.trim(), "1000000", "{verb:?}");
        assert!(child.wait().expect("wait").success());
    }
}

#[test]
fn a_terminal_is_a_terminal_of_the_asked_size() {
    let engine = Engine::start();
    engine.load("busybox");
    // script(1) gives the client a terminal, as a person has one.
    let hull = std::path::PathBuf::from(engine.hull_command().get_program());
    let line = format!(
        "stty rows 33 cols 99; {} -H {} run -it --rm busybox sh -c 'tty; stty size'",
        hull.display(),
        engine.host()
    );
    let output = std::process::Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .stdin(Stdio::null())
        .output()
        .expect("script");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("/dev/pts/0") && text.contains("33 99"), "{text:?}");
}

#[test]
fn environment_workdir_user_and_hostname() {
    let engine = Engine::start();
    engine.load("busybox");
    let script = "echo $A; pwd; id -u; hostname; cat /etc/hostname; grep -c own /etc/hosts; echo $HOME";
    let flags =
        ["run", "--rm", "-e", "A=b", "-w", "/made/up", "-u", "nobody", "-h", "own", "busybox", "sh", "-c", script];
    let text = engine.hull(flags).ok();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..2], ["b", "/made/up"], "{text}");
    assert_ne!(lines[2], "0");
    assert_eq!(lines[3..6], ["own", "own", "1"], "{text}");
}

#[test]
fn logs_follow_until_the_end() {
    let engine = Engine::start();
    engine.load("busybox");
    engine
        .hull([
            "run",
            "-d",
            "--name",
            "ticker",
            "busybox",
            "sh",
            "-c",
            "for i in 1 2 3 4 5; do echo line $i; sleep 0.1; done",
        ])
        .ok();
    let text = engine.hull(["logs", "-f", "ticker"]).ok();
    assert_eq!(text, "line 1\nline 2\nline 3\nline 4\nline 5");
    assert_eq!(engine.hull(["logs", "--tail", "2", "ticker"]).ok(), "line 4\nline 5");
}

#[test]
fn stop_kill_start_and_restart() {
    let engine = Engine::start();
    engine.load("busybox");
    engine
        .hull([
            "run",
            "-d",
            "--name",
            "polite",
            "busybox",
            "sh",
            "-c",
            "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done",
        ])
        .ok();
    eventually("it is ready", Duration::from_secs(5), || {
        engine.hull(["logs", "polite"]).stdout.contains("ready").then_some(())
    });
    engine.hull(["stop", "polite"]).ok();
    assert_eq!(engine.inspect("polite")["State"]["ExitCode"], 9);
    engine.hull(["start", "polite"]).ok();
    assert_eq!(engine.inspect("polite")["State"]["Running"], true);
    engine.hull(["kill", "polite"]).ok();
    eventually("it is dead", Duration::from_secs(5), || {
        (engine.inspect("polite")["State"]["ExitCode"] == 137).then_some(())
    });
    // PID 1 ignores a signal that it has no handler for: stop waits, then kills.
    engine.hull(["run", "-d", "--name", "deaf", "busybox", "sleep", "1000"]).ok();
    engine.hull(["stop", "-t", "1", "deaf"]).ok();
    assert_eq!(engine.inspect("deaf")["State"]["ExitCode"], 137);
    engine.hull(["pause", "deaf"]).fails(1, "is not running");
}

#[test]
fn events_come_in_order() {
    let engine = Engine::start();
    engine.load("busybox");
    engine.hull(["run", "--rm", "--name", "brief", "busybox", "true"]).ok();
    let seen = eventually("destroy is told", Duration::from_secs(5), || {
        let until = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?.as_secs() + 1;
        let text = engine
            .hull([
                "events",
                "--since",
                "1",
                "--until",
                &until.to_string(),
                "--filter",
                "container=brief",
                "--format",
                "{{.Action}}",
            ])
            .ok();
        text.contains("destroy").then_some(text)
    });
    let order: Vec<&str> =
        seen.lines().filter(|action| ["create", "start", "die", "destroy"].contains(action)).collect();
    assert_eq!(order, ["create", "start", "die", "destroy"], "{seen}");
}
