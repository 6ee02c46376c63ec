//! What a dead daemon, or somebody else, left under the engine's names is gone after the next start.

use hull_test_support::{Engine, eventually};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

const STRANGER: &str = "00000000000000000000000000000000000000000000000000000000000000ff";

/// The engine's directories in each hierarchy that has them.
fn hierarchies(engine_id: &str) -> Vec<PathBuf> {
    let mut roots = vec![PathBuf::from("/sys/fs/cgroup")];
    roots.extend(fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|entry| entry.path()));
    let own = roots.into_iter().map(|root| root.join(format!("hull-{engine_id}")));
    own.filter(|directory| directory.is_dir()).collect()
}

/// Mounts that a failed test does not leave behind either.
#[derive(Default)]
struct Mounts(Vec<PathBuf>);

impl Drop for Mounts {
    fn drop(&mut self) {
        for point in &self.0 {
            umount2(point, MntFlags::MNT_DETACH).ok();
        }
    }
}

fn sleeper() -> Child {
    Command::new("sleep").arg("1000").spawn().expect("sleep")
}

#[test]
fn planted_orphans_are_found_and_removed_and_the_living_stay() {
    let mut engine = Engine::start();
    engine.load("busybox");
    engine.hull(["run", "--rm", "busybox", "true"]).ok();
    let before = engine.leftovers();
    engine.hull(["run", "-d", "--name", "lives", "busybox", "sleep", "1000"]).ok();
    let engine_id = engine.engine_id();
    engine.kill();

    // A container's cgroup in every hierarchy, with a nested one, and a process in it.
    let mut process = sleeper();
    let mut cgroups = Vec::new();
    for directory in hierarchies(&engine_id) {
        let cgroup = directory.join(STRANGER);
        fs::create_dir_all(cgroup.join("nested")).expect("a cgroup");
        // A cpuset that was not set up takes no process; the others do.
        let moved = fs::write(cgroup.join("cgroup.procs"), process.id().to_string());
        assert!(moved.is_ok() || cgroup.join("cpuset.cpus").exists(), "{}: {moved:?}", cgroup.display());
        cgroups.push(cgroup);
    }
    assert!(!cgroups.is_empty());
    // A container without a description, a run directory, trash; in each something is mounted that must not be deleted.
    let precious = engine.folder().join("precious");
    fs::create_dir(&precious).expect("a folder");
    fs::write(precious.join("file"), "still here").expect("a file");
    let places = [
        engine.data_root().join("containers").join(STRANGER),
        engine.exec_root().join("c").join(&STRANGER[..12]),
        engine.data_root().join("trash").join("old"),
        engine.data_root().join("staging").join("half"),
    ];
    let mut mounts = Mounts::default();
    for place in &places {
        let point = place.join("with blank").join("mounted");
        fs::create_dir_all(&point).expect("a folder");
        mount(Some(&precious), &point, None::<&str>, MsFlags::MS_BIND, None::<&str>).expect("a mount");
        mounts.0.push(point);
    }
    // A link under the engine's name.
    let link = format!("hl{engine_id}abcde");
    engine.netns().ip(&["link", "add", &link, "type", "veth", "peer", "name", "orphanpeer"]);

    engine.spawn();
    eventually("the planted process is killed", Duration::from_secs(20), || process.try_wait().expect("wait"));
    eventually("all is as it was", Duration::from_secs(30), || {
        let there = places.iter().chain(&cgroups).any(|path| path.exists());
        let linked = engine.netns().ip(&["-o", "link", "show"]).contains(&link);
        (!there && !linked).then_some(())
    });
    assert_eq!(fs::read_to_string(precious.join("file")).expect("the file"), "still here");
    assert_eq!(engine.hull(["exec", "lives", "echo", "well"]).ok(), "well");
    engine.hull(["rm", "-f", "lives"]).ok();
    // The pool of networks fills in its own time.
    eventually("nothing is left", Duration::from_secs(30), || (engine.leftovers() == before).then_some(()));
}
