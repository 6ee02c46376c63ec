//! What a container must survive: its daemon's death, slow and hostile clients, 200 MB of output.
//!
//! Times and memory are printed, not asserted: they depend on the host (`cargo test -- --nocapture` shows them).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use hull_plan::{ExitRecord, Frame, Step};
use hull_test_patience::patience;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{Came, Channel, Recipe, Scratch, Shim, eventually, log};

/// A container that goes on when `go` is opened for writing.
fn waiting(scratch: &Scratch) -> Vec<u8> {
    let fifo = scratch.path("lower/tmp/go");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let source = scratch.c_path("lower/tmp/go");
    Recipe::shim_side(scratch)
        .step(Step::Log { path: &scratch.c_path("log"), max_size: 0, max_files: 1 })
        .step(Step::Namespaces { flags: support::NAMESPACES })
        .root(scratch)
        .step(Step::Bind { source: &source, target: c"/tmp/go", flags: support::BIND, propagation: 0 })
        .step(Step::PivotRoot)
        .sh("echo before; read x < /tmp/go; echo after; exit 42")
        .bytes()
}

fn go(scratch: &Scratch) {
    std::fs::write(scratch.path("lower/tmp/go"), "x\n").unwrap();
}

fn record(scratch: &Scratch) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(scratch.path("exit.json")).unwrap()).unwrap()
}

#[test]
fn a_container_outlives_the_process_that_started_it() {
    let scratch = Scratch::new("outlives");
    let plan = waiting(&scratch);
    let (ours, theirs) = UnixStream::pair().unwrap();
    // Between this test and the shim there is a parent; like a daemon's, its death takes the start connection along.
    let mut parent = Command::new("sh")
        .args(["-c", "exec 3<&0; \"$0\" <&3 3<&- >/dev/null 2>&1 & exec 3<&- </dev/null; wait"])
        .arg(support::program())
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .spawn()
        .unwrap();
    let mut channel = Channel::new(ours);
    channel.send(&Frame::Start { plan: &plan });
    let pid = channel.started();
    parent.kill().unwrap();
    parent.wait().unwrap();
    drop(channel);
    for signal in ["TERM", "INT", "HUP", "PIPE"] {
        let shim = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let shim = shim.lines().find_map(|line| line.strip_prefix("PPid:\t")).unwrap().to_owned();
        assert!(Command::new("kill").args(["-s", signal, &shim]).status().unwrap().success());
    }

    // A new daemon comes: it finds the state, signals work, and it hears of the end.
    let mut again = Channel::connect(&scratch);
    assert_eq!(again.send(&Frame::Subscribe { target: c"" }).receive(), Came::State(pid));
    go(&scratch);
    let heard = again.exited();
    assert_eq!((heard.pid, heard.code), (pid, 42));
    assert_eq!(record(&scratch)["code"], 42);
    assert_eq!(log(&scratch, "stdout"), "before\nafter\n");
}

#[test]
fn an_exit_that_nobody_hears_is_on_disk() {
    let scratch = Scratch::new("unheard");
    let mut shim = Shim::start(&waiting(&scratch));
    shim.channel.started();
    shim.channel = Channel::new(UnixStream::pair().unwrap().0);
    go(&scratch);
    shim.ended();
    assert_eq!(record(&scratch)["code"], 42);
    assert!(!scratch.path("ctl").exists());
}

#[test]
fn two_hundred_megabytes_of_log_with_three_clients_one_of_them_stalled() {
    const LINE: &str = "0123456789 the quick brown fox jumps over the lazy dog, and the log grows line by line by li\n";
    let scratch = Scratch::new("bulk");
    let lines = 200_000_000 / LINE.len();
    scratch.file("data", LINE.repeat(lines));
    let mut shim = Shim::start(&{
        Recipe::shim_side(&scratch)
            .step(Step::Log { path: &scratch.c_path("log"), max_size: 0, max_files: 1 })
            .step(Step::Stdin { once: false })
            .step(Step::Namespaces { flags: support::NAMESPACES })
            .root(&scratch)
            .step(Step::PivotRoot)
            .sh("read go; cat /data; read stop")
            .bytes()
    });
    shim.channel.started();
    let mut clients: Vec<Channel> = (0..3).map(|_| Channel::connect(&scratch)).collect();
    for client in &mut clients {
        assert!(matches!(client.send(&Frame::Attach { stdin: true }).receive(), Came::Attached(..)));
    }
    // The stalled one keeps asking and never reads an answer.
    let stalled = clients.pop().unwrap();
    stalled.0.set_nonblocking(true).unwrap();
    let ask = Frame::Subscribe { target: c"" }.to_vec();
    while (&stalled.0).write(&ask).is_ok() {}

    let start = Instant::now();
    clients[0].send(&Frame::Stdin { bytes: b"go\n" });
    let size = lines as u64 * (LINE.len() as u64 + 70);
    eventually("all of it is in the log", || {
        (std::fs::metadata(scratch.path("log")).unwrap().len() >= size).then_some(())
    });
    let took = start.elapsed();
    let (user, system) = cpu_time(shim.process.id());
    println!(
        "200 MB in {lines} lines: {took:?} (shim {user} ms user, {system} ms system), log {} MB",
        size / 1_000_000
    );
    report_memory("after 200 MB", shim.process.id());
    clients[1].send(&Frame::Stdin { bytes: b"stop\n" });
    assert_eq!(clients[0].exited().code, 0);
    // With clients attached a line may be in two records, but no byte is lost or out of place. Read by hand: the only
    // escape is that of the newline, and two million records take a JSON parser long.
    let text = std::fs::read_to_string(scratch.path("log")).unwrap();
    let mut written = String::with_capacity(lines * LINE.len());
    for record in text.lines() {
        let content =
            record.strip_prefix("{\"log\":\"").and_then(|rest| rest.split_once("\",\"stream\":\"stdout\",")).unwrap().0;
        match content.strip_suffix("\\n") {
            Some(line) => written.extend([line, "\n"]),
            None => written.push_str(content),
        }
    }
    assert!(written == LINE.repeat(lines), "the log differs from what was written");
    drop(stalled);
    shim.ended();
}

#[test]
fn a_relay_waits_for_its_slowest_client_and_for_no_other_reason() {
    let scratch = Scratch::new("relay");
    let plan = Recipe::shim_side(&scratch)
        .step(Step::Stdin { once: false })
        .step(Step::AttachOnStart)
        .step(Step::Namespaces { flags: support::NAMESPACES })
        .root(&scratch)
        .step(Step::PivotRoot)
        .sh("read go; head -c 20000000 /dev/zero; echo end >&2")
        .bytes();
    let mut shim = Shim::start(&plan);
    shim.channel.started();
    let mut quick = Channel::connect(&scratch);
    assert_eq!(quick.send(&Frame::Attach { stdin: false }).receive(), Came::Attached(0, 0));
    let mut stalled = Channel::connect(&scratch);
    assert_eq!(stalled.send(&Frame::Attach { stdin: false }).receive(), Came::Attached(0, 0));
    shim.channel.send(&Frame::Stdin { bytes: b"go\n" });

    // Two readers take what comes; it stops when the third's socket is full.
    quick.0.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let mut got = 0;
    let mut header = [0; 8];
    use std::io::Read;
    let mut buffer = vec![0; 1 << 16];
    while quick.0.read_exact(&mut header).is_ok() {
        let length = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
        quick.0.read_exact(&mut buffer[..length]).unwrap();
        got += length;
        assert!(matches!(shim.channel.receive(), Came::Output(1, bytes) if bytes.len() == length));
    }
    assert!((1..20_000_000).contains(&got), "{got} bytes before the stalled client held them");
    // The loop itself is not held.
    let mut control = Channel::connect(&scratch);
    assert!(matches!(control.send(&Frame::Subscribe { target: c"" }).receive(), Came::State(_)));
    // It wakes up: everybody gets everything.
    quick.0.set_read_timeout(Some(patience(Duration::from_secs(20)))).unwrap();
    let reader = |mut channel: Channel| std::thread::spawn(move || channel.finish());
    let others = [reader(stalled), reader(quick)];
    let (out, err, record) = shim.channel.finish();
    assert_eq!((out.len() + got, err.as_str(), record.code), (20_000_000, "end\n", 0));
    let [(all, err, _), (rest, _, _)] = others.map(|thread| thread.join().unwrap());
    assert_eq!((all.len(), err.as_str(), rest.len() + got), (20_000_000, "end\n", 20_000_000));
    assert_eq!(control.exited().code, 0);
    shim.ended();
}

/// A client that does not read must not keep the daemon from hearing of the end.
#[test]
fn the_end_is_told_past_a_stalled_client_who_gets_his_output_later() {
    let scratch = Scratch::new("past");
    let plan = Recipe::shim_side(&scratch)
        .step(Step::Stdin { once: false })
        .step(Step::AttachOnStart)
        .step(Step::Namespaces { flags: support::NAMESPACES })
        .root(&scratch)
        .step(Step::PivotRoot)
        .sh("read go; head -c 5000000 /dev/zero")
        .bytes();
    let mut shim = Shim::start(&plan);
    let pid = shim.channel.started();
    let mut watch = Channel::connect(&scratch);
    assert_eq!(watch.send(&Frame::Subscribe { target: c"" }).receive(), Came::State(pid));
    shim.channel.send(&Frame::Stdin { bytes: b"go\n" });
    // The first output is there: the rest will fill the socket and then the pipe.
    let Came::Output(1, first) = shim.channel.receive() else { panic!("no output") };
    let mut control = Channel::connect(&scratch);
    assert_eq!(control.send(&Frame::Signal { target: c"", signal: 9 }).receive(), Came::Done);
    assert_eq!(watch.exited().signal, 9, "although the other has not read");
    assert_eq!(record(&scratch)["signal"], 9);
    assert!(!scratch.path("ctl").exists());
    let (rest, _, told) = shim.channel.finish();
    assert!(first.len() + rest.len() < 5_000_000);
    assert_eq!(told.signal, 9);
    shim.ended();
}

/// What a restarted daemon needs: the shim knows the execs by their ids, goes on with them, and keeps their ends.
#[test]
fn execs_outlive_the_process_that_started_them() {
    let scratch = Scratch::new("execs-outlive");
    let mut shim = Shim::start(&Recipe::container(&scratch).command(&["sleep", "1000"]).bytes());
    shim.channel.started();
    let exec = |id: &std::ffi::CStr, record: &str, script: &str| {
        let mut exec = Channel::connect(&scratch);
        let plan = Recipe::exec()
            .step(Step::ExitRecord { path: &scratch.c_path(record) })
            .step(Step::Stdin { once: true })
            .sh(script)
            .bytes();
        exec.send(&Frame::Exec { id, plan: &plan });
        exec.started()
        // Here the connection ends, as the daemon's do when it dies.
    };
    let script = "trap 'exit 5' TERM; while :; do echo on; sleep 0.01; done";
    let lives = exec(c"lives", "lives.json", script);
    let ends = exec(c"ends", "ends.json", "cat; exit 6");
    let kept = |name: &str| -> Option<serde_json::Value> {
        serde_json::from_slice(&std::fs::read(scratch.path(name)).ok()?).ok()
    };
    let ended = eventually("the end of input ends it", || kept("ends.json"));
    assert_eq!((ended["code"].as_u64(), ended["pid"].as_u64()), (Some(6), Some(u64::from(ends))));

    let mut again = Channel::connect(&scratch);
    assert_eq!(again.send(&Frame::Subscribe { target: c"lives" }).receive(), Came::State(lives));
    let mut other = Channel::connect(&scratch);
    assert_eq!(other.send(&Frame::Subscribe { target: c"ends" }).receive(), Came::Refused(3));
    assert_eq!(other.send(&Frame::Subscribe { target: c"never" }).receive(), Came::Refused(3));
    // Somebody may even look on again.
    let mut viewer = Channel::connect(&scratch);
    assert_eq!(viewer.send(&Frame::AttachExec { id: c"lives", stdin: false }).receive(), Came::Attached(0, 0));
    viewer.output_until("on");
    let mut control = Channel::connect(&scratch);
    assert_eq!(control.send(&Frame::Signal { target: c"lives", signal: 15 }).receive(), Came::Done);
    assert_eq!(again.exited().code, 5);
    assert_eq!(viewer.finish().2.code, 5);
    control.send(&Frame::Signal { target: c"", signal: 9 });
    shim.channel.exited();
    shim.ended();
}

#[test]
fn a_stalled_client_that_leaves_holds_nobody_any_longer() {
    let scratch = Scratch::new("leaves");
    let plan = Recipe::shim_side(&scratch)
        .step(Step::AttachOnStart)
        .step(Step::Namespaces { flags: support::NAMESPACES })
        .root(&scratch)
        .step(Step::PivotRoot)
        .sh("head -c 5000000 /dev/zero; exit 5")
        .bytes();
    let mut shim = Shim::start(&plan);
    shim.channel.started();
    let mut control = Channel::connect(&scratch);
    assert!(matches!(control.send(&Frame::Subscribe { target: c"" }).receive(), Came::State(_)));
    shim.channel = Channel::new(UnixStream::pair().unwrap().0);
    assert_eq!(control.exited().code, 5);
    shim.ended();
}

#[test]
fn hostile_connections_touch_nothing() {
    let scratch = Scratch::new("hostile");
    let mut shim = Shim::start(&waiting(&scratch));
    let pid = shim.channel.started();
    let mut held = Vec::new();
    let garbage: [&[u8]; 5] =
        [b"GET / HTTP/1.1\r\n\r\n", &[0xff; 64], &[2, 0, 1, 0, 0, 0, 64, 0], &[5, 0, 1, 0, 200, 0, 0, 0, 1], b"\x01"];
    for round in 0..1000 {
        let mut stream = UnixStream::connect(scratch.path("ctl")).unwrap();
        let _ = stream.write_all(garbage[round % garbage.len()]);
        // Half of them stay: whole tables full of them.
        if round % 2 == 0 {
            held.push(stream);
        }
    }
    held.clear();
    let state = eventually("room for a real client", || {
        let mut again = Channel::connect(&scratch);
        let _ = again.0.write_all(&Frame::Subscribe { target: c"" }.to_vec());
        match again.receive() {
            Came::End => None,
            other => Some(other),
        }
    });
    assert_eq!(state, Came::State(pid));
    go(&scratch);
    assert_eq!(shim.channel.exited().code, 42);
    shim.ended();
}

#[test]
fn figures() {
    let scratch = Scratch::new("figures");
    let mut shim = Shim::start(&Recipe::container(&scratch).command(&["sleep", "1000"]).bytes());
    shim.channel.started();
    report_memory("idle", shim.process.id());
    let mut times: Vec<Duration> = (0..100)
        .map(|_| {
            let start = Instant::now();
            let mut exec = Channel::connect(&scratch);
            exec.send(&Frame::Exec { id: c"e", plan: &Recipe::exec().command(&["true"]).bytes() });
            exec.started();
            assert_eq!(exec.finish().2.code, 0);
            start.elapsed()
        })
        .collect();
    times.sort();
    println!("exec true: median {:?}, best {:?}", times[50], times[0]);
    report_memory("after 100 execs", shim.process.id());
    let mut control = Channel::connect(&scratch);
    control.send(&Frame::Signal { target: c"", signal: 9 });
    shim.channel.exited();
    shim.ended();

    let mut times: Vec<Duration> = (0..50)
        .map(|round| {
            let scratch = Scratch::new(&format!("cycle-{round}"));
            let plan = Recipe::container(&scratch).command(&["true"]).bytes();
            let start = Instant::now();
            let ended: ExitRecord = Shim::run(&plan);
            assert_eq!(ended.code, 0);
            start.elapsed()
        })
        .collect();
    times.sort();
    println!("start, run true, end: median {:?}, best {:?}", times[25], times[0]);
}

/// Milliseconds in user and kernel mode so far.
fn cpu_time(pid: u32) -> (u64, u64) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |field: usize| fields[field].parse::<u64>().unwrap() * 10;
    (ticks(11), ticks(12))
}

/// Private memory once the shim has nothing to do, which must be well within what a container may cost at most (200 kB, with
/// the daemon's part). Clean pages are the program's own: all shims of an engine share them, this one is alone.
fn report_memory(when: &str, pid: u32) {
    let (clean, dirty) = support::eventually("at most 120 kB of memory of its own", || {
        let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
        let field = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
        };
        let private = (field("Private_Clean:"), field("Private_Dirty:"));
        (private.1 <= 120).then_some(private)
    });
    println!("private memory {when}: {} kB ({dirty} dirty, {clean} clean)", clean + dirty);
}
