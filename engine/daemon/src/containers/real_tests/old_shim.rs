//! A container whose shim speaks version 1 of the protocol, under this daemon.
//!
//! The shim is played by this test, from the written-down bytes of that version and without the crate that the daemon uses: it knows the frames
//! and steps that there were then, refuses every other, and answers as that shim did. See `engine/plan/tests/version_1.rs` for the bytes.

use super::super::boot;
use super::super::state::Run;
use super::*;
use crate::store::object::{self, Durability};
use hull_runtime::cgroup::{Cgroup, Hierarchies};
use oci_spec::runtime::LinuxResources;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Mutex;

const PID: u32 = 4242;
/// Tags of the steps of version 1.
const STEPS: &[(u8, u8)] = &[(1, 8), (20, 28), (40, 67)];

/// The shim of old.
struct OldShim {
    listener: UnixListener,
    seen: Arc<Mutex<Vec<u8>>>,
}

fn frame(kind: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    [&[kind, stream, 1, 0], &length[..], payload].concat()
}

fn exited(code: u8, signal: u8) -> Vec<u8> {
    let start = 1_700_000_000_000_000_000u64.to_le_bytes();
    frame(70, 0, &[&PID.to_le_bytes()[..], &[code, signal, 0], &start, &start].concat())
}

/// `None`: the daemon has closed the connection.
fn read(stream: &mut UnixStream) -> Option<(u8, Vec<u8>)> {
    let mut header = [0; 8];
    stream.read_exact(&mut header).ok()?;
    let [kind, 0, 1, 0, a, b, c, d] = header else { panic!("not a frame of version 1: {header:?}") };
    assert!((1..=9).contains(&kind), "version 1 knows no request {kind}");
    let mut payload = vec![0; u32::from_le_bytes([a, b, c, d]) as usize];
    stream.read_exact(&mut payload).unwrap();
    Some((kind, payload))
}

/// Takes a string with its length and NUL off a payload.
fn string(payload: &[u8]) -> (&str, &[u8]) {
    let (length, rest) = payload.split_first_chunk().unwrap();
    let (text, rest) = rest.split_at(u32::from_le_bytes(*length) as usize);
    (std::str::from_utf8(text).unwrap().strip_suffix('\0').unwrap(), rest)
}

/// Checks a plan as version 1 did, and gives its arguments.
fn arguments(plan: &[u8]) -> Vec<String> {
    assert_eq!(plan[..8], *b"HULL\x01\0\0\0", "a plan of version 1");
    let (mut rest, mut arguments) = (&plan[8..], Vec::new());
    while let Some((tag, after)) = rest.split_first() {
        assert!(STEPS.iter().any(|(from, to)| (from..=to).contains(&tag)), "version 1 knows no step {tag}");
        let (length, after) = after.split_first_chunk().unwrap();
        let (fields, after) = after.split_at(u32::from_le_bytes(*length) as usize);
        if *tag == 67 {
            arguments.push(string(fields).0.to_owned());
        }
        rest = after;
    }
    arguments
}

impl OldShim {
    /// Serves until it is sent a deadly signal.
    fn run(self) {
        let watchers = Arc::new(Mutex::new(Vec::new()));
        for stream in self.listener.incoming() {
            let mut stream = stream.unwrap();
            let Some((kind, payload)) = read(&mut stream) else { continue };
            self.seen.lock().unwrap().push(kind);
            match kind {
                // Subscribe: to the init it is told its pid and hears of the end; there is no exec that it knew.
                5 if string(&payload).0.is_empty() => {
                    stream.write_all(&frame(67, 0, &PID.to_le_bytes())).unwrap();
                    watchers.lock().unwrap().push(stream);
                }
                5 => stream.write_all(&frame(72, 0, &3u32.to_le_bytes())).unwrap(),
                // Exec
                2 => {
                    let (id, plan) = string(&payload);
                    assert_eq!(id.len(), 64);
                    let said = format!("{}\n", arguments(plan).join(" "));
                    let answers = [frame(65, 0, &77u32.to_le_bytes()), frame(69, 1, said.as_bytes()), exited(4, 0)];
                    stream.write_all(&answers.concat()).unwrap();
                }
                // Attach, without a log; what is typed is shown.
                3 => {
                    stream.write_all(&frame(68, 0, &[0; 16])).unwrap();
                    let seen = self.seen.clone();
                    let mut ours = stream.try_clone().unwrap();
                    std::thread::spawn(move || {
                        while let Some((kind, bytes)) = read(&mut ours) {
                            seen.lock().unwrap().push(kind);
                            if kind == 8 {
                                ours.write_all(&frame(69, 1, &bytes)).unwrap();
                            }
                        }
                    });
                    watchers.lock().unwrap().push(stream);
                }
                // Resize
                7 => stream.write_all(&frame(71, 0, b"")).unwrap(),
                // Signal
                6 => {
                    let (_, number) = string(&payload);
                    let number = u32::from_le_bytes(number.try_into().unwrap());
                    stream.write_all(&frame(71, 0, b"")).unwrap();
                    if number == 15 {
                        for mut watcher in watchers.lock().unwrap().drain(..) {
                            let _ = watcher.write_all(&exited(143, 15));
                        }
                        return;
                    }
                }
                other => panic!("nobody begins a connection with {other}"),
            }
        }
    }
}

/// Makes a container look as if an old daemon had started it, and plays its shim.
async fn under_an_old_shim(host: Host) -> (Host, String, Arc<Mutex<Vec<u8>>>, std::thread::JoinHandle<()>) {
    let id = host
        .create(&["cat"], |request| {
            "none".clone_into(&mut request.host_config.log_config.kind);
            request.config.open_stdin = true;
            request.config.tty = true;
        })
        .await;
    let container_id: crate::ids::ContainerId = id.clone().try_into().unwrap();
    let hierarchies = Hierarchies::detect().unwrap();
    let (_cgroup, _) = Cgroup::create(&hierarchies, host.paths.engine_id(), &id, &LinuxResources::default()).unwrap();
    std::fs::create_dir_all(host.paths.run(&container_id)).unwrap();
    let path = host.paths.container_json(&container_id);
    let mut container: Container = object::read(&path).unwrap().unwrap();
    container.state = State::Running(Run { pid: PID, started_at: Time::now(), oom_killed: false });
    boot::id().clone_into(&mut container.boot_id);
    object::write(&path, &container, Durability::Renamed).unwrap();
    let listener = UnixListener::bind(host.paths.control_socket(&container_id)).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let shim = OldShim { listener, seen: seen.clone() };
    let thread = std::thread::spawn(move || shim.run());
    (host.restart().await, id, seen, thread)
}

#[test]
fn a_container_of_an_old_daemon_is_served_to_its_end() {
    on_host(|host| async move {
        let (host, id, seen, shim) = under_an_old_shim(host).await;
        let state = host.service.inspect(&id, false).await.unwrap().state;
        assert_eq!((state.running, state.pid), (true, i64::from(PID)));

        let run = ["echo", "from", "a", "new", "daemon"];
        let (output, code) = streams::exec(&host, &id, &run).await;
        assert_eq!((output.as_str(), code), ("echo from a new daemon\n", 4));

        let options = AttachOptions { stream: true, stdin: true, stdout: true, stderr: true, logs: false };
        let mut attached = host.service.attach(&id, options).await.unwrap();
        attached.stdin.as_mut().unwrap().write(Bytes::from_static(b"typed")).await.unwrap();
        assert_eq!(attached.chunks.next().await.unwrap().unwrap().bytes, "typed");

        host.service.resize(&id, 24, 80).await.unwrap();
        host.service.kill(&id, Some("USR1")).await.unwrap();
        // Once more: what the daemon knows it has from the shim.
        let host = host.restart().await;
        let ended = host.service.wait(&id, WaitCondition::NotRunning).unwrap();
        host.service.stop(&id, StopOptions::default()).await.unwrap();
        assert_eq!(ended.await.status_code, 143);
        shim.join().unwrap();
        let mut seen = seen.lock().unwrap().clone();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [2, 3, 5, 6, 7, 8], "every request that a daemon makes of a running shim");
        drop(attached);
        host.remove(&id).await;
    });
}
