//! Restart policies as Docker's client sees them, with daemons and hosts that come and go.

use hull_test_support::{Engine, eventually};
use serde_json::Value;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

fn run(engine: &Engine, name: &str, flags: &[&str], command: &str) {
    let args = [&["run", "-d", "--name", name], flags, &["busybox", "sh", "-c", command]].concat();
    engine.docker(args).ok();
}

fn count(engine: &Engine, name: &str) -> i64 {
    engine.inspect(name)["RestartCount"].as_i64().unwrap_or(-1)
}

fn state(engine: &Engine, name: &str) -> Value {
    engine.inspect(name)["State"].clone()
}

fn until_status(engine: &Engine, name: &str, status: &str) {
    eventually(&format!("{name} is {status}"), PATIENCE, || (state(engine, name)["Status"] == status).then_some(()));
}

/// Waits until the back-off is so long that what a test does next falls into it.
fn until_deep_in_the_back_off(engine: &Engine, name: &str) {
    eventually("some restarts", PATIENCE, || {
        (count(engine, name) >= 6 && state(engine, name)["Status"] == "restarting").then_some(())
    });
}

#[test]
fn on_failure_tries_so_often_and_each_run_is_in_the_log() {
    let engine = Engine::start();
    engine.load("busybox");
    run(&engine, "failing", &["--restart", "on-failure:2"], "echo run; exit 5");
    run(&engine, "well", &["--restart", "on-failure"], "exit 0");
    until_status(&engine, "failing", "exited");
    assert_eq!((count(&engine, "failing"), state(&engine, "failing")["ExitCode"].as_i64()), (2, Some(5)));
    assert_eq!(engine.docker(["logs", "failing"]).ok(), "run\nrun\nrun");
    until_status(&engine, "well", "exited");
    assert_eq!(count(&engine, "well"), 0);
}

#[test]
fn what_is_in_its_back_off_can_be_seen_stopped_and_removed() {
    let engine = Engine::start();
    engine.load("busybox");
    run(&engine, "again", &["--restart", "always"], "exit 1");
    until_deep_in_the_back_off(&engine, "again");
    let inspected = state(&engine, "again");
    assert_eq!((&inspected["Running"], &inspected["Restarting"]), (&true.into(), &true.into()), "{inspected}");
    assert_eq!((&inspected["Pid"], &inspected["ExitCode"]), (&0.into(), &1.into()));
    let listed = engine.docker(["ps", "--filter", "status=restarting", "--format", "{{.Names}} {{.Status}}"]).ok();
    assert!(listed.starts_with("again Restarting (1) "), "{listed}");
    engine.docker(["exec", "again", "true"]).fails(1, "is restarting, wait until the container is running");
    engine
        .docker(["rm", "again"])
        .fails(1, "container is restarting: stop the container before removing or force remove");
    engine.docker(["stop", "again"]).ok();
    let stopped = state(&engine, "again");
    assert_eq!((&stopped["Status"], &stopped["Restarting"]), (&"exited".into(), &false.into()), "{stopped}");
    assert_eq!(engine.docker(["wait", "again"]).ok(), "1");
    engine.docker(["start", "again"]).ok();
    assert!(count(&engine, "again") < 6, "a user's start begins anew");
    engine.docker(["rm", "-f", "again"]).ok();

    let reply = engine.api(
        "POST",
        "/containers/create",
        &serde_json::json!({"Image": "busybox", "HostConfig": {"AutoRemove": true, "RestartPolicy": {"Name": "always"}}}),
    );
    assert_eq!(
        (reply.status, reply.message().as_str()),
        (400, "can't create 'AutoRemove' container with restart policy")
    );
}

#[test]
fn a_back_off_goes_on_when_the_daemon_was_killed_in_it() {
    let mut engine = Engine::start();
    engine.load("busybox");
    run(&engine, "again", &["--restart", "always"], "echo run; exit 1");
    until_deep_in_the_back_off(&engine, "again");
    engine.kill();
    engine.spawn();
    let before = count(&engine, "again");
    assert!(before >= 6, "the count is kept: {before}");
    eventually("it goes on", PATIENCE, || (count(&engine, "again") > before).then_some(()));
    engine.docker(["rm", "-f", "again"]).ok();
}

#[test]
fn what_a_new_daemon_starts_and_what_it_leaves() {
    let mut engine = Engine::start();
    engine.load("busybox");
    for (name, policy) in [("again", "always"), ("unless", "unless-stopped"), ("none", "no")] {
        run(&engine, name, &["--restart", policy], "sleep 1000");
        engine.docker(["stop", "-t", "0", name]).ok();
    }
    engine.docker(["create", "--restart", "always", "--name", "never", "busybox"]).ok();
    run(&engine, "unseen", &["--restart", "on-failure:5"], "sleep 1; exit 3");
    let pid = state(&engine, "unseen")["Pid"].to_string();
    engine.kill();
    let gone = || (!std::path::Path::new(&format!("/proc/{pid}")).exists()).then_some(());
    eventually("it has ended while nobody looked", PATIENCE, gone);
    engine.spawn();
    until_status(&engine, "again", "running");
    eventually("the policy goes on", PATIENCE, || (count(&engine, "unseen") >= 1).then_some(()));
    for (name, status) in [("unless", "exited"), ("none", "exited"), ("never", "created")] {
        assert_eq!(state(&engine, name)["Status"], status, "{name}");
    }
    engine.docker(["rm", "-f", "again", "unseen"]).ok();
}

#[test]
fn after_another_boot_of_the_host_everything_has_ended_and_the_policies_apply() {
    let mut engine = Engine::start();
    engine.load("busybox");
    run(&engine, "plain", &[], "sleep 1000");
    run(&engine, "always", &["--restart", "always"], "sleep 1000");
    run(&engine, "brief", &["--rm"], "sleep 1000");
    let names = ["plain", "always", "brief"];
    let pids = names.map(|name| state(&engine, name)["Pid"].to_string());
    let ids = names.map(|name| engine.inspect(name)["Id"].as_str().unwrap_or_default().to_owned());
    engine.kill();
    // What a reboot would change on disk; the processes are left for the reaper to find.
    for id in ids {
        let path = engine.data_root().join("containers").join(id).join("container.json");
        let text = std::fs::read_to_string(&path).expect("a description");
        let mut json: Value = serde_json::from_str(&text).expect("JSON");
        json["boot_id"] = "another boot".into();
        std::fs::write(&path, json.to_string()).expect("written");
    }
    engine.spawn();
    let plain = state(&engine, "plain");
    assert_eq!((&plain["Status"], &plain["ExitCode"]), (&"exited".into(), &255.into()), "{plain}");
    until_status(&engine, "always", "running");
    assert_eq!(engine.docker(["wait", "brief"]).ok(), "255");
    for pid in pids {
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "{pid} still runs");
    }
    engine.docker(["rm", "-f", "always", "plain"]).ok();
}
