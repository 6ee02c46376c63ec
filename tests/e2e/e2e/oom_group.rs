//! A container of several processes runs out of memory: Docker's way, the one that the kernel chose dies; with
//! `--oom-kill-group`, all of them.

use hull_test_support::{Engine, eventually};
use std::fs;
use std::time::Duration;

/// The init outlives its greedy child, and says so.
const SCRIPT: &str = "/guest alloc 300; echo outlived $?; exec sleep 1000";

fn start(engine: &Engine, name: &str, flags: &[&str]) -> String {
    let [v, guest] = engine.guest();
    let run = ["run", "-d", "--name", name, "--memory", "48m", "--memory-swap", "48m", &v, &guest];
    let outcome = engine.hull([&run, flags, &["busybox", "sh", "-c", SCRIPT]].concat());
    let said = outcome.stderr.clone();
    outcome.ok();
    said
}

#[test]
fn one_process_dies_and_the_container_lives() {
    let engine = Engine::start();
    engine.load("busybox");
    start(&engine, "shared", &[]);
    eventually("the init has seen its child die", Duration::from_secs(20), || {
        (engine.hull(["logs", "shared"]).ok() == "outlived 137").then_some(())
    });
    let state = eventually("the engine knows", Duration::from_secs(10), || {
        let state = engine.inspect("shared")["State"].clone();
        (state["OOMKilled"] == true).then_some(state)
    });
    assert_eq!((&state["Status"], &state["ExitCode"]), (&"running".into(), &0.into()), "{state}");
}

#[test]
fn a_group_dies_as_one() {
    let engine = Engine::start();
    engine.load("busybox");
    let said = start(&engine, "one", &["--oom-kill-group"]);
    let file = engine.cgroup("one", "memory").join("memory.oom.group");
    if engine.get("/info")["CgroupVersion"] == "1" {
        assert!(said.contains("Your kernel does not support OomKillGroup"), "{said}");
        assert!(!file.exists() && engine.inspect("one")["HostConfig"]["OomKillGroup"].is_null());
        eprintln!("skipped: this host's memory controller is not in cgroup v2");
        return;
    }
    assert_eq!(engine.hull(["wait", "one"]).ok(), "137");
    assert_eq!(engine.hull(["logs", "one"]).ok(), "", "the init has not outlived its child");
    let state = engine.inspect("one")["State"].clone();
    assert_eq!((&state["OOMKilled"], &state["ExitCode"]), (&true.into(), &137.into()), "{state}");
    let actions: Vec<_> = engine.events().iter().map(|event| event["Action"].clone()).collect();
    let place = |action: &str| actions.iter().position(|known| known == action);
    assert!(place("oom") < place("die") && place("oom").is_some(), "{actions:?}");
}

#[test]
fn a_group_can_be_made_and_unmade_while_it_runs() {
    let engine = Engine::start();
    engine.load("busybox");
    engine.hull(["run", "-d", "--name", "it", "busybox", "sleep", "1000"]).ok();
    let file = engine.cgroup("it", "memory").join("memory.oom.group");
    let set = || fs::read_to_string(&file).ok().map(|text| text.trim().to_owned());
    if engine.get("/info")["CgroupVersion"] == "1" {
        let outcome = engine.hull(["update", "--oom-kill-group", "it"]);
        assert!(outcome.stdout.contains("Your kernel does not support OomKillGroup"), "{outcome:?}");
        eprintln!("skipped: this host's memory controller is not in cgroup v2");
        return;
    }
    assert_eq!(set().as_deref(), Some("0"), "Docker's way");
    for (flag, value) in [("--oom-kill-group", "1"), ("--oom-kill-group=false", "0")] {
        engine.hull(["update", flag, "it"]).ok();
        assert_eq!(set().as_deref(), Some(value));
    }
}
