//! Hull's own events: a container that runs into a limit is told of, with the limit's name.

use crate::events::history;
use hull_test_support::{Engine, eventually};
use serde_json::Value;
use std::time::Duration;

/// The first event of this action about this container.
fn told(engine: &Engine, action: &str, container: &str) -> Value {
    let filters = [format!("event={action}"), format!("container={container}")];
    let filters = ["--filter", &filters[0], "--filter", &filters[1]];
    eventually("the event", Duration::from_secs(30), || history(engine, &filters).first().cloned())
}

#[test]
fn throttled_and_limited_containers_are_told_of() {
    let engine = Engine::start();
    engine.load("busybox");
    let run = |name: &str, limit: [&str; 2], script: &str| {
        engine.hull(["run", "-d", "--name", name, limit[0], limit[1], "busybox", "sh", "-c", script]).ok();
    };
    run("busy", ["--cpus", ".1"], "while :; do :; done");
    run("forks", ["--pids-limit", "3"], "sh -c 'for i in 1 2 3 4; do sleep 1000 & done'; sleep 1000");
    run("writes", ["--memory", "10m"], "dd if=/dev/zero of=/file bs=1M count=40; sleep 1000");
    run("free", ["--stop-timeout", "0"], "sleep 1000");
    for (container, action, resource) in
        [("busy", "throttle", "cpu"), ("forks", "limit", "pids"), ("writes", "limit", "memory")]
    {
        let event = told(&engine, action, container);
        let attributes = &event["Actor"]["Attributes"];
        assert_eq!(attributes["resource"], resource, "{event}");
        let count: u64 = attributes["count"].as_str().unwrap_or_default().parse().unwrap_or(0);
        assert!(count > 0, "{event}");
        let pressure = engine.get(&format!("/containers/{container}/pressure"));
        let breaches = pressure["Breaches"].as_array().expect("breaches");
        let breach = breaches.iter().find(|breach| breach["Resource"] == resource).expect("its breach");
        assert_ne!(breach["LastAt"], Value::Null, "{pressure}");
    }
    let all = history(&engine, &["--filter", "container=free"]);
    assert!(all.iter().all(|event| event["Action"] != "throttle" && event["Action"] != "limit"), "{all:?}");
}
