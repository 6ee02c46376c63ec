//! Whatever path, query, headers and body a client sends, to any endpoint: it gets an answer, in time, that does not
//! call a client's mistake a fault of the engine; and the engine lives.

use crate::any_body::Random;
use hull_test_support::{Engine, probe};
use serde_json::{Value, json};

/// Everything that is served; `{}` stands for a name or id of the kind that the path wants.
const ENDPOINTS: &str = "\
GET /_ping|HEAD /_ping|GET /version|GET /info|GET /events|GET /system/df|POST /auth|GET /metrics|\
GET /containers/json|POST /containers/create|POST /containers/prune|GET /containers/{}/json|GET /containers/{}/top|\
GET /containers/{}/logs|GET /containers/{}/stats|GET /containers/{}/changes|GET /containers/{}/export|\
GET /containers/{}/pids|GET /containers/{}/pressure|POST /containers/{}/resize|POST /containers/{}/start|\
POST /containers/{}/stop|POST /containers/{}/restart|POST /containers/{}/kill|POST /containers/{}/update|\
POST /containers/{}/rename|POST /containers/{}/pause|POST /containers/{}/unpause|POST /containers/{}/attach|\
GET /containers/{}/attach/ws|POST /containers/{}/wait|DELETE /containers/{}|HEAD /containers/{}/archive|\
GET /containers/{}/archive|PUT /containers/{}/archive|POST /containers/{}/exec|POST /exec/{}/start|\
POST /exec/{}/resize|GET /exec/{}/json|GET /images/json|POST /images/create|POST /images/load|GET /images/get|\
POST /images/prune|GET /images/search|GET /images/{}/json|GET /images/{}/history|GET /images/{}/get|\
POST /images/{}/tag|POST /images/{}/push|DELETE /images/{}|POST /build|POST /build/prune|POST /commit|\
GET /distribution/{}/json|GET /networks|POST /networks/create|POST /networks/prune|GET /networks/{}|\
DELETE /networks/{}|POST /networks/{}/connect|POST /networks/{}/disconnect|GET /volumes|POST /volumes/create|\
POST /volumes/prune|GET /volumes/{}|PUT /volumes/{}|DELETE /volumes/{}|GET /swarm|POST /swarm/init|GET /nodes|\
GET /services|GET /tasks|GET /secrets|GET /configs|GET /plugins|GET /plugins/{}/json|POST /plugins/pull|\
POST /session|POST /grpc|PATCH /containers/{}|OPTIONS /|TRACE /info";

const NAMES: [&str; 18] = [
    "made",
    "runs",
    "ended",
    "busybox",
    "busybox:latest",
    "bridge",
    "host",
    "vol",
    "nosuch",
    "",
    "%00",
    "%ff%fe",
    "..",
    "%2e%2e%2f%2e%2e%2fetc",
    "a%20b",
    "%F0%9F%A6%80",
    "sha256:",
    "*",
];

/// Query parameters of all endpoints together: each is as good as noise where it means nothing.
const PARAMETERS: [&str; 34] = [
    "all",
    "limit",
    "size",
    "filters",
    "before",
    "since",
    "until",
    "stream",
    "one-shot",
    "stdout",
    "stderr",
    "follow",
    "tail",
    "timestamps",
    "details",
    "signal",
    "t",
    "name",
    "h",
    "w",
    "condition",
    "force",
    "v",
    "link",
    "path",
    "noOverwriteDirNonDir",
    "ps_args",
    "type",
    "tag",
    "repo",
    "fromImage",
    "fromSrc",
    "names",
    "detachKeys",
];

const VALUES: [&str; 31] = [
    "",
    "0",
    "1",
    "true",
    "false",
    "99999999999999999999",
    "1.5",
    "1e9",
    "x",
    "%00",
    "%ff",
    "%",
    "null",
    "..",
    "%2F",
    "%2Fetc%2Fpasswd",
    "-",
    "all",
    "KILL",
    "TERM",
    "SIGNOSUCH",
    "next-exit",
    "removed",
    "ctrl-p%2Cctrl-q",
    "aux",
    "-o%20comm",
    "%7B%22label%22%3A%7B%22a%3Db%22%3Atrue%7D%7D",
    "%7B%22status%22%3A%5B%22up%22%5D%7D",
    "%5B%5D",
    "%7B%22until%22%3A%5B%22x%22%2C%22y%22%5D%7D",
    "busybox",
];

const HEADERS: [&str; 16] = [
    "Content-Type: application/json",
    "Content-Type: text/plain",
    "Content-Type: \u{e9}",
    "Upgrade: tcp\r\nConnection: Upgrade",
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x",
    "X-Registry-Auth: !!!",
    "X-Registry-Auth: e30=",
    "X-Registry-Auth: bnVsbA==",
    "X-Registry-Config: W10=",
    "Expect: 100-continue",
    "Accept: */*",
    "Range: bytes=9-1",
    "Accept-Encoding: gzip",
    "If-None-Match: *",
    "Cookie: a=b",
    "X-Long: ",
];

fn request(random: &mut Random) -> Vec<u8> {
    let endpoints: Vec<&str> = ENDPOINTS.split('|').collect();
    let (method, path) = random.pick(&endpoints).split_once(' ').expect("a method and a path");
    let name = if random.below(60) == 0 { "x".repeat(9000) } else { random.pick(&NAMES).to_owned() };
    let version = random.pick(&["", "", "/v1.24", "/v1.41", "/v1.51", "/v9.9", "/v1", "/v1.x", "/"]).to_owned();
    let mut target = format!("{version}{}", path.replace("{}", &name));
    for n in 0..random.below(4) {
        let parameter = random.pick(&PARAMETERS);
        target += &format!("{}{parameter}={}", if n == 0 { "?" } else { "&" }, random.pick(&VALUES));
    }
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n");
    for _ in 0..random.below(3) {
        head += &format!("{}\r\n", random.pick(&HEADERS));
    }
    let body = match random.below(6) {
        0 => Vec::new(),
        1 => b"\xff\xfe\x00".to_vec(),
        2 => b"{\"Image\":".to_vec(),
        3 => vec![b'['; 100_000],
        _ => random.object(3).to_string().into_bytes(),
    };
    if method != "GET" && method != "HEAD" || random.below(4) == 0 {
        head += &format!("Content-Length: {}\r\n", body.len());
        [head.as_bytes(), b"\r\n", &body].concat()
    } else {
        [head.as_bytes(), b"\r\n"].concat()
    }
}

/// Containers in each state: the requests pause, rename, kill and remove them.
fn cast(engine: &Engine) {
    if engine.raw("GET", "/images/busybox/json", b"").status == 404 {
        engine.load("busybox");
    }
    // It ends at once when it is told to.
    let waits = "trap 'exit 0' TERM INT HUP QUIT USR1; sleep 1000 & wait";
    let create = |name: &str, script: &str| {
        let body = json!({"Image": "busybox", "Cmd": ["sh", "-c", script], "StopTimeout": 1});
        engine.api("POST", &format!("/containers/create?name={name}"), &body);
    };
    create("made", "true");
    create("runs", waits);
    create("ended", "exit 3");
    engine.api("POST", "/containers/runs/unpause", &Value::Null);
    for name in ["runs", "ended"] {
        engine.api("POST", &format!("/containers/{name}/start"), &Value::Null);
    }
    engine.api("POST", "/volumes/create", &json!({"Name": "vol"}));
}

#[test]
fn any_request_gets_an_answer_that_is_not_500() {
    let engine = Engine::start();
    let mut random = Random(20_261_124);
    for round in 0..2000 {
        if round % 40 == 0 {
            cast(&engine);
        }
        let request = request(&mut random);
        let shown = || String::from_utf8_lossy(&request[..request.len().min(600)]).into_owned();
        match probe(&engine.socket(), &request) {
            Ok(status) => assert!(status != 500 && status != 0, "round {round}: {status} to {}", shown()),
            Err(error) => panic!("round {round}: {error} to {}", shown()),
        }
    }
    assert_eq!(engine.raw("GET", "/_ping", b"").status, 200);
    let log = engine.daemon_log();
    assert!(!log.contains("panicked"), "{log}");
}
