//! Signals of the program, which are meant for the container.

use std::process::Stdio;
use std::sync::Mutex;
use std::sync::mpsc;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::engine::Engine;

/// An engine whose container runs until it gets a signal; tells when the wait has begun.
fn engine(started: mpsc::Sender<()>) -> Engine {
    let (kill, killed) = mpsc::channel::<()>();
    let (kill, killed, started) = (Mutex::new(kill), Mutex::new(killed), Mutex::new(started));
    Engine::start(move |request, connection| match request.path.rsplit('/').next().unwrap() {
        "create" => connection.json(201, json!({"Id": "c1"})),
        "attach" => {
            let stream = connection.upgrade(true);
            killed.lock().unwrap().recv().unwrap();
            stream.shutdown(std::net::Shutdown::Both).unwrap();
        }
        "wait" => {
            connection.begin("application/json");
            connection.chunk(b"{\"StatusCode\":143}");
            connection.end();
        }
        "start" => {
            connection.empty(204);
            started.lock().unwrap().send(()).unwrap();
        }
        "kill" => {
            connection.empty(204);
            kill.lock().unwrap().send(()).unwrap();
        }
        other => panic!("unexpected {other}"),
    })
}

/// The program has its handlers in place once it catches the signal.
fn eventually_catches(pid: u32, signal: u32) {
    for _ in 0..2000 {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:\t")).unwrap();
        if u64::from_str_radix(mask, 16).unwrap() & (1 << (signal - 1)) != 0 {
            return;
        }
        std::thread::yield_now();
        std::thread::park_timeout(std::time::Duration::from_millis(5));
    }
    panic!("no handler for signal {signal}");
}

#[test]
fn a_signal_goes_to_the_container_whose_code_is_the_end() {
    let (sender, started) = mpsc::channel();
    let engine = engine(sender);
    let child = engine.hull(&["run", "img"]).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    started.recv().unwrap();
    eventually_catches(child.id(), 15);
    kill_process(Pid::from_raw(child.id() as i32).unwrap(), Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(engine.asked().last().unwrap(), "POST /containers/c1/kill?signal=TERM");
}

#[test]
fn without_the_proxy_the_program_ends_and_the_container_stays() {
    let (sender, started) = mpsc::channel();
    let engine = engine(sender);
    let child = engine.hull(&["run", "--sig-proxy=false", "img"]).stdin(Stdio::null()).spawn().unwrap();
    started.recv().unwrap();
    eventually_catches(child.id(), 15);
    kill_process(Pid::from_raw(child.id() as i32).unwrap(), Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143));
    assert!(!engine.asked().iter().any(|line| line.contains("kill")));
}
