//! `run` and `exec`: the sequence of calls, streams and exit codes.

use std::io::{Read, Write};
use std::process::Stdio;
use std::sync::{Arc, Condvar, Mutex};

use hull_api::stream::{StreamKind, encode};
use serde_json::json;

use crate::engine::{Connection, Engine, Ran, Request};

const ID: &str = "abcdef0123456789";

/// Opens once `start` was called.
#[derive(Default)]
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    fn pass(&self) {
        let mut open = self.0.lock().unwrap();
        while !*open {
            open = self.1.wait(open).unwrap();
        }
    }
}

/// An engine whose container, once started, talks to the client by `process` and ends with `code`.
fn engine(
    code: i64,
    multiplexed: bool,
    process: impl Fn(std::os::unix::net::UnixStream) + Send + Sync + 'static,
) -> Engine {
    let gate = Arc::new(Gate::default());
    let over = Arc::new(Gate::default());
    Engine::start(move |request: &Request, connection: &mut Connection| {
        match request.path.rsplit('/').next().unwrap() {
            "create" => connection.json(201, json!({"Id": ID, "Warnings": ["mind the gap"]})),
            "attach" => {
                let stream = connection.upgrade(multiplexed);
                gate.pass();
                process(stream);
                over.open();
            }
            "wait" => {
                connection.begin("application/json");
                over.pass();
                connection.chunk(json!({"StatusCode": code}).to_string().as_bytes());
                connection.end();
            }
            "start" => {
                gate.open();
                connection.empty(204);
            }
            _ => connection.json(404, json!({"message": "page not found"})),
        }
    })
}

#[test]
fn a_run_attaches_and_waits_before_it_starts() {
    let engine = engine(42, true, |mut stream| {
        let mut wire = Vec::new();
        encode(StreamKind::Stdout, b"to out\n", &mut wire);
        encode(StreamKind::Stderr, b"to err\n", &mut wire);
        // In two pieces, the first of which ends within a header.
        stream.write_all(&wire[..3]).unwrap();
        stream.write_all(&wire[3..]).unwrap();
    });
    let ran = engine.output(&["run", "--rm", "--name", "n", "img", "sh", "-c", "true"]);
    assert_eq!(ran, Ran { code: 42, out: "to out\n".into(), err: "WARNING: mind the gap\nto err\n".into() });
    assert_eq!(
        engine.asked(),
        [
            "POST /containers/create?name=n".to_owned(),
            format!("POST /containers/{ID}/attach?stream=1&stdout=1&stderr=1"),
            format!("POST /containers/{ID}/wait?condition=removed"),
            format!("POST /containers/{ID}/start"),
        ]
    );
    let create = engine.request(0);
    assert_eq!(create.version, "1.51");
    assert_eq!(create.json()["Cmd"], json!(["sh", "-c", "true"]));
    assert_eq!(create.header("Host"), Some("api.moby.localhost"));
    assert_eq!(engine.request(1).header("Upgrade"), Some("tcp"));
}

#[test]
fn the_end_of_the_input_reaches_the_process_and_its_answer_comes_back() {
    let engine = engine(0, true, |mut stream| {
        let mut input = Vec::new();
        stream.read_to_end(&mut input).unwrap();
        let mut wire = Vec::new();
        encode(StreamKind::Stdout, format!("{} bytes", input.len()).as_bytes(), &mut wire);
        stream.write_all(&wire).unwrap();
    });
    let mut child = engine.hull(&["run", "-i", "img"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(&vec![b'x'; 1_000_000]).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1000000 bytes");
    assert!(engine.asked()[1].ends_with("attach?stream=1&stdin=1&stdout=1&stderr=1"));
}

#[test]
fn both_streams_in_one_place_keep_their_order() {
    let lines = |n: usize| (0..n).map(|i| format!("{i}\n")).collect::<String>();
    let engine = engine(0, true, |mut stream| {
        let mut wire = Vec::new();
        for i in 0..200 {
            let kind = if i % 3 == 0 { StreamKind::Stderr } else { StreamKind::Stdout };
            encode(kind, format!("{i}\n").as_bytes(), &mut wire);
        }
        stream.write_all(&wire).unwrap();
    });
    let both = std::fs::File::create(engine.dir().join("both")).unwrap();
    let mut command = engine.hull(&["run", "img"]);
    command.stdin(Stdio::null()).stdout(both.try_clone().unwrap()).stderr(both);
    assert!(command.status().unwrap().success());
    let text = std::fs::read_to_string(engine.dir().join("both")).unwrap();
    assert_eq!(text.strip_prefix("WARNING: mind the gap\n").unwrap(), lines(200));
}

#[test]
fn a_detached_run_prints_the_id() {
    let engine = engine(0, true, |_| {});
    let ran = engine.output(&["run", "-d", "img"]);
    assert_eq!((ran.code, ran.out), (0, format!("{ID}\n")));
    assert_eq!(engine.asked()[1], format!("POST /containers/{ID}/wait?condition=next-exit"));
}

#[test]
fn an_image_that_is_missing_is_fetched_once() {
    let tried = Mutex::new(0);
    let engine = Engine::start(move |request, connection| match request.path.as_str() {
        "/containers/create" => {
            let mut tried = tried.lock().unwrap();
            *tried += 1;
            match *tried {
                1 => connection.json(404, json!({"message": "No such image: img:latest"})),
                _ => connection.json(201, json!({"Id": ID})),
            }
        }
        "/images/create" => {
            connection.begin("application/json");
            connection.chunk(br#"{"status":"Pulling from img","id":"latest"}{"status":"Pulling fs la"#);
            connection.chunk(br#"yer","progressDetail":{},"id":"0123"}"#);
            connection.chunk(br#"{"status":"Status: done"}"#);
            connection.end();
        }
        _ => connection.empty(204),
    });
    let ran = engine.output(&["create", "img"]);
    assert_eq!((ran.code, ran.out), (0, format!("{ID}\n")));
    assert_eq!(
        ran.err,
        "Unable to find image 'img:latest' locally\nlatest: Pulling from img\n0123: Pulling fs layer\nStatus: done\n"
    );
    let asked = engine.asked();
    assert_eq!(asked[1], "POST /images/create?fromImage=img&tag=latest");
    assert_eq!(engine.request(1).header("X-Registry-Auth"), Some("e30="));
    assert_eq!(asked[2], "POST /containers/create");
}

#[test]
fn an_image_that_is_missing_everywhere_is_125_and_leaves_no_cid_file() {
    let engine = Engine::start(|request, connection| match request.path.as_str() {
        "/images/create" => connection.json(404, json!({"message": "pull access denied for img"})),
        _ => connection.json(404, json!({"message": "No such image: img:latest"})),
    });
    let cid = engine.dir().join("cid");
    let ran = engine.output(&["run", "-q", "--cidfile", cid.to_str().unwrap(), "img"]);
    assert_eq!(ran.code, 125);
    assert_eq!(
        ran.err,
        "hull: Error response from daemon: pull access denied for img\n\nRun 'hull run --help' for more information\n"
    );
    assert!(!cid.exists());
}

#[test]
fn what_keeps_a_container_from_starting_gives_the_code() {
    for (message, code) in [
        ("exec: \\\"nosuch\\\": executable file not found in $PATH", 127),
        ("exec: \\\"/etc/passwd\\\": permission denied", 126),
        ("no space left on device", 125),
    ] {
        let engine = Engine::start(move |request, connection| match request.path.rsplit('/').next().unwrap() {
            "create" => connection.json(201, json!({"Id": ID})),
            "start" => connection.answer(400, "application/json", format!("{{\"message\":\"{message}\"}}").as_bytes()),
            "attach" => drop(connection.upgrade(true)),
            _ => connection.begin("application/json"),
        });
        let ran = engine.output(&["run", "img", "nosuch"]);
        assert_eq!(ran.code, code, "{message}");
        assert!(ran.err.starts_with("hull: Error response from daemon: "), "{}", ran.err);
    }
}

#[test]
fn exec_ends_with_the_code_of_its_process() {
    let engine = Engine::start(|request, connection| match request.line().as_str() {
        "GET /containers/web/json" => connection.json(200, json!({"Id": ID})),
        "POST /containers/web/exec" => connection.json(201, json!({"Id": "e1"})),
        "POST /exec/e1/start" => {
            let mut stream = connection.upgrade(true);
            let mut wire = Vec::new();
            encode(StreamKind::Stdout, b"hello", &mut wire);
            stream.write_all(&wire).unwrap();
            stream.shutdown(std::net::Shutdown::Both).unwrap();
        }
        "GET /exec/e1/json" => connection.json(200, json!({"ID": "e1", "ExitCode": 7})),
        other => panic!("unexpected {other}"),
    });
    let ran = engine.output(&["exec", "-e", "A=1", "-u", "me", "web", "ls", "-l"]);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (7, "hello", ""));
    let create = engine.request(1).json();
    assert_eq!(
        (&create["Cmd"], &create["User"], &create["Env"]),
        (&json!(["ls", "-l"]), &json!("me"), &json!(["A=1"]))
    );
    assert_eq!(engine.request(2).json()["Detach"], json!(false));
}
