//! Attaching: with Docker's client on a terminal, over plain HTTP, over a websocket; leaving, half-closing, being killed.

use hull_test_support::{Engine, eventually};
use serde_json::Value;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

fn engine() -> Engine {
    let engine = Engine::start();
    engine.load("busybox");
    engine
}

fn count(engine: &Engine, action: &str) -> usize {
    engine.events().iter().filter(|event| event["Action"] == action).count()
}

#[test]
fn docker_run_and_attach_share_a_terminal_and_leave_it_by_keys() {
    if crate::docker_cli::absent() {
        return;
    }
    let engine = engine();
    let mut first = engine.docker_terminal(["run", "-it", "--name", "shell", "busybox", "sh"]);
    first.shows("# ");
    first.press("stty size\n").shows("24 80");
    let mut second = engine.docker_terminal(["attach", "--detach-keys", "ctrl-x,x", "shell"]);
    second.press("echo both-$((1+1))\n").shows("both-2");
    first.shows("both-2");
    second.press("\x18x").shows("read escape sequence");
    second.ends();
    first.press("\x10\x11");
    assert_eq!(first.ends(), 0);
    eventually("both are told to have left", PATIENCE, || (count(&engine, "detach") == 2).then_some(()));
    assert_eq!(engine.inspect("shell")["State"]["Running"], true);

    let mut again = engine.docker_terminal(["attach", "shell"]);
    again.press("exit 4\n");
    assert_eq!(again.ends(), 4, "attach ends with the container's code");
    let mut started = engine.docker_terminal(["start", "-ai", "shell"]);
    started.shows("# ");
    started.press("exit 5\n");
    assert_eq!(started.ends(), 5);
}

#[test]
fn half_closed_input_is_the_programs_end_of_file() {
    let engine = engine();
    let body = serde_json::json!({
        "Image": "busybox", "Cmd": ["sh", "-c", "wc -c; echo after >&2"],
        "OpenStdin": true, "StdinOnce": true, "AttachStdin": true
    });
    assert_eq!(engine.api("POST", "/containers/create?name=wc", &body).status, 201);
    let path = "/v1.45/containers/wc/attach?stream=1&stdin=1&stdout=1&stderr=1";
    let (head, mut stream) = engine.upgrade("POST", path, "Upgrade: tcp\r\n", &Value::Null);
    assert!(head.contains("\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\n"), "{head}");
    assert_eq!(engine.api("POST", "/containers/wc/start", &Value::Null).status, 204);
    stream.write_all(&vec![b'x'; 100_000]).expect("input");
    stream.shutdown(std::net::Shutdown::Write).expect("half-close");
    let mut output = Vec::new();
    stream.read_to_end(&mut output).expect("output");
    let text = String::from_utf8_lossy(&output).into_owned();
    assert!(text.contains("100000\n") && text.ends_with("after\n"), "{text:?}");
}

#[test]
fn what_cannot_be_attached_to_is_told_in_dockers_words() {
    let engine = engine();
    engine.hull(["run", "-d", "--name", "up", "busybox", "sleep", "1000"]).ok();
    let attach = |query: &str| {
        let reply = engine.api("POST", &format!("/containers/{query}"), &Value::Null);
        (reply.status, reply.message())
    };
    let keys = (400, "Invalid detach keys (ctrl-P) provided".to_owned());
    assert_eq!(attach("up/attach?detachKeys=ctrl-P&stream=1&stdout=1"), keys);
    assert_eq!(attach("nosuch/attach?stream=1"), (404, "No such container: nosuch".to_owned()));
    engine.hull(["pause", "up"]).ok();
    let paused = (409, "container up is paused, unpause the container before attach".to_owned());
    assert_eq!(attach("up/attach?stream=1&stdout=1"), paused);
}

/// No output comes, and none is waited for: the hang-up itself is noticed.
#[test]
fn a_client_that_was_killed_is_noticed_at_once() {
    if crate::docker_cli::absent() {
        return;
    }
    let engine = engine();
    engine.hull(["run", "-d", "--name", "quiet", "busybox", "sleep", "1000"]).ok();
    let mut client =
        engine.docker_command().args(["attach", "--no-stdin", "quiet"]).stdout(Stdio::null()).spawn().expect("docker");
    eventually("it is attached", PATIENCE, || (count(&engine, "attach") == 1).then_some(()));
    client.kill().expect("kill");
    client.wait().expect("its end");
    eventually("it has left", PATIENCE, || (count(&engine, "detach") == 1).then_some(()));
    // One that has only closed its writing side listens on.
    let path = "/containers/quiet/attach?stream=1&stdout=1&stderr=1";
    let (_, mut stream) = engine.upgrade("POST", path, "Upgrade: tcp\r\n", &Value::Null);
    stream.shutdown(std::net::Shutdown::Write).expect("half-close");
    engine.hull(["kill", "quiet"]).ok();
    assert_eq!(stream.read(&mut [0; 8]).expect("the end"), 0);
    assert_eq!(count(&engine, "detach"), 1);
}

/// One message of the server's: its opcode and payload.
fn message(stream: &mut UnixStream) -> (u8, Vec<u8>) {
    let mut head = [0; 2];
    stream.read_exact(&mut head).expect("a message");
    assert!(head[1] < 126, "short and not masked");
    let mut payload = vec![0; head[1].into()];
    stream.read_exact(&mut payload).expect("its payload");
    (head[0] & 0x0f, payload)
}

fn websocket(engine: &Engine, path: &str) -> UnixStream {
    let headers = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let (head, stream) = engine.upgrade("GET", path, headers, &Value::Null);
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(head.to_lowercase().contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
    stream
}

#[test]
fn a_websocket_carries_both_directions() {
    let engine = engine();
    let script = "while read line; do [ $line = stop ] && exit 3; echo got $line; done";
    engine.hull(["create", "-i", "--name", "ws", "busybox", "sh", "-c", script]).ok();
    let mut stream = websocket(&engine, "/v1.45/containers/ws/attach/ws?stream=1&stdin=1&stdout=1&logs=1");
    engine.hull(["start", "ws"]).ok();
    let mut send = |text: &str| {
        // Masked with zeros, as short as the standard allows.
        let head = [0x81, 0x80 | u8::try_from(text.len()).expect("short"), 0, 0, 0, 0];
        stream.write_all(&[&head, text.as_bytes()].concat()).expect("a message");
        stream.try_clone().expect("the socket")
    };
    let mut reader = send("one\n");
    assert_eq!(message(&mut reader), (2, b"got one\n".to_vec()));
    send("stop\n");
    let (opcode, payload) = message(&mut reader);
    assert_eq!((opcode, payload.as_slice()), (8, &1000u16.to_be_bytes()[..]), "closed normally, at the end");
    assert_eq!(engine.hull(["wait", "ws"]).ok(), "3");
    // Old clients get text, and all streams without asking.
    let mut old = websocket(&engine, "/v1.27/containers/ws/attach/ws?logs=1");
    assert_eq!(message(&mut old), (1, b"got one\n".to_vec()));
    let plain = engine.api("GET", "/containers/ws/attach/ws?stream=1", &Value::Null);
    assert_eq!(plain.status, 400, "{}", plain.message());
}
