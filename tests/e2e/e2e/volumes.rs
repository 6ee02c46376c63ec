//! Bind mounts and named volumes.

use hull_test_support::Engine;
use std::fs;

#[test]
fn a_bind_mount_shows_the_hosts_files_and_read_only_holds() {
    let engine = Engine::start();
    engine.load("busybox");
    let folder = engine.folder().join("bound");
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join("file"), "from the host").expect("a file");
    let bind = format!("{}:/bound", folder.display());
    assert_eq!(engine.hull(["run", "--rm", "-v", &bind, "busybox", "cat", "/bound/file"]).ok(), "from the host");
    engine.hull(["run", "--rm", "-v", &bind, "busybox", "sh", "-c", "echo from inside > /bound/new"]).ok();
    assert_eq!(fs::read_to_string(folder.join("new")).expect("the new file"), "from inside\n");
    let read_only = format!("{bind}:ro");
    engine.hull(["run", "--rm", "-v", &read_only, "busybox", "touch", "/bound/x"]).fails(1, "Read-only file system");
}

#[test]
fn a_named_volume_outlives_its_containers() {
    let engine = Engine::start();
    engine.load("busybox");
    assert_eq!(engine.hull(["volume", "create", "data"]).ok(), "data");
    engine.hull(["run", "--rm", "-v", "data:/d", "busybox", "sh", "-c", "echo kept > /d/f"]).ok();
    assert_eq!(engine.hull(["run", "--rm", "-v", "data:/d", "busybox", "cat", "/d/f"]).ok(), "kept");
    assert_eq!(engine.hull(["volume", "ls", "-q"]).ok(), "data");
    let inspected = engine.hull(["volume", "inspect", "data"]).ok();
    assert!(inspected.contains("Mountpoint") && inspected.contains("_data"), "{inspected}");

    let id = engine.hull(["create", "-v", "data:/d", "busybox", "true"]).ok();
    engine.hull(["volume", "rm", "data"]).fails(1, "volume is in use");
    engine.hull(["rm", &id]).ok();
    engine.hull(["volume", "rm", "data"]).ok();
    assert_eq!(engine.hull(["volume", "ls", "-q"]).ok(), "");
}

#[test]
fn a_fresh_volume_gets_what_the_image_has_there() {
    let engine = Engine::start();
    engine.load("busybox");
    let listed = engine.hull(["run", "--rm", "-v", "etc:/etc", "busybox", "ls", "/etc"]).ok();
    assert!(listed.contains("passwd"), "{listed}");
    engine.hull(["run", "--rm", "-v", "etc:/etc", "busybox", "rm", "/etc/passwd"]).ok();
    let later = engine.hull(["run", "--rm", "-v", "etc:/etc", "busybox", "ls", "/etc"]).ok();
    assert!(!later.contains("passwd"), "a volume that is in use is not filled again: {later}");
}

#[test]
fn a_mount_target_that_is_a_symlink_stays_inside_the_container() {
    let engine = Engine::start();
    engine.load("busybox");
    // A volume whose content is the container's own choice, mounted at /v; then a mount on a link inside it.
    let escape = format!("/tmp/hull-escape-{}", std::process::id());
    let script = format!("ln -s ../../../../../../../..{escape} /v/link && ln -s {escape} /v/absolute");
    engine.hull(["run", "--rm", "-v", "trap:/v", "busybox", "sh", "-c", &script]).ok();
    for target in ["/v/link", "/v/absolute"] {
        let tmpfs = format!("{target}/deep");
        let seen = engine.hull([
            "run",
            "--rm",
            "-v",
            "trap:/v",
            "--tmpfs",
            &tmpfs,
            "busybox",
            "ls",
            "-d",
            &format!("{escape}/deep"),
        ]);
        assert_eq!(seen.ok(), format!("{escape}/deep"), "it resolves beneath the container's root");
        assert!(!std::path::Path::new(&escape).exists(), "nothing was made on the host");
    }
}
