//! The daemon dies, the containers live.

use hull_test_support::{Engine, eventually};
use std::process::Stdio;
use std::time::Duration;

#[test]
fn containers_outlive_a_killed_daemon_and_nothing_is_lost() {
    let mut engine = Engine::start();
    engine.load("busybox");
    let ticker = "i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.05; done";
    engine.hull(["run", "-d", "--name", "ticker", "busybox", "sh", "-c", ticker]).ok();
    engine
        .hull(["run", "-d", "-i", "--name", "ender", "busybox", "sh", "-c", "sleep 1; echo last words; exit 42"])
        .ok();
    engine.hull(["run", "-d", "--rm", "--name", "vanishing", "busybox", "sleep", "1"]).ok();
    let pid = engine.inspect("ticker")["State"]["Pid"].clone();

    engine.kill();
    assert!(std::path::Path::new(&format!("/proc/{pid}")).exists(), "the container runs without its daemon");
    // ender and vanishing end while nobody looks.
    hull_test_support::pause(Duration::from_millis(1500));
    engine.spawn();

    assert_eq!(engine.inspect("ticker")["State"]["Pid"], pid);
    assert_eq!(engine.inspect("ticker")["State"]["Running"], true);
    assert_eq!(engine.hull(["wait", "ender"]).ok(), "42");
    assert_eq!(engine.hull(["logs", "ender"]).ok(), "last words");
    assert_eq!(engine.hull(["exec", "ticker", "echo", "still here"]).ok(), "still here");
    eventually("the auto-removed one is gone", Duration::from_secs(5), || {
        (!engine.hull(["ps", "-a", "--format", "{{.Names}}"]).ok().contains("vanishing")).then_some(())
    });

    engine.hull(["stop", "-t", "0", "ticker"]).ok();
    let logs = engine.hull(["logs", "ticker"]).ok();
    for (number, line) in logs.lines().enumerate() {
        assert_eq!(line, format!("tick {}", number + 1), "no log line is lost or doubled");
    }
    assert!(logs.lines().count() > 25, "it ticked on: {}", logs.lines().count());
}

#[test]
fn a_wait_that_is_repeated_after_the_restart_gets_the_code() {
    let mut engine = Engine::start();
    engine.load("busybox");
    engine.hull(["run", "-d", "--name", "slow", "busybox", "sh", "-c", "sleep 1; exit 6"]).ok();
    let mut waiting =
        engine.hull_command().args(["wait", "slow"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("hull");
    engine.kill();
    assert!(!waiting.wait().expect("wait").success(), "its connection ended with the daemon");
    engine.spawn();
    assert_eq!(engine.hull(["wait", "slow"]).ok(), "6");
}

#[test]
fn a_stopped_daemon_leaves_its_containers_running() {
    let mut engine = Engine::start();
    engine.load("busybox");
    engine.hull(["run", "-d", "--name", "on", "busybox", "sleep", "1000"]).ok();
    let pid = engine.inspect("on")["State"]["Pid"].clone();
    engine.stop();
    assert!(std::path::Path::new(&format!("/proc/{pid}")).exists());
    engine.hull(["ps"]).fails(1, "Is hulld running?");
    engine.spawn();
    assert_eq!(engine.inspect("on")["State"]["Pid"], pid);
}

#[test]
fn a_container_whose_shim_is_gone_is_ended_and_said_to_be_lost() {
    let engine = Engine::start();
    engine.load("busybox");
    engine.hull(["run", "-d", "--name", "orphan", "busybox", "sleep", "1000"]).ok();
    let pid = engine.inspect("orphan")["State"]["Pid"].to_string();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
    let shim = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap_or_default().trim().to_owned();
    let comm = std::fs::read_to_string(format!("/proc/{shim}/comm")).expect("the parent");
    assert_eq!(comm.trim(), "hull-shim");
    std::process::Command::new("kill").args(["-9", &shim]).status().expect("kill");
    eventually("it is over", Duration::from_secs(5), || {
        (engine.inspect("orphan")["State"]["Running"] == false).then_some(())
    });
    let state = engine.inspect("orphan")["State"].clone();
    assert_eq!(state["ExitCode"], 137, "{state}");
    assert!(state["Error"].as_str().unwrap_or_default().contains("shim lost"), "{state}");
    eventually("nothing runs unsupervised", Duration::from_secs(5), || {
        (!std::path::Path::new(&format!("/proc/{pid}")).exists()).then_some(())
    });
}

#[test]
fn who_was_connected_is_told_how_to_come_back() {
    let mut engine = Engine::start();
    engine.load("busybox");
    let mut shell = engine.hull_terminal(["run", "-it", "--rm", "--name", "shell", "busybox", "sh"]);
    shell.shows("# ");
    let id = engine.inspect("shell")["Id"].as_str().unwrap_or_default()[..12].to_owned();
    engine.kill();
    shell.shows(&format!("`hull attach {id}` returns to it"));
    assert_eq!(shell.ends(), 125);
    engine.spawn();
    let mut again = engine.hull_terminal(["attach", &id]);
    again.press("echo back-$((1+1))\n").shows("back-2");
    again.press("exit 8\n");
    assert_eq!(again.ends(), 8);
    assert_eq!(engine.hull(["wait", &id]).ok(), "8", "also of one that is removed");
}
