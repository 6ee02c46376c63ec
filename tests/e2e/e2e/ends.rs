//! How containers end: stop, kill, restart, removal by itself, and who is told.

use crate::events::actions;
use hull_test_support::{Engine, eventually};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

fn status(engine: &Engine, name: &str) -> String {
    engine.inspect(name)["State"]["Status"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn the_code_of_a_removed_container_is_still_told_by_id_and_name_and_by_another_daemon() {
    let mut engine = Engine::start();
    engine.load("busybox");
    let id = engine.docker(["run", "-d", "--rm", "--name", "brief", "busybox", "sh", "-c", "exit 7"]).ok();
    eventually("it is gone", PATIENCE, || (engine.docker(["ps", "-aq"]).ok().is_empty()).then_some(()));
    assert_eq!(engine.docker(["wait", "brief"]).ok(), "7");
    assert_eq!(engine.docker(["wait", &id[..12]]).ok(), "7");
    let unseen =
        engine.docker(["run", "-d", "--rm", "--name", "unseen", "busybox", "sh", "-c", "sleep 1; exit 8"]).ok();
    let pid = engine.inspect("unseen")["State"]["Pid"].to_string();
    engine.kill();
    let gone = || (!std::path::Path::new(&format!("/proc/{pid}")).exists()).then_some(());
    eventually("it has ended while nobody looked", PATIENCE, gone);
    engine.spawn();
    for (name, code) in [("brief", "7"), (id.as_str(), "7"), ("unseen", "8"), (unseen.as_str(), "8")] {
        assert_eq!(engine.docker(["wait", name]).ok(), code, "{name}");
        engine.docker(["inspect", name]).fails(1, "");
    }
    for condition in ["not-running", "next-exit", "removed"] {
        let reply = engine.api("POST", &format!("/containers/unseen/wait?condition={condition}"), &().into());
        assert_eq!(reply.json()["StatusCode"], 8, "{condition}");
    }
    engine.docker(["wait", "nosuch"]).fails(1, "No such container: nosuch");
    engine.docker(["run", "--name", "brief", "busybox", "sh", "-c", "exit 9"]).fails(9, "");
    assert_eq!(engine.docker(["wait", "brief"]).ok(), "9", "a new one of that name comes first");
}

#[test]
fn stops_ask_first_and_kills_do_not() {
    let engine = Engine::start();
    engine.load("busybox");
    let trap = "trap 'echo asked; exit 5' TERM; trap 'echo hup' HUP; echo ready; while :; do sleep 0.05; done";
    let run = |name: &str, flags: &[&str], script: &str| {
        engine.docker([&["run", "-d", "--name", name][..], flags, &["busybox", "sh", "-c", script]].concat()).ok();
        eventually("it is ready", PATIENCE, || engine.docker(["logs", name]).ok().contains("ready").then_some(()));
    };
    run("polite", &[], trap);
    engine.docker(["kill", "-s", "HUP", "polite"]).ok();
    eventually("the signal arrives", PATIENCE, || engine.docker(["logs", "polite"]).ok().contains("hup").then_some(()));
    engine.docker(["stop", "polite"]).ok();
    assert_eq!(engine.docker(["inspect", "-f", "{{.State.ExitCode}}", "polite"]).ok(), "5");
    let stopped = engine.api("POST", "/containers/polite/stop", &().into());
    assert_eq!(stopped.status, 304);
    let started = engine.api("POST", "/containers/polite/start", &().into());
    assert_eq!((started.status, engine.api("POST", "/containers/polite/start", &().into()).status), (204, 304));
    engine.docker(["rm", "-f", "polite"]).ok();

    run("deaf", &["--stop-timeout", "1"], "trap '' TERM; echo ready; while :; do sleep 0.05; done");
    engine.docker(["stop", "deaf"]).ok();
    assert_eq!(engine.docker(["inspect", "-f", "{{.State.ExitCode}}", "deaf"]).ok(), "137");
    engine.docker(["kill", "deaf"]).fails(1, "is not running");
    run("own", &["--stop-signal", "USR1"], "trap 'exit 6' USR1; echo ready; while :; do sleep 0.05; done");
    engine.docker(["stop", "-t", "-1", "own"]).ok();
    assert_eq!(engine.docker(["inspect", "-f", "{{.State.ExitCode}}", "own"]).ok(), "6");

    run("frozen", &[], "echo ready; while :; do sleep 0.05; done");
    engine.docker(["pause", "frozen"]).ok();
    engine.docker(["start", "frozen"]).fails(1, "cannot start a paused container, try unpause instead");
    engine.docker(["rm", "frozen"]).fails(1, "container is paused and must be unpaused first");
    engine.docker(["kill", "frozen"]).ok();
    assert_eq!(actions(&engine, "frozen")[2..], ["pause", "kill", "unpause", "die"]);
    engine.docker(["kill", "-s", "NOPE", "own"]).fails(1, "NOPE");
}

#[test]
fn restart_keeps_a_container_that_would_remove_itself() {
    let engine = Engine::start();
    engine.load("busybox");
    let id = engine.docker(["run", "-d", "--rm", "--name", "brief", "busybox", "sleep", "1000"]).ok();
    let pid = engine.inspect("brief")["State"]["Pid"].clone();
    engine.docker(["restart", "-t", "0", "brief"]).ok();
    assert_ne!(engine.inspect("brief")["State"]["Pid"], pid);
    engine.docker(["stop", "-t", "0", "brief"]).ok();
    eventually("it is gone", PATIENCE, || (engine.docker(["ps", "-aq"]).ok().is_empty()).then_some(()));
    let told = actions(&engine, &id);
    let kills_once = |told: &[String]| told.iter().filter(|action| *action != "kill").cloned().collect::<Vec<_>>();
    assert_eq!(
        kills_once(&told),
        ["create", "start", "die", "stop", "start", "restart", "die", "stop", "destroy"],
        "{told:?}"
    );
}

#[test]
fn a_stop_goes_on_when_its_client_has_gone() {
    let engine = Engine::start();
    engine.load("busybox");
    let script = "trap '' TERM; while :; do sleep 0.05; done";
    engine.docker(["run", "-d", "--name", "deaf", "busybox", "sh", "-c", script]).ok();
    let mut client = UnixStream::connect(engine.socket()).expect("a socket");
    client.write_all(b"POST /containers/deaf/stop?t=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").expect("sent");
    eventually("it is asked to end", PATIENCE, || actions(&engine, "deaf").contains(&"kill".to_owned()).then_some(()));
    drop(client);
    eventually("it is killed all the same", PATIENCE, || (status(&engine, "deaf") == "exited").then_some(()));
}

#[test]
fn a_short_wait_of_a_stop_is_no_longer_than_asked() {
    let engine = Engine::start();
    engine.load("busybox");
    let script = "trap '' TERM; while :; do sleep 1; done";
    engine.docker(["run", "-d", "--name", "deaf", "busybox", "sh", "-c", script]).ok();
    let began = Instant::now();
    engine.docker(["stop", "-t", "0", "deaf"]).ok();
    assert!(began.elapsed() < Duration::from_secs(9), "not the default ten seconds");
}
