//! Images in and out.

use serde_json::json;

use crate::engine::Engine;

#[test]
fn load_sends_the_file_and_tells_what_came_of_it() {
    let engine = Engine::start(|_, connection| {
        connection.begin("application/json");
        connection.chunk(b"{\"stream\":\"Loaded image: a:1\\n\"}\r\n{\"stream\":\"Loaded image: b:2\\n\"}");
        connection.end();
    });
    let tar = engine.dir().join("x.tar");
    let content: Vec<u8> = (0..300_000u32).map(|n| n as u8).collect();
    std::fs::write(&tar, &content).unwrap();
    let ran = engine.output(&["load", "-i", tar.to_str().unwrap()]);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "Loaded image: a:1\nLoaded image: b:2\n", ""));
    let request = engine.request(0);
    assert_eq!(request.line(), "POST /images/load?quiet=1");
    assert_eq!(request.header("Content-Type"), Some("application/x-tar"));
    assert_eq!(request.body, content);
}

#[test]
fn an_error_within_the_stream_is_an_error() {
    let engine = Engine::start(|_, connection| {
        connection.begin("application/json");
        connection.chunk(br#"{"errorDetail":{"message":"not a tar"},"error":"not a tar"}"#);
        connection.end();
    });
    let tar = engine.dir().join("x.tar");
    std::fs::write(&tar, b"x").unwrap();
    let ran = engine.output(&["load", "-i", tar.to_str().unwrap()]);
    assert_eq!((ran.code, ran.err.as_str()), (1, "not a tar\n"));
    let ran = engine.output(&["load", "-i", "/nosuch.tar"]);
    assert_eq!((ran.code, ran.err.as_str()), (1, "open /nosuch.tar: no such file or directory\n"));
}

#[test]
fn save_writes_all_or_nothing() {
    let engine = Engine::start(|request, connection| {
        if request.query == "names=good&names=a%2Fb%3A1" {
            return connection.answer(200, "application/x-tar", b"archive");
        }
        // Breaks off within the body.
        connection.begin("application/x-tar");
        connection.chunk(b"half");
    });
    let path = engine.dir().join("out.tar");
    let ran = engine.output(&["save", "-o", path.to_str().unwrap(), "good", "a/b:1"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(std::fs::read(&path).unwrap(), b"archive");
    let broken = engine.dir().join("broken.tar");
    assert_eq!(engine.output(&["save", "-o", broken.to_str().unwrap(), "bad"]).code, 1);
    let left: Vec<_> = std::fs::read_dir(engine.dir()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("broken")), "{left:?}");
}

#[test]
fn rmi_says_what_went() {
    let engine = Engine::start(|request, connection| match request.path.as_str() {
        "/images/a/b:1" => connection.json(200, json!([{"Untagged": "a/b:1"}, {"Deleted": "sha256:1"}])),
        _ => connection.json(404, json!({"message": "No such image: x:latest"})),
    });
    let ran = engine.output(&["rmi", "a/b:1", "x"]);
    assert_eq!(ran.out, "Untagged: a/b:1\nDeleted: sha256:1\n");
    assert_eq!((ran.code, ran.err.as_str()), (1, "Error response from daemon: No such image: x:latest\n"));
    assert_eq!(engine.output(&["rmi", "-f", "x"]).code, 0);
}
