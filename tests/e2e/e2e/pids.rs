//! Inside, the shell is PID 1; on the host the same process has another PID, visible and mapped.

use hull_test_support::{Engine, eventually};
use serde_json::Value;
use std::fs;
use std::time::Duration;

/// The last words of the `NSpid:` line: pids from the outermost namespace to the innermost.
fn nspid(host_pid: i64) -> Vec<i64> {
    let status = fs::read_to_string(format!("/proc/{host_pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("NSpid:")).unwrap_or_default();
    line.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect()
}

/// The kernel's word on what a listed process runs.
fn command_line(process: &Value) -> String {
    let arguments = fs::read_to_string(format!("/proc/{}/cmdline", process["HostPid"])).unwrap_or_default();
    arguments.trim_end_matches('\0').replace('\0', " ")
}

fn processes(engine: &Engine, container: &str) -> Vec<Value> {
    let text = engine.hull(["pids", "--json", container]).ok();
    let json: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    json["Processes"].as_array().cloned().unwrap_or_else(|| panic!("no Processes in {text}"))
}

#[test]
fn the_shell_is_pid_1_inside_and_another_pid_on_the_host() {
    let engine = Engine::start();
    engine.load("busybox");
    engine.hull(["run", "-d", "--name", "lecture", "busybox", "sh", "-c", "sleep 1000 & sleep 1000 & wait"]).ok();

    let inside = engine.hull(["exec", "lecture", "ps", "-o", "pid,comm"]).ok();
    let first = inside.lines().nth(1).unwrap_or_default().split_whitespace().collect::<Vec<_>>();
    assert_eq!(first, ["1", "sh"], "{inside}");

    let host_pid = engine.inspect("lecture")["State"]["Pid"].as_i64().unwrap_or(0);
    assert!(host_pid > 1, "the host sees it under another pid");
    assert_eq!(fs::read_to_string(format!("/proc/{host_pid}/comm")).unwrap_or_default().trim(), "sh");
    assert_eq!(nspid(host_pid).last(), Some(&1), "NSpid maps it to 1");
}

#[test]
fn hull_pids_and_nspid_agree_for_every_process_also_for_later_ones() {
    let engine = Engine::start();
    engine.load("busybox");
    let [v, guest] = engine.guest();
    engine.hull(["run", "-d", "-i", "--name", "family", &v, &guest, "busybox", "/guest", "sleepers", "5"]).ok();
    let check = |wanted: usize| {
        // A process that was forked a moment ago may yet exec: what is listed is compared with what is, until both rest.
        let found = eventually("all processes are listed as they are", Duration::from_secs(10), || {
            let found = processes(&engine, "family");
            let rests = found.iter().all(|process| process["Command"].as_str() == Some(&command_line(process)));
            (found.len() == wanted && rests).then_some(found)
        });
        for process in &found {
            let host = process["HostPid"].as_i64().unwrap_or(0);
            let levels: Vec<i64> =
                process["NamespacePids"].as_array().into_iter().flatten().filter_map(Value::as_i64).collect();
            assert_eq!(nspid(host), levels, "{process}");
        }
        assert!(found.iter().any(|process| {
            process["NamespacePids"].as_array().and_then(|levels| levels.last()?.as_i64()) == Some(1)
        }));
    };
    check(6);
    engine.hull(["exec", "-d", "family", "sleep", "1000"]).ok();
    check(7);
    engine.hull(["exec", "-d", "family", "sh", "-c", "sleep 1000 & exec sleep 1000"]).ok();
    check(9);
}

#[test]
fn short_lived_processes_are_counted_by_ebpf() {
    let engine = Engine::start();
    engine.load("busybox");
    let [v, guest] = engine.guest();
    engine.hull(["run", "-d", "-i", "--name", "brief", &v, &guest, "busybox", "sh", "-c", "/guest fork 50; cat"]).ok();
    eventually("the guest has forked", Duration::from_secs(20), || {
        engine.hull(["logs", "brief"]).stdout.contains("forked 50").then_some(())
    });
    let metrics = engine.metrics();
    let count = |what: &str| metrics.get(&format!("container_process_{what}_total"), &[("name", "brief")]);
    // sh forks the guest, the guest its 50 children; sh then becomes cat without a fork. The init's own exec counts too.
    assert_eq!(count("forks"), 51.0);
    assert_eq!(count("execs"), 53.0);
    assert_eq!(count("exits"), 51.0);
}

#[test]
fn without_ebpf_the_processes_are_still_listed_and_a_metric_says_so() {
    let engine = Engine::start_with(hull_test_support::Options { flags: vec!["--no-ebpf".into()] });
    engine.load("busybox");
    engine.hull(["run", "-d", "--name", "plain", "busybox", "sleep", "1000"]).ok();
    assert_eq!(processes(&engine, "plain").len(), 1);
    let metrics = engine.metrics();
    assert_eq!(metrics.sum("container_process_forks_total", &[("name", "plain")]), None, "not measured is absence");
    let attached = metrics.values("engine_ebpf_program_attached", "program", &[]);
    assert!(attached.iter().all(|(_, value)| *value == 0.0), "{attached:?}");
}
