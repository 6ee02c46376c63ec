//! Device rules: which nodes a container can open, seen from inside. Docker's rules let it make any node, so that a node
//! is no more than a name.

use hull_test_support::{Engine, eventually};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// Makes a node and opens it; says how that ended. `$1` kind, `$2` major, `$3` minor, `$4` r or w.
const TRY: &str = r#"attempt() {
    rm -f /node$$; mknod /node$$ $1 $2 $3 || { echo "no node"; return; }
    if [ $4 = r ]; then said=$( { : </node$$; } 2>&1 ); else said=$( { : >>/node$$; } 2>&1 ); fi
    case $? in 0) echo opened ;; *) case $said in *"not permitted") echo refused ;; *) echo "$said" ;; esac ;; esac
}
"#;

/// What came of several attempts.
fn attempts(engine: &Engine, flags: &[&str], attempts: &[&str]) -> Vec<String> {
    let lines: Vec<String> = attempts.iter().map(|what| format!("attempt {what}")).collect();
    let script = format!("{TRY}{}", lines.join("\n"));
    let said = engine.hull([&["run", "--rm"], flags, &["busybox", "sh", "-c", &script]].concat()).ok();
    said.lines().map(str::to_owned).collect()
}

/// Numbers of the disk that the engine's files are on: a real one, which a container must never open.
fn disk(engine: &Engine) -> String {
    use std::os::unix::fs::MetadataExt;
    let device = fs::metadata(engine.folder()).expect("a folder").dev();
    format!("{} {}", nix::sys::stat::major(device), nix::sys::stat::minor(device))
}

#[test]
fn dockers_rules_are_the_default() {
    let engine = Engine::start();
    engine.load("busybox");
    // null, zero, full, random, urandom: of their numbers, not of their names.
    let open = ["c 1 3 r", "c 1 3 w", "c 1 5 r", "c 1 7 w", "c 1 8 r", "c 1 9 r"];
    assert_eq!(attempts(&engine, &[], &open), ["opened"; 6]);
    // mem, port, kmsg, the console's screen, misc's uinput, tun, fuse, loop, the host's disk.
    let disk = disk(&engine);
    let (read, write) = (format!("b {disk} r"), format!("b {disk} w"));
    let closed = [
        "c 1 1 r",
        "c 1 4 r",
        "c 1 11 r",
        "c 4 1 w",
        "c 10 223 w",
        "c 10 200 r",
        "c 10 229 r",
        "b 7 0 r",
        &read,
        &write,
    ];
    assert_eq!(attempts(&engine, &[], &closed), ["refused"; 10]);
}

#[test]
fn a_rule_opens_what_it_names_and_no_more() {
    let engine = Engine::start();
    engine.load("busybox");
    // Whoever may open it can write to the kernel's log without a capability; nothing is written.
    let rule = ["--device-cgroup-rule", "c 1:11 w"];
    assert_eq!(attempts(&engine, &rule, &["c 1 11 w", "c 1 11 r", "c 1 1 r"]), ["opened", "refused", "refused"]);
    let rules = ["--device-cgroup-rule", "c *:11 w", "--device-cgroup-rule", "b 1:* rw"];
    assert_eq!(attempts(&engine, &rules, &["c 1 11 w", "c 1 3 r", "c 1 1 r"]), ["opened", "opened", "refused"]);
    assert_eq!(attempts(&engine, &["--privileged"], &["c 1 11 w", "c 1 3 r"]), ["opened", "opened"]);
    // A device of the host's is its rule and its node.
    let script = "(: >>/dev/log-of-kernel) && echo written; (: </dev/log-of-kernel) 2>/dev/null || echo unread";
    let device = ["run", "--rm", "--device", "/dev/kmsg:/dev/log-of-kernel:w", "busybox", "sh", "-c", script];
    assert_eq!(engine.hull(device).ok(), "written\nunread");
}

#[test]
fn device_rules_hold_while_the_daemon_is_dead() {
    let mut engine = Engine::start();
    engine.load("busybox");
    let script = format!("{TRY} while :; do attempt c 1 11 r; attempt c 1 3 r; sleep 0.1; done");
    engine.hull(["run", "-d", "--name", "prober", "busybox", "sh", "-c", &script]).ok();
    let log = PathBuf::from(engine.inspect("prober")["LogPath"].as_str().expect("a log"));
    let tried = || fs::read_to_string(&log).expect("the log").lines().count();
    let until =
        |count: usize| eventually("it goes on trying", Duration::from_secs(20), || (tried() > count).then_some(()));
    until(4);
    engine.kill();
    until(tried() + 10);
    engine.spawn();
    until(tried() + 4);
    let said = engine.hull(["logs", "prober"]).ok();
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines.len() > 18, "{said}");
    assert!(lines.chunks_exact(2).all(|pair| pair == ["refused", "opened"]), "{said}");
    let exec = engine.hull(["exec", "prober", "sh", "-c", &format!("{TRY} attempt c 1 11 r")]).ok();
    assert_eq!(exec, "refused", "also for what comes later");
}
