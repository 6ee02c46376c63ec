//! Health checks as Docker's client sees them.

use crate::events::actions;
use hull_test_support::{Engine, eventually};
use serde_json::Value;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

fn health(engine: &Engine, name: &str) -> Value {
    engine.inspect(name)["State"]["Health"].clone()
}

fn until(engine: &Engine, name: &str, status: &str) {
    eventually(&format!("{name} is {status}"), PATIENCE, || (health(engine, name)["Status"] == status).then_some(()));
}

fn run(engine: &Engine, name: &str, flags: &[&str]) {
    let times = ["--health-interval", "100ms", "--health-retries", "2", "--health-timeout", "10s"];
    let args = [&["run", "-d", "--name", name][..], &times, flags, &["busybox", "sleep", "1000"]].concat();
    engine.docker(args).ok();
}

#[test]
fn a_container_becomes_healthy_and_unhealthy_also_over_a_killed_daemon() {
    let mut engine = Engine::start();
    engine.load("busybox");
    run(&engine, "web", &["--health-cmd", "echo looking; test -e /ok"]);
    until(&engine, "web", "unhealthy");
    engine.docker(["exec", "web", "touch", "/ok"]).ok();
    until(&engine, "web", "healthy");
    let listed = |filter: &str| engine.docker(["ps", "--filter", filter, "--format", "{{.Status}}"]).ok();
    assert!(listed("health=healthy").ends_with(" (healthy)"), "{}", listed("health=healthy"));
    assert_eq!(listed("health=unhealthy"), "");

    engine.kill();
    engine.spawn();
    assert_eq!(health(&engine, "web")["Status"], "healthy", "a new daemon does not start from nothing");
    engine.docker(["exec", "web", "rm", "/ok"]).ok();
    until(&engine, "web", "unhealthy");
    let health = health(&engine, "web");
    let log = health["Log"].as_array().expect("a log");
    assert_eq!(log.len(), 5, "{health}");
    assert_eq!((&log[4]["ExitCode"], &log[4]["Output"]), (&1.into(), &"looking\n".into()));
    assert!(health["FailingStreak"].as_i64() >= Some(2), "{health}");
    let told = actions(&engine, "web");
    let at = |action: &str| told.iter().position(|a| a == action).unwrap_or_else(|| panic!("{action} in {told:?}"));
    let probe = "/bin/sh -c echo looking; test -e /ok";
    assert!(at(&format!("exec_create: {probe}")) < at(&format!("exec_start: {probe}")));
    assert!(at(&format!("exec_start: {probe}")) < at("exec_die"));
    at("health_status: unhealthy");
    engine.docker(["stop", "-t", "0", "web"]).ok();
    engine.docker(["rm", "web"]).ok();
}

#[test]
fn a_probe_that_takes_too_long_is_killed() {
    let engine = Engine::start();
    engine.load("busybox");
    run(&engine, "slow", &["--health-cmd", "echo begun; exec sleep 1000", "--health-timeout", "300ms"]);
    until(&engine, "slow", "unhealthy");
    let health = health(&engine, "slow");
    let last = &health["Log"].as_array().expect("a log")[1];
    assert_eq!(last["ExitCode"], -1, "{health}");
    assert_eq!(last["Output"], "Health check exceeded timeout (300ms): begun\n");
    let processes = engine.docker(["top", "slow"]).ok();
    assert!(processes.lines().count() <= 3, "the container's own, and at most one probe: {processes}");
    engine.docker(["run", "-d", "--name", "lacking", "--no-healthcheck", "busybox", "sleep", "1000"]).ok();
    assert_eq!(self::health(&engine, "lacking"), Value::Null);
}

#[test]
fn long_output_is_cut_and_a_missing_program_is_a_failure() {
    let engine = Engine::start();
    engine.load("busybox");
    run(&engine, "loud", &["--health-cmd", "yes | head -c 10000"]);
    until(&engine, "loud", "healthy");
    let output = health(&engine, "loud")["Log"][0]["Output"].as_str().unwrap_or_default().to_owned();
    assert_eq!((output.len(), output.ends_with("y\n...")), (4099, true));
    let body = serde_json::json!({"Image": "busybox", "Cmd": ["sleep", "1000"], "Healthcheck":
        {"Test": ["CMD", "nosuch"], "Interval": 100_000_000, "Retries": 1}});
    let id = engine.api("POST", "/containers/create?name=absent", &body).json()["Id"].clone();
    engine.docker(["start", id.as_str().unwrap_or_default()]).ok();
    until(&engine, "absent", "unhealthy");
    let output = health(&engine, "absent")["Log"][0]["Output"].as_str().unwrap_or_default().to_owned();
    assert!(output.contains("exec: \"nosuch\": executable file not found in $PATH"), "{output}");
    let body = serde_json::json!({"Image": "busybox", "Healthcheck": {"Interval": 1}});
    let refused = engine.api("POST", "/containers/create", &body);
    assert_eq!((refused.status, refused.message().as_str()), (400, "Interval in Healthcheck cannot be less than 1ms"));
}

#[test]
fn a_label_has_an_unhealthy_container_restarted() {
    let engine = Engine::start();
    engine.load("busybox");
    let check = "test $(cat /runs | wc -l) -ge 2";
    let flags = ["-d", "--name", "sick", "--label", "hull.health.on-failure=restart", "--health-cmd", check];
    let times = ["--health-interval", "100ms", "--health-retries", "2"];
    let command = ["busybox", "sh", "-c", "echo run >> /runs; exec sleep 1000"];
    engine.docker([&["run", "--stop-signal", "KILL"][..], &flags, &times, &command].concat()).ok();
    until(&engine, "sick", "healthy");
    assert_eq!(engine.inspect("sick")["RestartCount"], 1);
    assert!(actions(&engine, "sick").contains(&"restart".to_owned()));
    engine
        .docker(["create", "--label", "hull.health.on-failure=reboot", "busybox"])
        .fails(1, "use one of 'none', 'restart', 'stop', or 'kill'");
}
