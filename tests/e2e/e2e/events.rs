//! `GET /events`: everything that happens, in order, as Docker's client shows it; filters, times, slow readers.

use hull_test_support::{Engine, eventually};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock")
}

/// A moment as Docker's client takes it; of a duration like `0s` it makes whole seconds.
fn moment(time: Duration) -> String {
    format!("{}.{:09}", time.as_secs(), time.subsec_nanos())
}

/// What has happened so far, through Docker's client.
pub(crate) fn history(engine: &Engine, more: &[&str]) -> Vec<Value> {
    let until = moment(now());
    let args = [&["events", "--since", "1h", "--until", &until, "--format", "{{json .}}"], more].concat();
    engine.docker(args).ok().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn names(events: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    events.iter().map(|event| format!("{} {}", text(&event["Type"]), text(&event["Action"]))).collect()
}

/// What happened to a container until now, in order.
pub(crate) fn actions(engine: &Engine, name: &str) -> Vec<String> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").as_secs() + 1;
    let (until, filter) = (now.to_string(), format!("container={name}"));
    let args = ["events", "--since", "1h", "--until", &until, "--filter", &filter, "--format", "{{.Action}}"];
    engine.docker(args).ok().lines().map(str::to_owned).collect()
}

#[test]
fn a_containers_life_is_told_in_order_with_dockers_attributes() {
    let engine = Engine::start();
    engine.load("busybox");
    let create =
        ["create", "--name", "life", "-v", "vol:/data:ro", "--label", "tier=front", "busybox", "sleep", "1000"];
    let id = engine.docker(create).ok();
    engine.docker(["start", "life"]).ok();
    engine.docker(["exec", "life", "echo", "hi"]).ok();
    eventually("the exec's end is told", Duration::from_secs(10), || {
        names(&history(&engine, &[])).contains(&"container exec_die".to_owned()).then_some(())
    });
    for command in [
        &["top", "life"][..],
        &["pause", "life"],
        &["unpause", "life"],
        &["rename", "life", "late"],
        &["update", "--memory", "64m", "--memory-swap", "128m", "late"],
        &["kill", "late"],
        &["rm", "late"],
        &["volume", "rm", "vol"],
    ] {
        engine.docker(command).ok();
    }
    let events =
        history(&engine, &["--filter", "type=container", "--filter", "type=volume", "--filter", "type=network"]);
    assert_eq!(
        names(&events),
        [
            "volume create",
            "container create",
            "network connect",
            "volume mount",
            "container start",
            "container exec_create: echo hi",
            "container exec_start: echo hi",
            "container exec_die",
            "container top",
            "container pause",
            "container unpause",
            "container rename",
            "container update",
            "container kill",
            "network disconnect",
            "volume unmount",
            "container die",
            "container destroy",
            "volume destroy",
        ]
    );
    let of = |action: &str| {
        let event = events.iter().find(|event| event["Action"] == action).expect("the event");
        (event["Actor"]["ID"].clone(), event["Actor"]["Attributes"].clone())
    };
    let start = json!({"image": "busybox", "name": "life", "tier": "front"});
    assert_eq!(of("start"), (json!(id), start));
    assert_eq!(of("rename").1["oldName"], "/life");
    assert_eq!(of("kill").1["signal"], "9");
    assert_eq!(of("die").1["exitCode"], "137");
    assert!(of("die").1["execDuration"].as_str().expect("a text").parse::<u64>().is_ok());
    assert_eq!(of("exec_die").1["exitCode"], "0");
    assert_eq!(of("exec_die").1["execID"], of("exec_start: echo hi").1["execID"]);
    let mount =
        json!({"container": id, "destination": "/data", "driver": "local", "propagation": "", "read/write": "false"});
    assert_eq!(of("mount"), (json!("vol"), mount));
    assert_eq!(of("unmount"), (json!("vol"), json!({"container": id, "driver": "local"})));
    let network = engine.docker(["network", "inspect", "-f", "{{.Id}}", "bridge"]).ok();
    assert_eq!(of("connect"), (json!(network), json!({"container": id, "name": "bridge", "type": "bridge"})));
    // The spelling of old clients, of containers only.
    let start = events.iter().find(|event| event["Action"] == "start").expect("start");
    assert_eq!((&start["status"], &start["id"], &start["from"]), (&json!("start"), &json!(id), &json!("busybox")));
    assert!(events.iter().all(|event| event["scope"] == "local" && event["timeNano"].as_i64() > Some(0)));
}

#[test]
fn the_networks_without_addresses_are_told_too() {
    let engine = Engine::start();
    engine.load("busybox");
    for network in ["host", "none"] {
        engine.docker(["run", "--name", network, "--network", network, "busybox", "true"]).ok();
    }
    engine.docker(["run", "-d", "--name", "base", "--network", "none", "busybox", "sleep", "1000"]).ok();
    engine.docker(["run", "--name", "joins", "--network", "container:base", "busybox", "true"]).ok();
    let told = eventually("all ends are told", Duration::from_secs(10), || {
        let events = history(&engine, &["--filter", "type=network"]);
        (events.len() >= 5).then_some(events)
    });
    let told: Vec<String> = told
        .iter()
        .map(|event| {
            let attributes = &event["Actor"]["Attributes"];
            format!("{} {} {}", event["Action"], attributes["name"], attributes["type"]).replace('"', "")
        })
        .collect();
    let expected =
        ["connect host host", "disconnect host host", "connect none null", "disconnect none null", "connect none null"];
    assert_eq!(told, expected);
}

#[test]
fn images_and_prunes_are_told() {
    let engine = Engine::start();
    engine.load("busybox");
    engine.docker(["tag", "busybox", "other:1"]).ok();
    engine.docker(["save", "-o", &engine.folder().join("s.tar").display().to_string(), "other:1"]).ok();
    engine.docker(["rmi", "other:1"]).ok();
    engine.docker(["rmi", "busybox"]).ok();
    let told = names(&history(&engine, &["--filter", "type=image"]));
    // The first is of the image that hulld has in itself.
    let expected = ["load", "load", "tag", "save", "untag", "untag", "delete"].map(|action| format!("image {action}"));
    assert_eq!(told, expected);
    engine.docker(["system", "prune", "-f", "--volumes"]).ok();
    let prunes = history(&engine, &["--filter", "event=prune"]);
    let kinds = ["container prune", "network prune", "volume prune", "image prune", "builder prune"];
    let told = names(&prunes);
    assert!(kinds.iter().all(|kind| told.contains(&(*kind).to_owned())), "{told:?}");
    assert!(prunes.iter().all(|prune| prune["Actor"]["Attributes"]["reclaimed"].is_string()), "{prunes:?}");
}

#[test]
fn filters_and_times_choose() {
    let engine = Engine::start();
    engine.load("busybox");
    // No names that an id may begin with: the filter takes those, too.
    for (name, tier) in [("in-front", "tier=front"), ("behind-it", "tier=back")] {
        engine.docker(["run", "-d", "--name", name, "--label", tier, "--label", "both", "busybox", "true"]).ok();
        engine.docker(["wait", name]).ok();
    }
    let count = |filters: &[&str]| {
        let filters: Vec<&str> = filters.iter().flat_map(|filter| ["--filter", filter]).collect();
        eventually("both have died", Duration::from_secs(10), || {
            (names(&history(&engine, &["--filter", "event=die"])).len() == 2).then_some(())
        });
        history(&engine, &filters).len()
    };
    assert_eq!(count(&["event=start"]), 2);
    assert_eq!(count(&["event=start", "label=tier=front"]), 1);
    assert_eq!(count(&["event=start", "label=tier=front", "label=both"]), 1);
    assert_eq!(count(&["event=start", "label=tier=front", "label=tier=back"]), 0);
    assert_eq!(count(&["event=start", "event=die", "container=behind-it"]), 2);
    assert_eq!(count(&["event=create", "image=busybox"]), 2);
    assert_eq!(count(&["type=network", "network=bridge"]), 4);
    assert_eq!(count(&["scope=swarm"]), 0);
    let unknown = engine.raw("GET", "/events?until=1&filters=%7B%22colour%22%3A%5B%22red%22%5D%7D", b"");
    assert_eq!((unknown.status, unknown.message().as_str()), (400, "invalid filter 'colour'"));

    // Fractions of a second tell the two apart.
    let all = history(&engine, &["--filter", "event=start"]);
    let times: Vec<u64> = all.iter().filter_map(|event| event["timeNano"].as_u64()).collect();
    let second = moment(Duration::from_nanos(times[1]));
    let until = moment(now());
    let args = ["events", "--since", &second, "--until", &until, "--filter", "event=start"];
    let later = engine.docker(args).ok();
    assert_eq!(later.lines().count(), 1, "{later}");
    let wrong = engine.raw("GET", "/events?since=20&until=10.5", b"");
    assert_eq!(
        (wrong.status, wrong.message().as_str()),
        (400, "`since` time (20) cannot be after `until` time (10.5)")
    );
}

#[test]
fn a_future_until_waits_for_what_comes_and_then_ends() {
    let engine = Engine::start();
    let path = format!("/events?until={}", moment(now() + Duration::from_millis(1500)));
    let told = std::thread::scope(|scope| {
        let stream = scope.spawn(|| engine.raw("GET", &path, b""));
        eventually("somebody listens", Duration::from_secs(10), || {
            (engine.get("/info")["NEventsListener"].as_i64() > Some(1)).then_some(())
        });
        engine.docker(["volume", "create", "vol"]).ok();
        stream.join().expect("the stream")
    });
    let text = String::from_utf8_lossy(&told.body).into_owned();
    assert!(text.contains("\"Action\":\"create\"") && text.contains("\"ID\":\"vol\""), "{text}");
}

#[test]
fn a_client_that_does_not_read_is_told_and_let_go_and_nobody_waits_for_it() {
    let engine = Engine::start();
    engine.load("busybox");
    let label = "x".repeat(200_000);
    let body = json!({"Image": "busybox", "Cmd": ["true"], "Labels": {"long": label}});
    assert_eq!(engine.api("POST", "/containers/create?name=n0", &body).status, 201);

    let mut slow = UnixStream::connect(engine.socket()).expect("a connection");
    slow.set_read_timeout(Some(Duration::from_secs(60))).expect("a limit");
    slow.write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("a request");
    let mut head = [0; 12];
    slow.read_exact(&mut head).expect("an answer's head");
    assert_eq!(&head, b"HTTP/1.1 200");
    // Far more than the sockets' buffers and the history hold, without anybody reading.
    for n in 0..150 {
        let reply = engine.api("POST", &format!("/containers/n{n}/rename?name=n{}", n + 1), &Value::Null);
        assert_eq!(reply.status, 204, "{}", reply.message());
    }
    let mut text = Vec::new();
    slow.read_to_end(&mut text).expect("what was sent, and an end");
    let text = String::from_utf8_lossy(&text);
    let last = &text[text.len().saturating_sub(1000)..];
    assert!(last.contains("\"Action\":\"events-lost\"") && last.contains("reads too slowly"), "{last}");
}
