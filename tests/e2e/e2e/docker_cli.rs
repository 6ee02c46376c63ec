//! Docker's own client, as a judge.

use hull_test_support::{Engine, eventually, provided};
use std::time::Duration;

/// Docker's client is no Debian package that could be installed beside another Docker: where it is absent, it cannot judge.
pub(crate) fn absent() -> bool {
    let absent = std::process::Command::new("docker").arg("--version").output().is_err();
    if absent {
        eprintln!("skipped: no docker client on this host");
    }
    absent
}

#[test]
fn the_everyday_commands_work() {
    if absent() {
        return;
    }
    let engine = Engine::start();
    let tar = provided("HULL_IMAGES").join("busybox.tar");
    let loaded = engine.docker(["load", "-i", &tar.display().to_string()]).ok();
    assert!(loaded.contains("Loaded image: busybox:latest"), "{loaded}");
    assert!(engine.docker(["version"]).ok().contains("API version"));
    assert!(engine.docker(["info"]).ok().contains("Storage Driver: overlay2"));
    assert!(engine.docker(["images"]).ok().contains("busybox"));

    let outcome = engine.docker(["run", "--name", "c1", "busybox", "sh", "-c", "echo out; echo err >&2; exit 3"]);
    assert_eq!((outcome.code, outcome.stdout.as_str(), outcome.stderr.as_str()), (3, "out\n", "err\n"));
    assert_eq!(engine.docker(["logs", "c1"]).ok(), "out");
    assert_eq!(engine.docker(["inspect", "-f", "{{.State.ExitCode}} {{.State.Status}}", "c1"]).ok(), "3 exited");
    engine.docker(["run", "--rm", "busybox", "nosuch"]).fails(127, "executable file not found in $PATH");

    engine.docker(["run", "-d", "--name", "c2", "--cpus", ".5", "--memory", "100m", "busybox", "sleep", "1000"]).ok();
    assert!(engine.docker(["ps"]).ok().contains("c2"));
    assert_eq!(engine.docker(["exec", "c2", "echo", "hi"]).ok(), "hi");
    engine.docker(["exec", "c2", "sh", "-c", "exit 4"]).fails(4, "");
    assert!(engine.docker(["top", "c2"]).ok().contains("sleep 1000"));
    let stats = engine.docker(["stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", "c2"]).ok();
    assert!(stats.starts_with("c2 ") && stats.ends_with("100MiB"), "{stats}");
    engine.docker(["kill", "c2"]).ok();
    assert_eq!(engine.docker(["wait", "c2"]).ok(), "137");
    engine.docker(["start", "c2"]).ok();
    engine.docker(["stop", "-t", "0", "c2"]).ok();
    engine.docker(["rm", "c1", "c2"]).ok();
    assert_eq!(engine.docker(["ps", "-aq"]).ok(), "");

    engine.docker(["volume", "create", "vol"]).ok();
    assert_eq!(engine.docker(["volume", "ls", "-q"]).ok(), "vol");
    assert!(engine.docker(["network", "ls"]).ok().contains("bridge"));
}

#[test]
fn a_tree_is_imported_and_runs() {
    if absent() {
        return;
    }
    let engine = Engine::start();
    let folder = engine.folder().join("tree");
    std::fs::create_dir_all(folder.join("bin")).expect("a folder");
    std::fs::copy(provided("HULL_GUEST"), folder.join("bin/guest")).expect("the guest");
    let tar = engine.folder().join("tree.tar");
    let packed =
        std::process::Command::new("tar").arg("-C").arg(&folder).arg("-cf").arg(&tar).arg(".").status().expect("tar");
    assert!(packed.success());
    let id = engine
        .docker(["import", "--change", "CMD [\"/bin/guest\", \"status\"]", &tar.display().to_string(), "tree:1"])
        .ok();
    assert!(id.starts_with("sha256:"), "{id}");
    assert!(engine.docker(["run", "--rm", "tree:1"]).ok().contains("NSpid 1"));
}

#[test]
fn follow_and_remove_end_as_they_should() {
    if absent() {
        return;
    }
    let engine = Engine::start();
    engine.load("busybox");
    engine
        .docker(["run", "-d", "--name", "tick", "busybox", "sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.1; done"])
        .ok();
    assert_eq!(engine.docker(["logs", "-f", "tick"]).ok(), "1\n2\n3");
    engine.docker(["run", "-d", "--rm", "--name", "gone", "busybox", "true"]).ok();
    eventually("--rm removes it", Duration::from_secs(5), || {
        (engine.docker(["inspect", "gone"]).code != 0).then_some(())
    });
}
