//! Cgroups on this machine's real kernel: made, limited, read back, frozen, killed, removed. Needs root; each test has an
//! engine id of its own and removes everything of it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hull_runtime::cgroup::{self, Cgroup, Controller, Hierarchies, Mode, ShimCgroup};
use hull_test_patience::patience;
use oci_spec::runtime::LinuxResources;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn limit() -> Duration {
    patience(Duration::from_secs(5))
}

/// An engine of this test's own; its cgroups go when it does.
struct Engine {
    id: String,
    hierarchies: Hierarchies,
}

impl Engine {
    fn new(test: &str) -> Self {
        let hierarchies = Hierarchies::detect().expect("this host has cgroups");
        Self { id: format!("test-{test}-{}", std::process::id()), hierarchies }
    }

    fn create(&self, name: &str, resources: &str) -> Cgroup {
        let (cgroup, warnings) = Cgroup::create(&self.hierarchies, &self.id, name, &json(resources)).unwrap();
        assert_eq!(warnings, []);
        cgroup
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        for name in cgroup::orphans(&self.hierarchies, &self.id).unwrap() {
            let left = Cgroup::open(&self.hierarchies, &self.id, &name).unwrap();
            let _ = left.kill_all();
            let _ = left.wait_empty(limit());
            let _ = left.remove();
        }
        cgroup::remove_engine_dirs(&self.hierarchies, &self.id).unwrap();
    }
}

fn json(resources: &str) -> LinuxResources {
    serde_json::from_str(resources).unwrap()
}

/// A process in the cgroup, in every hierarchy.
fn spawn_in(cgroup: &Cgroup, script: &str) -> Child {
    // It waits for its stdin to end, so that nothing of it runs before it is in place.
    let script = format!("read go; {script}");
    let mut child =
        Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let files = cgroup.v1_procs().chain([cgroup.unified().join("cgroup.procs")]);
    for file in files {
        OpenOptions::new().write(true).open(&file).unwrap().write_all(child.id().to_string().as_bytes()).unwrap();
    }
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    child
}

fn read(dir: &Path, file: &str) -> String {
    fs::read_to_string(dir.join(file)).unwrap().trim().to_owned()
}

#[test]
fn limits_can_be_read_back() {
    let engine = Engine::new("limits");
    let cgroup = engine.create(
        "c",
        r#"{"memory":{"limit":104857600,"swap":209715200,"reservation":52428800},
            "cpu":{"shares":512,"quota":50000,"period":100000,"cpus":"0"},"pids":{"limit":42}}"#,
    );
    let expected: &[(Controller, &str, &str, &str)] = &[
        (Controller::Memory, "memory.limit_in_bytes", "memory.max", "104857600"),
        (Controller::Cpuset, "cpuset.cpus", "cpuset.cpus", "0"),
        (Controller::Pids, "pids.max", "pids.max", "42"),
    ];
    for (controller, v1, v2, value) in expected {
        match engine.hierarchies.mode() {
            Mode::V2 => assert_eq!(read(cgroup.unified(), v2), *value),
            _ => assert_eq!(read(cgroup.v1_dir(*controller).unwrap(), v1), *value),
        }
    }
    if engine.hierarchies.mode() == Mode::V2 {
        assert_eq!(read(cgroup.unified(), "cpu.max"), "50000 100000");
        assert_eq!(read(cgroup.unified(), "cpu.weight"), "59");
    } else {
        assert_eq!(read(cgroup.v1_dir(Controller::Cpu).unwrap(), "cpu.cfs_quota_us"), "50000");
        assert_eq!(read(cgroup.v1_dir(Controller::Cpu).unwrap(), "cpu.shares"), "512");
        assert_eq!(read(cgroup.v1_dir(Controller::Memory).unwrap(), "memory.memsw.limit_in_bytes"), "209715200");
    }
    let stats = cgroup.stats().unwrap();
    assert_eq!((stats.memory.limit, stats.pids.limit), (Some(104_857_600), Some(42)));
}

#[test]
fn memory_and_swap_grow_and_shrink_together_while_processes_run() {
    let engine = Engine::new("update");
    let cgroup = engine.create("c", r#"{"memory":{"limit":104857600,"swap":104857600}}"#);
    let mut child = spawn_in(&cgroup, "read end");
    for (limit, swap) in [(209_715_200, 419_430_400_i64), (52_428_800, 52_428_800), (209_715_200, -1)] {
        let resources = json(&format!(r#"{{"memory":{{"limit":{limit},"swap":{swap}}}}}"#));
        assert_eq!(cgroup.update(&resources).unwrap(), []);
        assert_eq!(cgroup.stats().unwrap().memory.limit, Some(limit));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_limit_that_the_kernel_lacks_is_a_warning_and_a_refused_value_an_error() {
    let engine = Engine::new("lacks");
    let weight = json(r#"{"blockIO":{"weight":500}}"#);
    let (_, warnings) = Cgroup::create(&engine.hierarchies, &engine.id, "a", &weight).unwrap();
    let has_weight = engine
        .hierarchies
        .v1_root(Controller::Blkio)
        .map_or_else(|| engine.hierarchies.has_v2("io"), |root| root.join("blkio.weight").exists());
    if !has_weight {
        assert_eq!(warnings[0].to_string(), "Your kernel does not support Block I/O weight. 500 discarded.");
    }
    let refused = json(r#"{"cpu":{"cpus":"4000"}}"#);
    let error = Cgroup::create(&engine.hierarchies, &engine.id, "b", &refused).unwrap_err();
    assert_eq!(error.to_string(), "set cpuset cpus to 4000");
    let left = cgroup::orphans(&engine.hierarchies, &engine.id).unwrap();
    assert_eq!(left.into_iter().collect::<Vec<_>>(), ["a"], "a failed create leaves nothing");
}

#[test]
fn a_frozen_container_stands_still_and_can_be_killed() {
    let engine = Engine::new("freeze");
    let cgroup = engine.create("c", "{}");
    let mut child = spawn_in(&cgroup, "while :; do :; done");
    let used = || cgroup.cpu_stats().usage_ns.max(cgroup.stats().unwrap().cpu.usage_ns);
    let deadline = Instant::now() + limit();
    while used() == 0 && Instant::now() < deadline {
        std::thread::yield_now();
    }
    cgroup.freeze().unwrap();
    assert!(cgroup.is_frozen().unwrap());
    let frozen_at = used();
    let still = Instant::now() + Duration::from_millis(50);
    while Instant::now() < still {
        std::thread::yield_now();
    }
    assert_eq!(used(), frozen_at, "no processor time while frozen");
    cgroup.thaw().unwrap();
    assert!(!cgroup.is_frozen().unwrap());
    cgroup.freeze().unwrap();
    cgroup.kill_all().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    cgroup.wait_empty(limit()).unwrap();
}

#[test]
fn killing_reaches_nested_cgroups_and_removal_takes_them_along() {
    let engine = Engine::new("nested");
    let cgroup = engine.create("c", "{}");
    let nested = cgroup.unified().join("inner/deep");
    fs::create_dir_all(&nested).unwrap();
    for (_, dir) in cgroup.v1_dirs() {
        fs::create_dir(dir.join("inner")).unwrap();
    }
    let mut child = spawn_in(&cgroup, "sleep 100 & wait");
    let mut inner = Command::new("sleep").arg("100").spawn().unwrap();
    fs::write(nested.join("cgroup.procs"), inner.id().to_string()).unwrap();
    let mut expected = vec![child.id(), inner.id()];
    expected.sort_unstable();
    let deadline = Instant::now() + limit();
    while cgroup.procs().unwrap().len() < 3 && Instant::now() < deadline {
        std::thread::yield_now();
    }
    let procs = cgroup.procs().unwrap();
    assert!(expected.iter().all(|pid| procs.contains(pid)), "{procs:?} has {expected:?}");
    assert!(cgroup.remove().unwrap_err().is_busy());
    cgroup.kill_all().unwrap();
    assert_eq!((child.wait().unwrap().signal(), inner.wait().unwrap().signal()), (Some(9), Some(9)));
    cgroup.wait_empty(limit()).unwrap();
    cgroup.remove().unwrap();
    assert!(!cgroup.unified().exists());
    cgroup.remove().expect("a second removal finds nothing and is no error");
}

#[test]
fn the_id_is_what_a_process_in_it_has() {
    let engine = Engine::new("id");
    let cgroup = engine.create("c", "{}");
    let again = Cgroup::open(&engine.hierarchies, &engine.id, "c").unwrap();
    assert_eq!(cgroup, again);
    assert_ne!(cgroup.id(), 0);
    assert!(Cgroup::open(&engine.hierarchies, &engine.id, "other").is_err());
}

#[test]
fn processes_beyond_the_limit_are_refused_and_counted() {
    let engine = Engine::new("pids");
    let cgroup = engine.create("c", r#"{"pids":{"limit":2}}"#);
    let child = spawn_in(&cgroup, "for i in 1 2 3; do sleep 0.1 & done; wait");
    child.wait_with_output().unwrap();
    assert!(cgroup.stats().unwrap().pids.refused > 0);
}

#[test]
fn an_out_of_memory_kill_is_counted() {
    let engine = Engine::new("oom");
    let cgroup = engine.create("c", r#"{"memory":{"limit":16777216,"swap":33554432}}"#);
    // tail keeps a line until it ends, and this one never does.
    let child = spawn_in(&cgroup, "tail /dev/zero");
    let output = child.wait_with_output().unwrap();
    assert_ne!(output.status.code(), Some(0));
    let stats = cgroup.stats().unwrap();
    assert!(stats.oom.kills >= 1, "{stats:?}");
    assert!(stats.memory.failcnt > 0);
    let file = fs::read_to_string(cgroup.oom_file().unwrap()).unwrap();
    assert!(file.lines().any(|line| line == format!("oom_kill {}", stats.oom.kills)), "{file}");
}

#[test]
fn the_quota_throttles_and_is_counted() {
    let engine = Engine::new("quota");
    let cgroup = engine.create("c", r#"{"cpu":{"quota":10000,"period":100000}}"#);
    let mut child = spawn_in(&cgroup, "while :; do :; done");
    let deadline = Instant::now() + limit();
    while cgroup.cpu_stats().throttling.throttled_periods < 3 && Instant::now() < deadline {
        std::thread::yield_now();
    }
    let throttling = cgroup.cpu_stats().throttling;
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(throttling.throttled_periods >= 3 && throttling.throttled_ns > 0, "{throttling:?}");
    assert!(throttling.periods >= throttling.throttled_periods);
}

#[test]
fn devices_are_walled_off() {
    let engine = Engine::new("devices");
    let rules = r#"{"devices":[{"allow":false,"access":"rwm"},
        {"allow":true,"type":"c","major":1,"minor":3,"access":"rw"},{"allow":true,"type":"c","major":1,"minor":5,"access":"r"}]}"#;
    let cgroup = engine.create("c", rules);
    let script = "echo x >/dev/null && echo null-ok; head -c1 </dev/zero >/dev/null && echo zero-ok; head -c1 </dev/full >/dev/null || echo full-denied";
    let output = spawn_in(&cgroup, script).wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "null-ok\nzero-ok\nfull-denied\n");
}

#[test]
fn shims_have_a_place_of_their_own() {
    let engine = Engine::new("shims");
    let shims = ShimCgroup::create(&engine.hierarchies, &engine.id).unwrap();
    assert!(shims.procs().iter().all(|file| file.exists()));
    let cgroup = engine.create("c", "{}");
    assert!(shims.procs().iter().all(|file| !file.starts_with(cgroup.unified())));
    let orphans = cgroup::orphans(&engine.hierarchies, &engine.id).unwrap();
    assert_eq!(orphans.into_iter().collect::<Vec<_>>(), ["c"], "the shims' cgroup is no container");
}

#[test]
fn in_a_scope_the_shim_makes_room_for_the_container() {
    let engine = Engine::new("scope");
    // systemd's part.
    let scope = engine.create("scope", "{}");
    let mut shim = spawn_in(&scope, "exec sleep 1000");
    let placed = Cgroup::layout_in_scope(&engine.hierarchies, shim.id()).unwrap();
    assert_eq!(placed.unified().parent(), Some(scope.unified()));
    let (container, _) = placed.create_below(&engine.hierarchies, &json("{}")).unwrap();
    let mut init = Command::new("sleep").arg("1000").spawn().unwrap();
    fs::write(container.unified().join("cgroup.procs"), init.id().to_string()).unwrap();
    assert_eq!(container.procs().unwrap(), [init.id()], "the shim is not charged to the container");
    container.kill_all().unwrap();
    assert_eq!(init.wait().unwrap().signal(), Some(9));
    assert_eq!(shim.try_wait().unwrap(), None, "a kill of the container is none of its shim");
    container.remove().unwrap();
    shim.kill().unwrap();
    shim.wait().unwrap();
}
