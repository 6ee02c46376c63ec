//! Whatever JSON a client sends, it gets an answer, and a mistake of its own is never called a fault of the engine.

use hull_test_support::Engine;
use serde_json::{Map, Value, json};

/// A small generator of its own: the seed is in the test's name for a failure to be repeated.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len())]
    }

    /// Values that programmers forget.
    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 9 } else { 12 }) {
            0 => Value::Null,
            1 => json!(true),
            2 => json!(-1),
            3 => json!(i64::MIN),
            4 => json!(u64::MAX),
            5 => json!(1.5e300),
            6 => json!(""),
            7 => json!(self.pick(&[
                "../../etc",
                "a\u{0}b",
                "\u{202e}",
                "0",
                "host",
                "container:",
                "none",
                "busybox",
                "%s%n"
            ])),
            8 => json!("x".repeat(5000)),
            9 => json!([]),
            10 => Value::Array((0..self.below(4)).map(|_| self.value(depth - 1)).collect()),
            _ => self.object(depth - 1),
        }
    }

    pub(crate) fn object(&mut self, depth: usize) -> Value {
        let keys = [
            "Image",
            "Cmd",
            "Entrypoint",
            "Env",
            "User",
            "WorkingDir",
            "Labels",
            "Tty",
            "HostConfig",
            "Memory",
            "NanoCpus",
            "CpuQuota",
            "CpusetCpus",
            "PidsLimit",
            "Binds",
            "Mounts",
            "Type",
            "Source",
            "Target",
            "Tmpfs",
            "Ulimits",
            "Devices",
            "PidMode",
            "NetworkMode",
            "IpcMode",
            "UTSMode",
            "MntMode",
            "CpuBurst",
            "OomKillGroup",
            "CapAdd",
            "SecurityOpt",
            "LogConfig",
            "Config",
            "RestartPolicy",
            "Name",
            "MaximumRetryCount",
            "Sysctls",
            "NetworkingConfig",
            "EndpointsConfig",
            "Healthcheck",
            "Test",
            "StopSignal",
            "Driver",
            "DriverOpts",
            "Detach",
            "ConsoleSize",
            "Privileged",
            "DetachKeys",
            "ShmSize",
            "OomScoreAdj",
            "ExtraHosts",
            "Dns",
            "GroupAdd",
            "hOSTcONFIG",
        ];
        let mut object = Map::new();
        for _ in 0..self.below(8) {
            let key = self.pick(&keys).to_owned();
            let value = self.value(depth);
            object.insert(key, value);
        }
        Value::Object(object)
    }
}

#[test]
fn any_json_gets_an_answer_that_is_not_500() {
    let engine = Engine::start();
    engine.load("busybox");
    let container = engine.hull(["create", "busybox", "true"]).ok();
    let container = container.trim();
    let paths = [
        "/containers/create".to_owned(),
        format!("/containers/{container}/update"),
        format!("/containers/{container}/exec"),
        "/exec/nosuch/start".to_owned(),
        "/volumes/create".to_owned(),
        "/networks/create".to_owned(),
        "/auth".to_owned(),
    ];
    let mut random = Random(20_261_123);
    for round in 0..700 {
        let path = &paths[round % paths.len()];
        let mut body = random.object(3);
        if path.ends_with("create") && random.below(2) == 0 {
            // Past the first checks.
            body["Image"] = json!("busybox");
            body["Cmd"] = json!(["true"]);
        }
        let reply = engine.api("POST", path, &body);
        assert_ne!(reply.status, 500, "round {round}: POST {path} {body}: {}", reply.message());
        if reply.status >= 400 {
            assert!(!reply.message().is_empty(), "round {round}: POST {path} {body}: {} without a word", reply.status);
        }
    }
    assert_eq!(engine.api("GET", "/_ping", &Value::Null).status, 200);
}

#[test]
fn any_query_gets_an_answer_that_is_not_500() {
    let engine = Engine::start();
    let paths = [
        "/containers/json",
        "/images/json",
        "/volumes",
        "/networks",
        "/events",
        "/system/df",
        "/containers/nosuch/logs",
        "/containers/nosuch/stats",
        "/images/nosuch/json",
        "/images/%2e%2e%2f%2e%2e/json",
        "/volumes/%00",
        "/exec/%ff/json",
    ];
    let queries = [
        "filters=%7B%22label%22%3A%7B%7D%7D",
        "filters=%5B%5D",
        "filters=null",
        "filters=%22x%22",
        "limit=x",
        "limit=-1",
        "limit=99999999999999999999",
        "all=%ff",
        "since=x&until=1",
        "until=0",
        "type=x",
        "size=1&&&=",
        "tail=-5",
        "%",
    ];
    for path in paths {
        for query in queries {
            if path == "/events" && !query.contains("until") {
                continue;
            }
            let reply = engine.raw("GET", &format!("{path}?{query}"), b"");
            assert_ne!(reply.status, 500, "GET {path}?{query}: {}", reply.message());
        }
    }
    assert_eq!(engine.raw("GET", "/_ping", b"").status, 200);
}
