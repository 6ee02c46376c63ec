//! `--cgroup-parent` on pure cgroup v2: below a cgroup that has limits of its own, containers share these.

use hull_test_support::{Engine, eventually, pause};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A cgroup of the user's, with the controllers that an engine has switched on at the root.
struct Parent(PathBuf);

impl Parent {
    fn new(test: &str) -> Option<Self> {
        let root = Path::new("/sys/fs/cgroup");
        if !root.join("cgroup.controllers").exists() {
            eprintln!("skipped: this host's controllers are not in cgroup v2");
            return None;
        }
        let path = root.join(format!("parent-{test}-{}", std::process::id()));
        fs::create_dir(&path).expect("a cgroup");
        Some(Self(path))
    }

    /// As `--cgroup-parent` takes it.
    fn name(&self) -> String {
        format!("/{}", self.0.file_name().expect("a name").display())
    }

    fn set(&self, file: &str, value: &str) {
        fs::write(self.0.join(file), value).unwrap_or_else(|error| panic!("{file}: {error}"));
    }

    fn get(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).unwrap_or_else(|error| panic!("{file}: {error}")).trim().to_owned()
    }

    fn children(&self) -> usize {
        fs::read_dir(&self.0).expect("a cgroup").flatten().filter(|entry| entry.path().is_dir()).count()
    }
}

impl Drop for Parent {
    fn drop(&mut self) {
        fs::write(self.0.join("cgroup.kill"), "1").ok();
        let find = ["-depth", "-type", "d", "-exec", "rmdir", "{}", ";"];
        Command::new("find").arg(&self.0).args(find).stderr(Stdio::null()).status().ok();
    }
}

#[test]
fn a_parents_memory_is_all_that_its_containers_have() {
    // First the engine: it hands the controllers down to the parent.
    let engine = Engine::start();
    engine.load("busybox");
    let Some(parent) = Parent::new("memory") else { return };
    parent.set("memory.max", "50331648");
    if parent.0.join("memory.swap.max").exists() {
        parent.set("memory.swap.max", "0");
    }
    let [v, guest] = engine.guest();
    let run = ["run", "--cgroup-parent", &parent.name(), &v, &guest];
    let alloc = |more: &[&str], mib: &str| engine.hull([&run, more, &["busybox", "/guest", "alloc", mib]].concat());
    alloc(&["--name", "fits"], "8").ok();
    alloc(&["--name", "greedy"], "200").fails(137, "");
    assert_eq!(engine.inspect("greedy")["State"]["OOMKilled"], true);
    // More than the parent's for itself is nothing more.
    alloc(&["--name", "rich", "--memory", "500m"], "200").fails(137, "");
    assert_eq!(parent.get("memory.max"), "50331648", "the parent is the user's");
    engine.hull(["rm", "-f", "fits", "greedy", "rich"]).ok();
    eventually("containers' cgroups go, the parent stays", Duration::from_secs(10), || {
        (parent.children() == 0).then_some(())
    });
}

#[test]
fn two_containers_share_their_parents_half_cpu() {
    let engine = Engine::start();
    engine.load("busybox");
    let Some(parent) = Parent::new("cpu") else { return };
    parent.set("cpu.max", "50000 100000");
    let [v, guest] = engine.guest();
    for name in ["one", "two"] {
        let run = ["run", "-d", "--name", name, "--cgroup-parent", &parent.name(), &v, &guest];
        engine.hull([&run[..], &["busybox", "/guest", "spin", "1", "1000"]].concat()).ok();
        let own = engine.cgroup(name, "");
        assert_eq!(own.parent(), Some(parent.0.as_path()));
        assert!(own.join("cpu.max").exists(), "the parent hands its controllers on");
    }
    let stat = |key: &str| -> f64 {
        let text = parent.get("cpu.stat");
        text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse().ok()).expect("a number")
    };
    // As in limits_cpu: what is less, although the quota held nothing back, is a busy host's.
    for attempt in 1.. {
        let (start, used, throttled) = (Instant::now(), stat("usage_usec"), stat("nr_throttled"));
        pause(Duration::from_secs(5));
        let share = (stat("usage_usec") - used) / 1e6 / start.elapsed().as_secs_f64();
        assert!(share <= 0.55, "{share} CPUs");
        if share >= 0.45 {
            return;
        }
        let grew = stat("nr_throttled") - throttled;
        assert!(grew < 45.0 && attempt < 4, "{share} CPUs although throttled in {grew} of 50 periods");
    }
}

#[test]
fn levels_that_are_missing_are_made_and_hand_controllers_on() {
    let engine = Engine::start();
    engine.load("busybox");
    let Some(parent) = Parent::new("levels") else { return };
    let below = format!("{}/a/b", parent.name());
    let run = ["run", "-d", "--name", "deep", "--memory", "32m", "--cgroup-parent", &below];
    engine.hull([&run[..], &["busybox", "sleep", "1000"]].concat()).ok();
    let own = engine.cgroup("deep", "");
    assert_eq!(own.parent(), Some(parent.0.join("a/b").as_path()));
    assert_eq!(fs::read_to_string(own.join("memory.max")).expect("a limit").trim(), "33554432");
    for level in ["", "a", "a/b"] {
        let control = fs::read_to_string(parent.0.join(level).join("cgroup.subtree_control")).expect("controllers");
        assert!(control.contains("memory") && control.contains("pids"), "{level}: {control}");
    }
    engine.hull(["rm", "-f", "deep"]).ok();
    assert!(parent.0.join("a/b").exists(), "parents are the user's");
}

/// Somebody who lives in a cgroup: the kernel then hands no controllers of it on.
struct Inhabitant(Child);

impl Inhabitant {
    fn of(parent: &Parent) -> Self {
        let child = Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().expect("sleep");
        parent.set("cgroup.procs", &child.id().to_string());
        Self(child)
    }
}

impl Drop for Inhabitant {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn below_a_parent_with_processes_limits_are_warnings() {
    let engine = Engine::start();
    engine.load("busybox");
    let Some(parent) = Parent::new("lived-in") else { return };
    let inhabitant = Inhabitant::of(&parent);
    let run = ["run", "-d", "--name", "guest", "--memory", "32m", "--cgroup-parent", &parent.name()];
    engine.hull([&run[..], &["busybox", "sleep", "1000"]].concat()).ok();
    assert!(!engine.cgroup("guest", "").join("memory.max").exists());
    assert_eq!(parent.get("cgroup.procs"), inhabitant.0.id().to_string(), "nobody was moved");
    assert!(engine.daemon_log().contains("does not support memory limit"), "the log tells what is missing");
    assert_eq!(parent.get("cgroup.subtree_control"), "", "some controllers alone would make it a threaded one");
    assert_eq!(parent.get("cgroup.type"), "domain");
}
