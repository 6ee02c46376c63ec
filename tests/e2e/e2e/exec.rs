//! Execs as Docker's client asks for them, and as they outlive the daemon.

use hull_test_support::{Engine, Reply, eventually};
use serde_json::{Value, json};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// An engine with a container `up` that does nothing.
fn engine() -> Engine {
    let engine = Engine::start();
    engine.load("busybox");
    engine.hull(["run", "-d", "--name", "up", "-e", "A=1", "busybox", "sleep", "1000"]).ok();
    engine
}

fn post(engine: &Engine, path: &str, body: &Value) -> Reply {
    engine.api("POST", path, body)
}

/// Makes an exec; its id.
fn create(engine: &Engine, body: &Value) -> String {
    let reply = post(engine, "/containers/up/exec", body);
    assert_eq!(reply.status, 201, "{}", reply.message());
    reply.json()["Id"].as_str().unwrap_or_default().to_owned()
}

fn inspect(engine: &Engine, exec: &str) -> Value {
    engine.get(&format!("/exec/{exec}/json"))
}

/// Actions of containers since the engine began, with their exec ids and exit codes.
fn events(engine: &Engine) -> Vec<String> {
    let line = |event: &Value| {
        let attribute = |name: &str| event["Actor"]["Attributes"][name].as_str().unwrap_or_default().to_owned();
        let action = event["Action"].as_str().unwrap_or_default();
        format!("{action} {} {}", attribute("execID"), attribute("exitCode")).trim_end().to_owned()
    };
    engine.events().iter().filter(|event| event["Type"] == "container").map(line).collect()
}

#[test]
fn docker_exec_takes_user_directory_environment_stdin_and_gives_the_code() {
    if crate::docker_cli::absent() {
        return;
    }
    let engine = engine();
    let script = "echo $(id -u):$(id -g) $(pwd) $A $B";
    assert_eq!(engine.docker(["exec", "up", "sh", "-c", script]).ok(), "0:0 / 1");
    let own = engine.docker(["exec", "-u", "7:8", "-w", "/tmp", "-e", "A=2", "-e", "B=3", "up", "sh", "-c", script]);
    assert_eq!(own.ok(), "7:8 /tmp 2 3");
    engine
        .docker(["exec", "-u", "ghost", "up", "true"])
        .fails(126, "unable to find user ghost: no matching entries in passwd file");
    engine
        .docker(["exec", "-w", "/no/such", "up", "true"])
        .fails(127, "chdir to cwd (\"/no/such\") set in config.json failed: no such file or directory");
    engine.docker(["exec", "up", "sh", "-c", "exit 42"]).fails(42, "");
    engine.docker(["exec", "up", "nosuch"]).fails(127, "executable file not found in $PATH");
    let split = engine.docker(["exec", "up", "sh", "-c", "echo out; echo err >&2"]);
    assert_eq!((split.stdout.as_str(), split.stderr.as_str()), ("out\n", "err\n"));
    let capabilities =
        |args: &[&str]| engine.docker([args, &["up", "grep", "CapEff", "/proc/self/status"]].concat()).ok();
    assert_ne!(capabilities(&["exec"]), capabilities(&["exec", "--privileged"]));

    let mut piped = engine.docker_command();
    piped
        .args(["exec", "-i", "up", "wc", "-c"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped());
    let mut child = piped.spawn().expect("docker");
    std::io::Write::write_all(&mut child.stdin.take().expect("stdin"), &vec![b'x'; 300_000]).expect("input");
    let output = child.wait_with_output().expect("its end");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "300000\n", "its stdin ended with ours");

    assert_eq!(engine.docker(["exec", "-d", "up", "sh", "-c", "sleep 0.1; echo x > /made"]).ok(), "");
    eventually("a detached exec runs", PATIENCE, || {
        (engine.docker(["exec", "up", "cat", "/made"]).code == 0).then_some(())
    });
}

#[test]
fn docker_exec_on_a_terminal_has_its_size_and_follows_it() {
    if crate::docker_cli::absent() {
        return;
    }
    let engine = engine();
    let mut shell = engine.docker_terminal(["exec", "-it", "up", "sh"]);
    shell.shows("# ");
    shell.press("stty size; tty\n").shows("24 80");
    shell.shows("/dev/pts/");
    shell.resize(40, 100);
    eventually("the new size arrives", PATIENCE, || {
        shell.press("stty size\n");
        shell.shows("stty size\r\n");
        shell.shows("\r\n").starts_with("40 100").then_some(())
    });
    shell.press("exit 9\n");
    assert_eq!(shell.ends(), 9);
}

#[test]
fn detach_keys_leave_a_shell_that_lives_on() {
    if crate::docker_cli::absent() {
        return;
    }
    let engine = engine();
    for (flags, keys) in [(&["exec", "-it"][..], "\x10\x11"), (&["exec", "-it", "--detach-keys", "ctrl-a,d"], "\x01d")]
    {
        let mut shell = engine.docker_terminal([flags, &["up", "sh"]].concat());
        shell.shows("# ");
        shell.press("echo mark-$((40+2))\n").shows("mark-42");
        shell.press(keys);
        shell.shows("read escape sequence");
        shell.ends();
    }
    let ids = engine.inspect("up")["ExecIDs"].as_array().expect("execs").clone();
    assert_eq!(ids.len(), 2, "both shells run");
    eventually("their leaving is told", PATIENCE, || {
        (events(&engine).iter().filter(|event| event.starts_with("exec_detach ")).count() == 2).then_some(())
    });
    // Without the command line's own look-out: the daemon's.
    let body = json!({"Cmd": ["cat"], "Tty": true, "AttachStdin": true, "AttachStdout": true, "DetachKeys": "x,y"});
    let exec = create(&engine, &body);
    assert_eq!(inspect(&engine, &exec)["DetachKeys"], "eHk=", "their bytes");
    let (head, mut stream) =
        engine.upgrade("POST", &format!("/exec/{exec}/start"), "Upgrade: tcp\r\n", &json!({"Tty": true}));
    assert!(head.starts_with("HTTP/1.1 101 UPGRADED\r\n"), "{head}");
    // Nothing is shown any more once the sequence is complete, so the terminal's echo is awaited before.
    std::io::Write::write_all(&mut stream, b"axb").expect("keys");
    let mut echo = [0; 3];
    std::io::Read::read_exact(&mut stream, &mut echo).expect("the echo");
    assert_eq!(&echo, b"axb", "what is not the sequence is input");
    std::io::Write::write_all(&mut stream, b"xy").expect("keys");
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut stream, &mut rest).expect("the end");
    assert_eq!(rest, "", "the sequence is none");
    assert_eq!(inspect(&engine, &exec)["Running"], true);
    assert!(events(&engine).contains(&format!("exec_detach {exec}")));
}

#[test]
fn what_cannot_be_done_is_told_in_dockers_words() {
    let engine = engine();
    let says = |reply: Reply, status: u16, message: &str| {
        assert_eq!((reply.status, reply.message()), (status, message.to_owned()));
    };
    let id = engine.inspect("up")["Id"].as_str().expect("an id").to_owned();
    let run = json!({"Cmd": ["true"], "AttachStdout": true});
    says(post(&engine, "/containers/nosuch/exec", &run), 404, "No such container: nosuch");
    says(post(&engine, "/containers/up/exec", &json!({})), 400, "No exec command specified");
    let keys = json!({"Cmd": ["true"], "DetachKeys": "ctrl-nothing"});
    says(post(&engine, "/containers/up/exec", &keys), 400, "Invalid escape keys (ctrl-nothing) provided");
    says(post(&engine, "/exec/0123/start", &json!({})), 404, "No such exec instance: 0123");
    says(post(&engine, "/exec/0123/resize?h=1&w=1", &Value::Null), 404, "No such exec instance: 0123");
    says(engine.api("GET", "/exec/0123/json", &Value::Null), 404, "No such exec instance: 0123");
    let exec = create(&engine, &run);
    let start = format!("/exec/{exec}/start");
    let detached = post(&engine, &start, &json!({"Detach": true}));
    assert_eq!((detached.status, detached.body.as_slice()), (200, &b""[..]));
    let again = post(&engine, &start, &json!({"Detach": true}));
    assert_eq!(again.status, 409);
    assert!(again.message().starts_with(&format!("Error: Exec command {exec} ")), "{}", again.message());
    let missing = create(&engine, &json!({"Cmd": ["nosuch"]}));
    let failed = post(&engine, &format!("/exec/{missing}/start"), &json!({"Detach": true}));
    assert_eq!(failed.status, 400);
    assert!(failed.message().contains("executable file not found in $PATH"), "{}", failed.message());
    assert_eq!(inspect(&engine, &missing)["ExitCode"], 127);

    let made = create(&engine, &run);
    engine.hull(["pause", "up"]).ok();
    let paused = "is paused, unpause the container before exec";
    says(post(&engine, "/containers/up/exec", &run), 409, &format!("container up {paused}"));
    says(post(&engine, &format!("/exec/{made}/start"), &json!({})), 409, &format!("container {id} {paused}"));
    engine.hull(["unpause", "up"]).ok();
    engine.hull(["kill", "up"]).ok();
    let stopped = format!("container {id} is not running");
    says(post(&engine, "/containers/up/exec", &run), 409, &stopped);
    says(post(&engine, &format!("/exec/{made}/start"), &json!({})), 409, &stopped);
    engine.hull(["rm", "up"]).ok();
    says(
        engine.api("GET", &format!("/exec/{made}/json"), &Value::Null),
        404,
        &format!("No such exec instance: {made}"),
    );
}

#[test]
fn the_starts_tty_decides_over_frames() {
    let engine = engine();
    let run = |create_tty: bool, start_tty: bool| {
        let exec = create(&engine, &json!({"Cmd": ["printf", "out"], "AttachStdout": true, "Tty": create_tty}));
        post(&engine, &format!("/exec/{exec}/start"), &json!({"Tty": start_tty})).body
    };
    let framed = b"\x01\0\0\0\0\0\0\x03out";
    assert_eq!(run(false, false), framed);
    assert_eq!(run(true, false), framed);
    assert_eq!(run(true, true), b"out");
}

#[test]
fn execs_outlive_a_killed_daemon() {
    let mut engine = engine();
    let script = |code: u32| format!("while [ ! -e /go-{code} ]; do sleep 0.02; done; exit {code}");
    let start = |engine: &Engine, code: u32| {
        let exec = create(engine, &json!({"Cmd": ["sh", "-c", script(code)], "Env": ["X=y"], "User": "0"}));
        assert_eq!(post(engine, &format!("/exec/{exec}/start"), &json!({"Detach": true})).status, 200);
        exec
    };
    let (lives, unseen) = (start(&engine, 5), start(&engine, 6));
    let (before_lives, before_unseen) = (inspect(&engine, &lives), inspect(&engine, &unseen));
    let not_started = create(&engine, &json!({"Cmd": ["echo", "late"], "AttachStdout": true}));

    engine.kill();
    // One of them ends while nobody looks: its container's file system is that of its process.
    let root = format!("/proc/{}/root", before_unseen["Pid"]);
    std::fs::write(format!("{root}/go-6"), "").expect("a file in the container");
    let process = format!("/proc/{}", before_unseen["Pid"]);
    eventually("it has ended", PATIENCE, || (!std::path::Path::new(&process).exists()).then_some(()));
    engine.spawn();

    assert_eq!(inspect(&engine, &lives), before_lives, "as if nothing had happened");
    let after = inspect(&engine, &unseen);
    assert_eq!(
        (&after["Running"], &after["ExitCode"], &after["Pid"]),
        (&json!(false), &json!(6), &before_unseen["Pid"])
    );
    assert_eq!(events(&engine), [format!("exec_die {unseen} 6")]);
    let mut ids = [lives.clone(), not_started.clone()];
    ids.sort();
    assert_eq!(engine.inspect("up")["ExecIDs"], json!(ids));
    let late = post(&engine, &format!("/exec/{not_started}/start"), &json!({}));
    assert_eq!(late.body, b"\x01\0\0\0\0\0\0\x05late\n");
    engine.hull(["exec", "up", "touch", "/go-5"]).ok();
    eventually("the other ends", PATIENCE, || (inspect(&engine, &lives)["ExitCode"] == 5).then_some(()));
    assert!(events(&engine).contains(&format!("exec_die {lives} 5")));
}
