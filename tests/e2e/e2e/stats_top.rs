//! What a container uses and which processes it has: `stats` and `top`, as clients ask for them.

use hull_test_support::Engine;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// The first objects of an endless answer.
fn first(engine: &Engine, path: &str, count: usize) -> Vec<Value> {
    let mut stream = UnixStream::connect(engine.socket()).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a limit");
    // HTTP/1.0 has no chunks: the body is what follows the head.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").expect("a request");
    let lines = BufReader::new(stream).lines().map(|line| line.expect("a line"));
    let objects = lines.filter(|line| line.starts_with('{'));
    objects.take(count).map(|line| serde_json::from_str(&line).expect("JSON")).collect()
}

#[test]
fn stats_have_every_field_once_and_streaming() {
    let engine = Engine::start();
    engine.load("busybox");
    let busy = "while :; do :; done";
    engine.docker(["run", "-d", "--name", "busy", "-m", "64m", "--cpus", ".2", "busybox", "sh", "-c", busy]).ok();
    engine.docker(["run", "-d", "--name", "shares", "--net", "container:busy", "busybox", "sleep", "1000"]).ok();

    let once = engine.get("/containers/busy/stats?stream=0&one-shot=1");
    assert_eq!(once["name"], "/busy");
    assert_eq!(once["preread"], "0001-01-01T00:00:00Z");
    assert_eq!(once["memory_stats"]["limit"], 64 << 20);
    assert!(once["memory_stats"]["usage"].as_u64() > Some(0));
    let stat = once["memory_stats"]["stats"].as_object().expect("memory.stat");
    assert!(stat.contains_key("total_inactive_file") || stat.contains_key("inactive_file"), "{stat:?}");
    assert_eq!(once["pids_stats"]["current"], 1);
    assert!(once["cpu_stats"]["cpu_usage"]["total_usage"].as_u64() > Some(0));
    assert!(once["cpu_stats"]["system_cpu_usage"].as_u64() > Some(0));
    assert!(once["cpu_stats"]["online_cpus"].as_u64() > Some(0));
    assert!(once["networks"]["eth0"]["tx_bytes"].is_u64());
    for key in ["storage_stats", "blkio_stats", "num_procs", "precpu_stats", "id", "read"] {
        assert!(!once[key].is_null(), "{key}");
    }

    // Without one-shot: rates against a sample of a second before.
    let rated = engine.get("/containers/busy/stats?stream=false");
    let used = |sample: &Value, when: &str| sample[when]["cpu_usage"]["total_usage"].as_u64().unwrap_or(0);
    assert!(used(&rated, "precpu_stats") > 0 && used(&rated, "cpu_stats") > used(&rated, "precpu_stats"), "{rated}");
    let throttling = &rated["cpu_stats"]["throttling_data"];
    assert!(throttling["throttled_periods"].as_u64() > Some(0), "{throttling}");

    let samples = first(&engine, "/containers/busy/stats", 2);
    assert_eq!(samples[0]["read"], samples[1]["preread"]);
    assert_eq!(samples[0]["cpu_stats"], samples[1]["precpu_stats"]);

    // It has the network of the other one.
    let shares = engine.get("/containers/shares/stats?stream=0&one-shot=1");
    assert!(shares["networks"]["eth0"].is_object(), "{shares}");

    let table =
        engine.docker(["stats", "--no-stream", "--format", "{{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.PIDs}}"]).ok();
    assert_eq!(table.lines().count(), 2, "{table}");
    assert!(table.lines().any(|line| line.starts_with("busy ") && line.ends_with("/ 64MiB 1")), "{table}");

    engine.docker(["rm", "-f", "busy", "shares"]).ok();
    let gone = engine.raw("GET", "/containers/busy/stats", b"");
    assert_eq!((gone.status, gone.message().as_str()), (404, "No such container: busy"));
}

#[test]
fn stats_of_a_stopped_container_are_zero_and_never_read() {
    let engine = Engine::start();
    engine.load("busybox");
    engine.docker(["create", "--name", "still", "busybox", "true"]).ok();
    for query in ["stream=0", "stream=0&one-shot=1"] {
        let stats = engine.get(&format!("/containers/still/stats?{query}"));
        assert_eq!((&stats["name"], &stats["read"]), (&json!("/still"), &json!("0001-01-01T00:00:00Z")), "{query}");
        assert_eq!(stats["cpu_stats"]["cpu_usage"]["total_usage"], 0);
        assert_eq!((&stats["memory_stats"], &stats["pids_stats"]), (&json!({}), &json!({})));
    }
    let streamed = first(&engine, "/containers/still/stats", 1);
    assert_eq!(streamed[0]["read"], "0001-01-01T00:00:00Z");
    let table = engine.docker(["stats", "--no-stream", "--all", "--format", "{{.Name}} {{.MemUsage}}"]).ok();
    assert_eq!(table, "still 0B / 0B");
}

#[test]
fn top_takes_whatever_ps_takes() {
    let engine = Engine::start();
    engine.load("busybox");
    engine.docker(["run", "-d", "--name", "two", "busybox", "sh", "-c", "sleep 1001 & exec sleep  1002"]).ok();
    let lines = |args: &[&str]| engine.docker([&["top", "two"], args].concat()).ok().lines().count();
    for args in [&[][..], &["aux"], &["-eo", "pid,comm"], &["-o", "pid,user"], &["axf"], &["-ejH"]] {
        assert_eq!(lines(args), 3, "{args:?}");
    }
    let top = engine.get("/containers/two/top");
    assert_eq!(top["Titles"], json!(["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]));
    let commands: Vec<&Value> = top["Processes"].as_array().expect("rows").iter().map(|row| &row[7]).collect();
    assert!(commands.contains(&&json!("sleep 1001")) && commands.contains(&&json!("sleep 1002")), "{commands:?}");

    engine.docker(["top", "two", "-o", "comm"]).fails(1, "Couldn't find PID field in ps output");
    engine.docker(["top", "two", "-o", "ppid=PID"]).fails(1, "specifying \"ppid=PID\" is not allowed");
    engine.docker(["top", "two", "--nonsense"]).fails(1, "ps: ");
    engine.docker(["kill", "two"]).ok();
    engine.docker(["top", "two"]).fails(1, "is not running");
}
