//! Bad input gets Docker's message, the right status and exit code, and leaves nothing behind.

use hull_test_support::Engine;
use serde_json::{Value, json};

#[test]
fn the_command_line_says_what_docker_says() {
    let engine = Engine::start();
    engine.load("busybox");
    let baseline = {
        engine.hull(["run", "--rm", "busybox", "true"]).ok();
        engine.leftovers()
    };
    let run = |flags: &[&str]| engine.hull([&["run", "--rm"], flags, &["busybox", "true"]].concat());
    engine.hull(["run", "--rm", "nosuchimage"]).fails(125, "nosuchimage");
    run(&["--memory=5m"]).fails(125, "Minimum memory limit allowed is 6MB");
    run(&["--memory=lots"]).fails(125, "invalid");
    run(&["--cpus=900"]).fails(125, "range of CPUs is from 0.01 to");
    run(&["--cpus=.5", "--cpu-quota=50000"])
        .fails(125, "Conflicting options: Nano CPUs and CPU Quota cannot both be set");
    run(&["--memory-swap=200m"])
        .fails(125, "You should always set the Memory limit when using Memoryswap limit, see usage");
    run(&["--memory=100m", "--memory-swap=50m"])
        .fails(125, "Minimum memoryswap limit should be larger than memory limit, see usage");
    run(&["--memory-swappiness=101"]).fails(125, "invalid value: 101. Valid memory swappiness range is 0-100");
    run(&["--oom-score-adj=1001"]).fails(125, "Invalid value 1001, range for oom score adj is [-1000, 1000]");
    run(&["--cpuset-cpus=0-99"]).fails(125, "Requested CPUs are not available - requested 0-99, available: ");
    run(&["--cpu-period=10"])
        .fails(125, "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
    run(&["--cpu-quota=10"]).fails(125, "CPU cfs quota can not be less than 1ms (i.e. 1000)");
    run(&["--mount", "type=bind,source=/nosuch/source,target=/x"])
        .fails(125, "invalid mount config for type \"bind\": bind source path does not exist: /nosuch/source");
    run(&["--user", "nosuchuser"]).fails(125, "unable to find user nosuchuser");
    run(&["--workdir", "relative"])
        .fails(125, "the working directory 'relative' is invalid, it needs to be an absolute path");
    run(&["--cap-add", "NOSUCH"]).fails(125, "NOSUCH");

    engine.hull(["create", "--name", "taken", "busybox"]).ok();
    engine
        .hull(["create", "--name", "taken", "busybox"])
        .fails(1, "The container name \"/taken\" is already in use by container");
    engine.hull(["rm", "taken"]).ok();
    engine.hull(["inspect", "nosuch"]).fails(1, "nosuch");
    engine.hull(["stop", "nosuch"]).fails(1, "No such container: nosuch");
    engine.hull(["exec", "nosuch", "true"]).fails(1, "No such container: nosuch");
    engine.hull(["rmi", "nosuch"]).fails(1, "No such image: nosuch");
    engine.hull(["volume", "rm", "nosuch"]).fails(1, "no such volume");
    assert_eq!(engine.leftovers(), baseline, "nothing is left behind");
}

#[test]
fn the_api_answers_hostile_requests_with_400_and_goes_on() {
    let engine = Engine::start();
    engine.load("busybox");
    let status = |method: &str, path: &str, body: &[u8]| {
        let reply = engine.raw(method, path, body);
        assert!(reply.status >= 400, "{method} {path}: {}", reply.status);
        assert!(!reply.message().is_empty(), "{method} {path} says why");
        reply.status
    };
    for body in
        [&b"garbage"[..], b"{\"Image\": 5}", b"[]", b"\xff\xfe", b"{\"HostConfig\": {\"Memory\": \"much\"}}", b"{"]
    {
        assert_eq!(status("POST", "/containers/create", body), 400, "{}", String::from_utf8_lossy(body));
    }
    assert_eq!(status("POST", "/containers/create?name=../../etc", br#"{"Image":"busybox"}"#), 400);
    assert_eq!(status("POST", "/containers/create", br#"{"Image":"nosuchimage"}"#), 404);
    assert_eq!(status("GET", "/containers/nosuch/json", b""), 404);
    assert_eq!(status("GET", "/v1.24/nosuchpath", b""), 404);
    assert_eq!(engine.raw("GET", "/nosuchpath", b"").message(), "page not found");
    let new = engine.raw("GET", "/v1.99/version", b"");
    assert_eq!(
        (new.status, new.message().as_str()),
        (400, "client version 1.99 is too new. Maximum supported API version is 1.51")
    );
    let old = engine.raw("GET", "/v1.20/version", b"");
    assert_eq!(old.status, 400);
    assert_eq!(
        old.message(),
        "client version 1.20 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version"
    );
    assert_eq!(status("GET", "/containers/json?filters=garbage", b""), 400);
    assert_eq!(engine.raw("GET", "/_ping", b"").status, 200);
}

#[test]
fn keys_match_without_case_and_null_is_missing_as_in_go() {
    let engine = Engine::start();
    engine.load("busybox");
    let body =
        json!({"image": "busybox", "cmd": ["true"], "Env": null, "hostconfig": {"memory": 104_857_600, "Binds": null}});
    let reply = engine.api("POST", "/containers/create", &body);
    assert_eq!(reply.status, 201, "{}", reply.message());
    let id = reply.json()["Id"].as_str().unwrap_or_default().to_owned();
    assert_eq!(engine.inspect(&id)["HostConfig"]["Memory"], 104_857_600);
}

#[test]
fn a_second_daemon_on_the_same_place_is_refused() {
    let engine = Engine::start();
    let program = std::path::Path::new(engine.hull_command().get_program()).with_file_name("hulld");
    let other = engine.folder().join("second.sock");
    let output = engine
        .netns()
        .command(&program)
        .args(engine.root_flags())
        .arg("-H")
        .arg(format!("unix://{}", other.display()))
        .output()
        .expect("hulld starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains(&engine.pid().to_string()), "{said}");
    assert_eq!(engine.api("GET", "/_ping", &Value::Null).status, 200, "the first one goes on");
}
