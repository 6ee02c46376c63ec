//! Logs with Docker's command line: rotation, compression, drivers, options, and a daemon that dies meanwhile.

use hull_test_support::{Engine, Options, eventually};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// Without Docker's command line these tests have nobody to ask.
fn absent() -> bool {
    let absent = Command::new("docker").arg("--version").stdout(Stdio::null()).status().is_err();
    if absent {
        eprintln!("skipped: Docker's command line is not installed");
    }
    absent
}

/// The names of a container's log files, newest first, and how long each is.
fn files(engine: &Engine, container: &str) -> Vec<(String, u64)> {
    let id = engine.inspect(container)["Id"].as_str().expect("an id").to_owned();
    let directory = engine.data_root().join("containers").join(&id);
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .expect("the container's directory")
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let rest = name.strip_prefix(&format!("{id}-json.log"))?.to_owned();
            Some((rest, entry.metadata().ok()?.len()))
        })
        .collect();
    files.sort();
    files
}

fn names(engine: &Engine, container: &str) -> Vec<String> {
    files(engine, container).into_iter().map(|(name, _)| name).collect()
}

/// The numbers of an unbroken sequence that ends with `last`; which is the first of them.
fn first_of(text: &str, last: u64) -> u64 {
    let numbers: Vec<u64> = text.lines().map(|line| line.trim().parse().expect("a number")).collect();
    let first = numbers.first().copied().expect("some lines");
    assert!(numbers.iter().copied().eq(first..=last), "lines are missing between {first} and {last}");
    first
}

fn run(engine: &Engine, name: &str, options: &[&str], script: &str) {
    let mut args = vec!["run", "-d", "--name", name];
    args.extend(options);
    args.extend(["busybox", "sh", "-c", script]);
    engine.docker(args).ok();
}

fn ended(engine: &Engine, name: &str) {
    engine.docker(["wait", name]).ok();
}

#[test]
fn a_rotated_log_is_bounded_and_reads_as_one() {
    if absent() {
        return;
    }
    let engine = Engine::start();
    engine.load("busybox");
    run(&engine, "cc", &["--log-opt", "max-size=20k", "--log-opt", "max-file=3"], "seq 1 5000");
    ended(&engine, "cc");
    assert_eq!(names(&engine, "cc"), ["", ".1", ".2"]);
    assert!(files(&engine, "cc").iter().all(|(_, length)| *length < 20_200));
    let whole = engine.docker(["logs", "cc"]).ok();
    assert!(first_of(&whole, 5000) > 4000, "old lines are dropped");
    assert_eq!(engine.docker(["logs", "--tail", "3", "cc"]).ok(), "4998\n4999\n5000");
    assert_eq!(first_of(&engine.docker(["logs", "-n", "500", "cc"]).ok(), 5000), 4501, "over two files");
    // What attach replays is the same.
    let replay = engine.api("POST", "/containers/cc/attach?logs=1&stdout=1&stderr=1", &Value::Null);
    let mut rest = &replay.body[..];
    let mut text = String::new();
    while let [stream, 0, 0, 0, a, b, c, d, after @ ..] = rest {
        assert_eq!(*stream, 1);
        let (piece, more) = after.split_at(u32::from_be_bytes([*a, *b, *c, *d]) as usize);
        text.push_str(std::str::from_utf8(piece).expect("text"));
        rest = more;
    }
    assert_eq!(text.trim_end(), whole);
    // The next run goes on in the same log.
    engine.docker(["start", "cc"]).ok();
    ended(&engine, "cc");
    assert_eq!(engine.docker(["logs", "--tail", "1", "cc"]).ok(), "5000");
    assert_eq!(names(&engine, "cc"), ["", ".1", ".2"]);
}

#[test]
fn compressed_files_are_read_too_also_by_the_next_daemon() {
    if absent() {
        return;
    }
    let mut engine = Engine::start();
    engine.load("busybox");
    let options = ["--log-opt", "max-size=20k", "--log-opt", "max-file=6", "--log-opt", "compress=true"];
    run(&engine, "cc", &options, "seq 1 1000; read x < /dev/zero");
    eventually("rotated files are compressed", PATIENCE, || {
        (names(&engine, "cc") == ["", ".1.gz", ".2.gz", ".3.gz"]).then_some(())
    });
    assert_eq!(first_of(&engine.docker(["logs", "cc"]).ok(), 1000), 1);
    assert_eq!(first_of(&engine.docker(["logs", "--tail", "900", "cc"]).ok(), 1000), 101);
    engine.docker(["rm", "-f", "cc"]).ok();

    // What was rotated while no daemon was there is compressed by the next one.
    let script = "seq 1 10; while [ ! -e /tmp/go ]; do sleep 0.05; done; seq 11 1000; touch /tmp/done; sleep 1000";
    let tmp = engine.folder().join("tmp");
    std::fs::create_dir(&tmp).expect("a folder");
    let volume = format!("{}:/tmp", tmp.display());
    run(&engine, "dd", &[&options[..], &["-v", &volume]].concat(), script);
    engine.kill();
    std::fs::write(tmp.join("go"), "").expect("go");
    eventually("it has written", PATIENCE, || tmp.join("done").exists().then_some(()));
    engine.spawn();
    assert_eq!(first_of(&engine.docker(["logs", "dd"]).ok(), 1000), 1);
    eventually("compressed", PATIENCE, || (names(&engine, "dd") == ["", ".1.gz", ".2.gz", ".3.gz"]).then_some(()));
    assert_eq!(first_of(&engine.docker(["logs", "dd"]).ok(), 1000), 1);
}

#[test]
fn following_goes_on_over_rotation_and_starts_again_after_the_daemon() {
    if absent() {
        return;
    }
    let mut engine = Engine::start();
    engine.load("busybox");
    let script =
        "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo $i; [ $((i % 10)) = 0 ] && sleep 0.01; done; sleep 1000";
    run(&engine, "cc", &["--log-opt", "max-size=30k", "--log-opt", "max-file=10"], script);
    let follow = |engine: &Engine, more: &[&str]| {
        let mut command = Command::new("docker");
        command.args(["-H", &engine.host(), "logs", "-f"]).args(more).arg("cc");
        command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("docker")
    };
    let mut first = follow(&engine, &[]);
    let mut lines = BufReader::new(first.stdout.take().expect("stdout")).lines().map_while(Result::ok);
    let mut seen: Vec<u64> = lines.by_ref().take(1200).map(|line| line.parse().expect("a number")).collect();
    engine.kill();
    seen.extend(lines.map(|line| line.parse::<u64>().expect("a number")));
    first.wait().expect("docker ends");
    engine.spawn();
    let last = *seen.last().expect("lines");
    assert!(seen.iter().copied().eq(1..=last), "no line is lost or doubled over rotation");

    let mut second = follow(&engine, &["--tail", "all"]);
    let lines = BufReader::new(second.stdout.take().expect("stdout")).lines().map_while(Result::ok);
    let again: Vec<u64> = lines.take(3000).map(|line| line.parse().expect("a number")).collect();
    assert!(again.iter().copied().eq(1..=3000), "all of it again, to the end: {:?}", again.last());
    // Follow ends with the container.
    engine.docker(["kill", "cc"]).ok();
    assert!(second.wait().expect("docker ends").success());
}

#[test]
fn lines_are_chosen_by_stream_and_time_and_dressed() {
    if absent() {
        return;
    }
    let engine = Engine::start();
    engine.load("busybox");
    let options = [
        "--label",
        "app=we b",
        "--label",
        "other=x",
        "-e",
        "OS=li,nux",
        "--log-opt",
        "labels=app",
        "--log-opt",
        "env-regex=^O",
        "--log-opt",
        "tag={{.Name}}",
    ];
    run(&engine, "cc", &options, "echo one; echo oops >&2; sleep 1.1; echo two");
    ended(&engine, "cc");
    let outcome = engine.docker(["logs", "cc"]);
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("one\ntwo\n", "oops\n"));
    let details = engine.docker(["logs", "--details", "cc"]);
    assert_eq!(details.stdout, "OS=li%2Cnux,app=we+b,tag=cc one\nOS=li%2Cnux,app=we+b,tag=cc two\n");

    let stamped = engine.docker(["logs", "-t", "cc"]);
    let (stamps, texts): (Vec<&str>, Vec<&str>) =
        stamped.stdout.lines().map(|line| line.split_once(' ').expect("a time")).unzip();
    assert_eq!(texts, ["one", "two"]);
    assert!(stamps.iter().all(|stamp| stamp.len() == 30 && stamp.ends_with('Z')), "{stamps:?}");
    let second = stamps[1];
    assert_eq!(engine.docker(["logs", "--since", second, "cc"]).ok(), "two");
    assert_eq!(engine.docker(["logs", "--until", stamps[0], "cc"]).stdout, "one\n");
    assert_eq!(engine.docker(["logs", "--since", "1h", "--tail", "1", "cc"]).ok(), "two");
    assert_eq!(engine.docker(["logs", "--tail", "0", "cc"]).ok(), "");
    assert_eq!(engine.docker(["logs", "--tail", "-1", "cc"]).stdout, "one\ntwo\n");
    let none = engine.api("GET", "/containers/cc/logs", &Value::Null);
    assert_eq!((none.status, none.message()), (400, "Bad parameters: you must choose at least one stream".to_owned()));
    // docker-py and others take a frame for a line.
    let raw = engine.api("GET", "/containers/cc/logs?stdout=1", &Value::Null);
    assert_eq!(raw.body, b"\x01\0\0\0\0\0\0\x04one\n\x01\0\0\0\0\0\0\x04two\n");
}

#[test]
fn every_driver_does_what_docker_does_and_says_it_in_its_words() {
    if absent() {
        return;
    }
    let engine = Engine::start();
    engine.load("busybox");
    let inspect = |name: &str, field: &str| engine.docker(["inspect", "-f", field, name]).ok();
    run(&engine, "plain", &[], "echo hi");
    assert_eq!(inspect("plain", "{{json .HostConfig.LogConfig}}"), r#"{"Type":"json-file","Config":{}}"#);
    assert!(PathBuf::from(inspect("plain", "{{.LogPath}}")).is_absolute());
    run(&engine, "local", &["--log-driver", "local"], "echo from local");
    ended(&engine, "local");
    assert_eq!(engine.docker(["logs", "local"]).ok(), "from local");
    assert_eq!(inspect("local", "{{.LogPath}}"), "");

    assert_eq!(engine.docker(["run", "--log-driver", "none", "--name", "none", "busybox", "echo", "hi"]).ok(), "hi");
    engine
        .docker(["logs", "none"])
        .fails(1, "Error response from daemon: configured logging driver does not support reading");
    assert_eq!(engine.api("GET", "/containers/none/logs?stdout=1", &Value::Null).status, 501);

    for (options, says) in [
        (&["--log-driver", "asdf"][..], "logger: no log driver named 'asdf' is registered"),
        (&["--log-opt", "max-sizes=1m"], "unknown log opt 'max-sizes' for json-file log driver"),
        (&["--log-opt", "max-size=lots"], "failed to initialize logging driver: invalid size: 'lots'"),
        (&["--log-driver", "local", "--log-opt", "x=y"], "unknown log opt 'x' for log driver local"),
    ] {
        engine.docker([&["run", "--rm"], options, &["busybox", "true"]].concat()).fails(125, says);
    }
    let drivers = engine.docker(["info", "-f", "{{.LoggingDriver}} {{json .Plugins.Log}}"]).ok();
    if std::path::Path::new("/run/systemd/journal/socket").exists() {
        assert_eq!(drivers, r#"json-file ["journald","json-file","local"]"#);
    } else {
        assert_eq!(drivers, r#"json-file ["json-file","local"]"#);
        engine
            .docker(["run", "--name", "journald", "--log-driver", "journald", "busybox", "true"])
            .fails(125, "failed to initialize logging driver: journald is not enabled on this host");
        assert_eq!(inspect("journald", "{{.State.Status}} {{.State.ExitCode}}"), "created 128");
    }
}

#[test]
fn the_daemons_defaults_hold_for_who_says_nothing() {
    if absent() {
        return;
    }
    let flags = ["--log-driver", "local", "--log-opt", "max-size=10k", "--log-opt", "compress=false"];
    let engine = Engine::start_with(Options { flags: flags.map(str::to_owned).into() });
    engine.load("busybox");
    assert_eq!(engine.docker(["info", "-f", "{{.LoggingDriver}}"]).ok(), "local");
    run(&engine, "default", &["--log-opt", "max-file=2"], "seq 1 1000");
    ended(&engine, "default");
    let config = engine.docker(["inspect", "-f", "{{json .HostConfig.LogConfig}}", "default"]).ok();
    assert_eq!(config, r#"{"Type":"local","Config":{"compress":"false","max-file":"2","max-size":"10k"}}"#);
    assert_eq!(names(&engine, "default"), ["", ".1"]);
    assert!(first_of(&engine.docker(["logs", "default"]).ok(), 1000) > 700);

    let wrong = Command::new(hull_test_support::provided("HULL_PROGRAMS").join("hulld"))
        .args(["--validate", "--log-driver", "journald", "--log-opt", "max-size=1m"])
        .output()
        .expect("hulld");
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(!wrong.status.success());
    assert!(said.contains("failed to set log opts: unknown log opt 'max-size' for journald log driver"), "{said}");
}

#[test]
fn who_follows_a_container_that_is_removed_gets_its_last_words() {
    if absent() {
        return;
    }
    let engine = Engine::start();
    engine.load("busybox");
    run(&engine, "cc", &["--rm"], "echo first; trap 'echo last; exit 3' TERM; while :; do sleep 0.05; done");
    let mut command = Command::new("docker");
    command.args(["-H", &engine.host(), "logs", "-f", "cc"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut follower = command.spawn().expect("docker");
    let mut lines = BufReader::new(follower.stdout.take().expect("stdout")).lines().map_while(Result::ok);
    assert_eq!(lines.next().as_deref(), Some("first"));
    engine.docker(["stop", "cc"]).ok();
    assert_eq!(lines.collect::<Vec<_>>(), ["last"]);
    assert!(follower.wait().expect("docker ends").success());
    eventually("it is gone", PATIENCE, || (engine.docker(["inspect", "cc"]).code != 0).then_some(()));
}
