//! Lists and views: what the user sees of the engine's answers.

use serde_json::json;

use crate::engine::Engine;

fn containers() -> Engine {
    Engine::start(|_, connection| {
        connection.json(
            200,
            json!([
                {"Id": "0123456789abcdef", "Names": ["/web"], "Image": "nginx", "Command": "nginx -g 'daemon off;'",
                 "Created": 0, "State": "running", "Status": "Up 2 minutes", "Labels": {"tier": "front"},
                 "Ports": [{"PrivatePort": 80, "Type": "tcp"}], "NetworkSettings": null, "Mounts": null},
            ]),
        );
    })
}

#[test]
fn ps() {
    let engine = containers();
    let ran = engine.output(&["ps", "-a", "-f", "label=tier=front"]);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines.len(), 2, "{}{}", ran.out, ran.err);
    assert!(lines[0].starts_with("CONTAINER ID   IMAGE     COMMAND                  CREATED"), "{}", lines[0]);
    assert!(lines[1].starts_with("0123456789ab   nginx     \"nginx -g 'daemon of…\""), "{}", lines[1]);
    assert_eq!(
        engine.asked(),
        ["GET /containers/json?all=1&filters=%7B%22label%22%3A%7B%22tier%3Dfront%22%3Atrue%7D%7D"]
    );
    assert_eq!(engine.output(&["ps", "-q"]).out, "0123456789ab\n");
    assert_eq!(engine.output(&["ps", "-q", "--no-trunc"]).out, "0123456789abcdef\n");
    assert_eq!(
        engine.output(&["container", "ls", "--format", "{{.Names}} {{.Ports}} {{.Label \"tier\"}}"]).out,
        "web 80/tcp front\n"
    );
    let json = engine.output(&["ps", "--format", "json"]).out;
    assert!(json.contains("\"Names\":\"web\"") && !json.contains("LabelMap"), "{json}");
    assert_eq!(engine.output(&["ps", "--format", "{{.Nope}}"]).code, 1);
}

#[test]
fn inspect_shows_what_it_found_and_says_what_it_did_not() {
    let engine = Engine::start(|request, connection| match request.path.as_str() {
        "/containers/web/json" => {
            connection.answer(200, "application/json", br#"{"Id":"1","b":{},"a":[1.50]}"#);
        }
        _ => connection.json(404, json!({"message": "No such thing"})),
    });
    let ran = engine.output(&["inspect", "nosuch", "web"]);
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.out,
        "[\n    {\n        \"Id\": \"1\",\n        \"b\": {},\n        \"a\": [\n            1.50\n        ]\n    }\n]\n"
    );
    assert_eq!(ran.err, "Error: No such object: nosuch\n");
    assert_eq!(engine.output(&["inspect", "-f", "{{.Id}}:{{len .a}}", "web"]).out, "1:1\n");
    let typed = engine.output(&["container", "inspect", "nosuch"]);
    assert_eq!((typed.out.as_str(), typed.err.as_str()), ("[]\n", "Error response from daemon: No such thing\n"));
}

#[test]
fn pids() {
    let engine = Engine::start(|_, connection| {
        connection.json(
            200,
            json!({"Id": "1", "Processes": [
                {"HostPid": 4000, "NamespacePids": [4000, 1], "ParentPid": 3999, "Command": "sh"}]}),
        );
    });
    let ran = engine.output(&["pids", "web"]);
    assert_eq!(
        ran.out.lines().nth(1).unwrap().split_whitespace().collect::<Vec<_>>(),
        ["4000", "1", "3999", "-", "-", "sh"]
    );
    assert_eq!(engine.asked(), ["GET /containers/web/pids"]);
    let json: serde_json::Value = serde_json::from_str(&engine.output(&["pids", "--json", "web"]).out).unwrap();
    assert_eq!(json["Processes"][0]["NamespacePids"], json!([4000, 1]));
}

#[test]
fn an_older_engine_is_spoken_to_in_its_version() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = std::thread::spawn(move || {
        use std::io::{BufRead, BufReader, Write};
        let mut lines = Vec::new();
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut request = String::new();
            while !request.ends_with("\r\n\r\n") {
                reader.read_line(&mut request).unwrap();
            }
            lines.push(request);
            let body = if lines.len() == 1 { "" } else { "[]" };
            write!(stream, "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: {}\r\n\r\n{body}", body.len())
                .unwrap();
        }
        lines
    });
    let mut command = crate::engine::hull();
    command.env("DOCKER_HOST", "tcp://unused:1").env("HULL_HOST", &address).arg("images");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = server.join().unwrap();
    assert!(lines[0].starts_with("HEAD /_ping HTTP/1.1"), "{}", lines[0]);
    assert!(lines[1].starts_with("GET /v1.41/images/json HTTP/1.1"), "{}", lines[1]);
    assert!(lines[1].to_lowercase().contains(&format!("host: {address}")), "{}", lines[1]);
}

#[test]
fn logs_come_apart_into_two_streams() {
    use hull_api::stream::{StreamKind, encode};
    let engine = Engine::start(|request, connection| match request.path.as_str() {
        "/containers/web/json" => connection.json(200, json!({"Id": "1", "Config": {"Tty": false}})),
        _ => {
            connection.begin("application/vnd.docker.multiplexed-stream");
            let mut wire = Vec::new();
            encode(StreamKind::Stdout, b"one\n", &mut wire);
            encode(StreamKind::Stderr, b"two\n", &mut wire);
            connection.chunk(&wire);
            connection.end();
        }
    });
    let ran = engine.output(&["logs", "-t", "--tail", "5", "--since", "7", "web"]);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("one\n", "two\n"));
    assert_eq!(engine.asked()[1], "GET /containers/1/logs?stdout=1&stderr=1&timestamps=1&since=7&tail=5");
}
