//! `--memory=100m` means at most 100 MB: what wants more is killed, and everyone is told.

use hull_test_support::{Engine, eventually};
use serde_json::Value;
use std::time::Duration;

fn alloc(engine: &Engine, name: &str, mib: &str, flags: &[&str]) -> hull_test_support::Outcome {
    let [v, guest] = engine.guest();
    let head = ["run", "--name", name, &v, &guest];
    engine.hull([&head, flags, &["busybox", "/guest", "alloc", mib]].concat())
}

#[test]
fn what_wants_more_than_its_memory_is_killed_and_named() {
    let engine = Engine::start();
    engine.load("busybox");
    alloc(&engine, "greedy", "200", &["--memory=100m"]).fails(137, "");
    let state = engine.inspect("greedy")["State"].clone();
    assert_eq!(state["OOMKilled"], Value::Bool(true), "{state}");
    assert_eq!(state["ExitCode"], 137);

    let until = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").as_secs() + 1;
    let events = engine.hull(["events", "--since", "1", "--until", &until.to_string(), "--format", "{{json .}}"]).ok();
    let actions: Vec<&str> = ["\"oom\"", "\"die\""].into_iter().filter(|action| events.contains(action)).collect();
    assert_eq!(actions, ["\"oom\"", "\"die\""], "{events}");

    let metrics = engine.metrics();
    assert!(metrics.get("container_oom_kills_total", &[("name", "greedy")]) >= 1.0);
    let victims = metrics.values("container_oom_victims_total", "comm", &[("name", "greedy")]);
    assert!(victims.iter().any(|(comm, count)| comm == "guest" && *count >= 1.0), "{victims:?}");
}

#[test]
fn what_stays_below_its_memory_lives() {
    let engine = Engine::start();
    engine.load("busybox");
    alloc(&engine, "modest", "80", &["--memory=100m"]).ok();
    let state = engine.inspect("modest")["State"].clone();
    assert_eq!((&state["OOMKilled"], &state["ExitCode"]), (&Value::Bool(false), &Value::from(0)));
    assert_eq!(engine.metrics().sum("container_oom_kills_total", &[("name", "modest")]).unwrap_or(0.0), 0.0);
}

#[test]
fn without_limits_neither_memory_nor_cpu_is_held() {
    let engine = Engine::start();
    engine.load("busybox");
    alloc(&engine, "free", "200", &[]).ok();
    assert_eq!(engine.inspect("free")["State"]["OOMKilled"], Value::Bool(false));
    let metrics = engine.metrics();
    assert_eq!(metrics.get("container_cpu_cfs_throttled_periods_total", &[("name", "free")]), 0.0);
}

#[test]
fn the_limit_is_what_the_kernel_and_inspect_say() {
    let engine = Engine::start();
    engine.load("busybox");
    engine.hull(["run", "-d", "--name", "limited", "--memory=100m", "busybox", "sleep", "1000"]).ok();
    assert_eq!(engine.inspect("limited")["HostConfig"]["Memory"], 100 << 20);
    let limit = engine.metrics().get("container_spec_memory_limit_bytes", &[("name", "limited")]);
    assert_eq!(limit, f64::from(100 << 20));
    let stats = eventually("stats answer", Duration::from_secs(5), || {
        Some(engine.get("/containers/limited/stats?stream=false&one-shot=true"))
    });
    assert_eq!(stats["memory_stats"]["limit"], 100 << 20);
}
