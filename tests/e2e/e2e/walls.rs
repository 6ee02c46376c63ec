//! What a default container may not do, tried from inside it.

use hull_test_support::Engine;
use std::collections::BTreeMap;

fn guest(engine: &Engine, flags: &[&str], verb: &str) -> BTreeMap<String, String> {
    let [v, path] = engine.guest();
    let text = engine.hull([&["run", "--rm", &v, &path], flags, &["busybox", "/guest", verb]].concat()).ok();
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn a_default_container_stands_behind_every_wall() {
    let engine = Engine::start();
    engine.load("busybox");
    let tried = guest(&engine, &[], "walls");
    let expected = [
        ("mount", "EPERM"),
        ("unshare-user", "EPERM"),
        ("write-sysctl", "EROFS"),
        ("write-sys", "EROFS"),
        ("list-firmware", "ENODATA"),
        ("mknod", "ok"),
        ("open-mem", "EPERM"),
        ("open-null", "ok"),
    ];
    for (name, result) in expected {
        assert_eq!(tried.get(name).map(String::as_str), Some(result), "{name} among {tried:?}");
    }
    // Not every kernel has these; where they are, they are masked or read-only.
    for (name, result) in [("write-sysrq", "EROFS"), ("read-kcore", "ENODATA")] {
        assert!([result, "ENOENT"].contains(&tried[name].as_str()), "{name} among {tried:?}");
    }
}

#[test]
fn identity_capabilities_and_descriptors_are_dockers() {
    let engine = Engine::start();
    engine.load("busybox");
    let status = guest(&engine, &[], "status");
    // Docker's fourteen default capabilities.
    assert_eq!(status["CapEff"], "00000000a80425fb");
    assert_eq!(status["CapBnd"], "00000000a80425fb");
    assert_eq!(status["CapInh"], "0000000000000000");
    assert_eq!(status["Seccomp"], "2");
    assert_eq!(status["NoNewPrivs"], "0");
    assert_eq!(status["leaked"], "0", "no descriptor of the host leaks: {status:?}");
    assert_eq!(status["SigBlk"], "0000000000000000");
    assert_eq!(status["NSpid"], "1");

    let user = guest(&engine, &["--user", "1000:1001"], "status");
    assert_eq!((user["Uid"].as_str(), user["Gid"].as_str()), ("1000 1000 1000 1000", "1001 1001 1001 1001"));
    assert_eq!(user["CapEff"], "0000000000000000", "a user has no capabilities");

    let dropped = guest(&engine, &["--cap-drop", "ALL", "--cap-add", "NET_RAW"], "status");
    assert_eq!(dropped["CapEff"], "0000000000002000");
    let hardened = guest(&engine, &["--security-opt", "no-new-privileges"], "status");
    assert_eq!(hardened["NoNewPrivs"], "1");
}

#[test]
fn privileged_has_all_that_the_engine_has() {
    let engine = Engine::start();
    engine.load("busybox");
    let status = guest(&engine, &["--privileged"], "status");
    let own = std::fs::read_to_string("/proc/self/status").expect("status");
    let own = own.lines().find_map(|line| line.strip_prefix("CapBnd:")).unwrap_or_default().trim();
    assert_eq!(status["CapEff"], own, "the engine's own bounding set");
    assert_eq!(status["Seccomp"], "0");
}

#[test]
fn a_read_only_root_is_read_only() {
    let engine = Engine::start();
    engine.load("busybox");
    engine.hull(["run", "--rm", "--read-only", "busybox", "touch", "/x"]).fails(1, "Read-only file system");
    engine.hull(["run", "--rm", "--read-only", "--tmpfs", "/t", "busybox", "touch", "/t/x"]).ok();
    assert!(!engine.data_root().join("x").exists());
}
