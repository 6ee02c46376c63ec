//! `--cpu-burst`: quota that was not used is saved up, and spent without a stall.

use hull_test_support::{Engine, eventually};
use std::fs;
use std::time::Duration;

/// The file of a container's cgroup, v2's or v1's.
fn burst(engine: &Engine, container: &str) -> Option<String> {
    let folder = engine.cgroup(container, "cpu");
    let text = |file: &str| fs::read_to_string(folder.join(file)).ok().map(|text| text.trim().to_owned());
    text("cpu.max.burst").or_else(|| text("cpu.cfs_burst_us"))
}

fn absent(engine: &Engine) -> bool {
    engine.hull(["run", "-d", "--name", "probe", "busybox", "sleep", "1000"]).ok();
    let absent = burst(engine, "probe").is_none();
    if absent {
        let created = engine.hull(["run", "--rm", "--cpus", ".5", "--cpu-burst", "1000", "busybox", "true"]);
        assert!(created.stderr.contains("Your kernel does not support CPU burst"), "{created:?}");
        created.ok();
        eprintln!("skipped: this kernel has no cpu.max.burst");
    }
    absent
}

#[test]
fn saved_quota_is_spent() {
    let engine = Engine::start();
    engine.load("busybox");
    if absent(&engine) {
        return;
    }
    let [v, guest] = engine.guest();
    // Each pause saves half a period up, each spin begins with a whole one.
    let script = "while :; do /guest spin 1 1; sleep 0.5; done";
    let flags = ["--cpus", ".5", "--cpu-burst", "50000"];
    let run = ["run", "-d", "--name", "saver", &v, &guest];
    engine.hull([&run, &flags[..], &["busybox", "sh", "-c", script]].concat()).ok();
    assert_eq!(burst(&engine, "saver").as_deref(), Some("50000"));
    assert_eq!(engine.inspect("saver")["HostConfig"]["CpuBurst"], 50_000);
    let stat = engine.cgroup("saver", "cpu").join("cpu.stat");
    eventually("quota that was saved up is spent", Duration::from_secs(15), || {
        let text = fs::read_to_string(&stat).expect("cpu.stat");
        let bursts: u64 = text.lines().find_map(|line| line.strip_prefix("nr_bursts "))?.parse().ok()?;
        (bursts >= 2).then_some(())
    });
}

#[test]
fn a_burst_can_be_changed_while_it_runs() {
    let engine = Engine::start();
    engine.load("busybox");
    if absent(&engine) {
        return;
    }
    engine.hull(["run", "-d", "--name", "it", "--cpu-quota", "50000", "busybox", "sleep", "1000"]).ok();
    assert_eq!(burst(&engine, "it").as_deref(), Some("0"));
    // Both grow, then both shrink: the kernel never takes a burst above its quota, so that the order of the writes counts.
    for (quota, burst_us) in [("90000", "80000"), ("30000", "20000")] {
        engine.hull(["update", "--cpu-quota", quota, "--cpu-burst", burst_us, "it"]).ok();
        assert_eq!(burst(&engine, "it").as_deref(), Some(burst_us));
    }
    engine
        .hull(["update", "--cpu-quota", "10000", "it"])
        .fails(1, "can not be larger than the quota (10000 microseconds)");
    assert_eq!(engine.inspect("it")["HostConfig"]["CpuQuota"], 30_000, "what was refused has changed nothing");
    engine.hull(["update", "--cpu-burst", "-1", "it"]).ok();
    assert_eq!(burst(&engine, "it").as_deref(), Some("0"));
    engine
        .hull(["run", "--cpu-burst", "1000", "busybox", "true"])
        .fails(125, "set a quota (--cpus, --cpu-quota) with it");
}
