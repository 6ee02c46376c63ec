//! When things go wrong: texts, codes, and silence where silence is due.

use std::process::Stdio;

use serde_json::json;

use crate::engine::{Engine, Ran, hull};

#[test]
fn an_engine_that_is_not_there() {
    let ran = Ran::from(hull().args(["-H", "unix:///nosuch.sock", "ps"]).output().unwrap());
    assert_eq!(
        ran,
        Ran {
            code: 1,
            out: String::new(),
            err: "Cannot connect to the Hull daemon at unix:///nosuch.sock. Is hulld running?\n".into()
        }
    );
    let ran = Ran::from(hull().args(["-H", "unix:///nosuch.sock", "run", "x"]).output().unwrap());
    assert_eq!(ran.code, 125);
    assert_eq!(
        ran.err,
        "hull: Cannot connect to the Hull daemon at unix:///nosuch.sock. Is hulld running?\n\nRun 'hull run --help' for more information\n"
    );
    let ran = Ran::from(hull().args(["-H", "unix:///nosuch.sock", "version"]).output().unwrap());
    assert_eq!(ran.code, 1);
    assert!(ran.out.starts_with("Client: Hull\n"), "this side's version is known all the same: {}", ran.out);
}

#[test]
fn several_objects_are_each_tried() {
    let engine = Engine::start(|request, connection| match request.path.as_str() {
        "/containers/bad/stop" => connection.json(404, json!({"message": "No such container: bad"})),
        _ => connection.empty(204),
    });
    let ran = engine.output(&["stop", "-t", "3", "a", "bad", "b"]);
    assert_eq!(
        ran,
        Ran { code: 1, out: "a\nb\n".into(), err: "Error response from daemon: No such container: bad\n".into() }
    );
    assert_eq!(engine.asked()[0], "POST /containers/a/stop?t=3");
}

#[test]
fn a_reader_that_has_read_enough_is_no_error() {
    let engine = Engine::start(|_, connection| connection.json(200, json!([])));
    let mut child = engine.hull(&["ps"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(141), b"".as_slice()));
}

#[test]
fn answers_that_are_no_json_are_an_error_and_no_crash() {
    let engine = Engine::start(|_, connection| connection.answer(200, "text/html", b"<html>"));
    let ran = engine.output(&["ps"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.starts_with("error reading the answer of GET /containers/json: "), "{}", ran.err);
    let engine = Engine::start(|_, connection| connection.answer(500, "text/plain", b"out of order\n"));
    assert_eq!(engine.output(&["ps"]).err, "Error response from daemon: out of order\n");
}

#[test]
fn a_terminal_for_the_process_needs_one_here() {
    let engine = Engine::start(|_, connection| connection.empty(500));
    let ran = engine.output(&["run", "-it", "img"]);
    assert_eq!((ran.code, ran.err.as_str()), (1, "the input device is not a TTY\n"));
    assert!(engine.asked().is_empty(), "nothing was created");
}

#[test]
fn mnt_host_has_no_files_of_its_own() {
    let engine = Engine::start(|_, connection| connection.empty(500));
    for (flag, value) in [("-v", "/a:/b"), ("--tmpfs", "/t"), ("--mount", "type=bind,src=/a,dst=/b")] {
        let ran = engine.output(&["run", "--mnt=host", flag, value, "img"]);
        assert_eq!(ran.code, 125);
        assert!(ran.err.starts_with("hull: with --mnt=host the container sees the host's files: "), "{}", ran.err);
    }
    assert_eq!(engine.output(&["run", "--mnt=host", "--read-only", "img"]).code, 125);
    assert!(engine.asked().is_empty());
}
