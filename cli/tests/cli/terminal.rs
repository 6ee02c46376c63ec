//! A real pseudo-terminal in front of the program.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::mpsc;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use serde_json::json;

use crate::engine::Engine;

/// Both ends.
fn terminal() -> (File, File) {
    let master: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let slave = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    tcsetwinsize(&slave, Winsize { ws_row: 33, ws_col: 111, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    (File::from(master), slave)
}

fn is_raw(slave: &File) -> bool {
    !tcgetattr(slave).unwrap().local_modes.contains(LocalModes::ICANON)
}

#[test]
fn the_terminal_is_raw_while_attached_sized_detached_by_keys_and_restored() {
    let (typed, container_reads) = mpsc::channel::<u8>();
    let typed = Mutex::new(typed);
    let (resized, sizes) = mpsc::channel::<()>();
    let resized = Mutex::new(resized);
    let engine = Engine::start(move |request, connection| match request.path.rsplit('/').next().unwrap() {
        "create" => connection.json(201, json!({"Id": "c1"})),
        "attach" => {
            let mut stream = connection.upgrade(false);
            stream.write_all(b"prompt# ").unwrap();
            let mut byte = [0];
            while stream.read(&mut byte).unwrap_or(0) == 1 {
                typed.lock().unwrap().send(byte[0]).unwrap();
            }
        }
        "wait" => connection.begin("application/json"),
        last => {
            if last.starts_with("resize") {
                resized.lock().unwrap().send(()).unwrap();
            }
            connection.empty(204);
        }
    });
    let (mut master, slave) = terminal();
    let mut child = engine
        .hull(&["run", "-it", "img"])
        .stdin(Stdio::from(slave.try_clone().unwrap()))
        .stdout(Stdio::from(slave.try_clone().unwrap()))
        .stderr(Stdio::from(slave.try_clone().unwrap()))
        .spawn()
        .unwrap();
    let mut prompt = [0; 8];
    master.read_exact(&mut prompt).unwrap();
    assert_eq!(&prompt, b"prompt# ");
    assert!(is_raw(&slave));
    // A control character is a byte like any other here.
    master.write_all(b"\x03l").unwrap();
    assert_eq!([container_reads.recv().unwrap(), container_reads.recv().unwrap()], [3, b'l']);
    let create = engine.request(0).json();
    assert_eq!(create["HostConfig"]["ConsoleSize"], json!([33, 111]));
    // Whoever leaves earlier has no use for a size.
    sizes.recv().unwrap();
    master.write_all(b"\x10\x11").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(!is_raw(&slave), "restored");
    assert!(container_reads.try_recv().is_err(), "the keys stay on this side");
    assert!(engine.asked().contains(&"POST /containers/c1/resize?h=33&w=111".to_owned()), "{:?}", engine.asked());
}

#[test]
fn an_error_restores_the_terminal() {
    let engine = Engine::start(|request, connection| match request.path.rsplit('/').next().unwrap() {
        "create" => connection.json(201, json!({"Id": "c1"})),
        "attach" => drop(connection.upgrade(false)),
        "wait" => connection.begin("application/json"),
        _ => connection.json(400, json!({"message": "executable file not found in $PATH"})),
    });
    let (master, slave) = terminal();
    let mut child = engine
        .hull(&["run", "-it", "img"])
        .stdin(Stdio::from(slave.try_clone().unwrap()))
        .stdout(Stdio::from(slave.try_clone().unwrap()))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(127));
    assert!(!is_raw(&slave));
    drop(master);
}
