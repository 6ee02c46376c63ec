//! Pure cgroup v2: what only such a host shows. Elsewhere these tests say that they have nothing to test.

use hull_test_support::{Engine, NetworkNamespace, eventually};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

fn elsewhere() -> bool {
    let pure = Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
    if !pure {
        eprintln!("skipped: this host's controllers are not in cgroup v2");
    }
    !pure
}

#[test]
fn a_container_reads_its_limits_in_its_own_root() {
    if elsewhere() {
        return;
    }
    let engine = Engine::start();
    engine.load("busybox");
    let limits =
        ["--memory=64m", "--memory-swap=96m", "--cpus=.5", "--pids-limit=20", "--cpu-shares=512", "--cpuset-cpus=0"];
    let files = "cd /sys/fs/cgroup; cat memory.max memory.swap.max cpu.max pids.max cpu.weight cpuset.cpus; cat /proc/self/cgroup";
    let read = engine.hull([&["run", "--rm"], &limits[..], &["busybox", "sh", "-c", files]].concat()).ok();
    let expected = ["67108864", "33554432", "50000 100000", "20", "59", "0", "0::/"];
    assert_eq!(read.lines().collect::<Vec<_>>(), expected);
    let info = engine.get("/info");
    assert_eq!(
        (&info["CgroupVersion"], &info["MemoryLimit"], &info["PidsLimit"]),
        (&"2".into(), &true.into(), &true.into())
    );
}

#[test]
fn a_pause_is_the_kernels_freezer_and_outlives_the_daemon() {
    if elsewhere() {
        return;
    }
    let mut engine = Engine::start();
    engine.load("busybox");
    let script = "while :; do echo tick; sleep 0.05; done";
    engine.hull(["run", "-d", "--name", "clock", "busybox", "sh", "-c", script]).ok();
    let log = PathBuf::from(engine.inspect("clock")["LogPath"].as_str().expect("a log"));
    let ticks = || fs::read_to_string(&log).expect("the log").lines().count();
    eventually("it ticks", Duration::from_secs(10), || (ticks() > 2).then_some(()));
    let cgroup = engine.cgroup("clock", "");
    engine.hull(["pause", "clock"]).ok();
    let events = || fs::read_to_string(cgroup.join("cgroup.events")).expect("events");
    assert!(events().contains("frozen 1"), "{}", events());
    let frozen = ticks();
    engine.kill();
    engine.spawn();
    assert_eq!(engine.inspect("clock")["State"]["Status"], "paused");
    assert!(events().contains("frozen 1") && ticks() <= frozen + 1, "{} of {frozen} ticks", ticks());
    engine.hull(["unpause", "clock"]).ok();
    eventually("it ticks again", Duration::from_secs(10), || (ticks() > frozen + 2).then_some(()));
    // Frozen again, and killed as it is.
    engine.hull(["pause", "clock"]).ok();
    engine.hull(["rm", "-f", "clock"]).ok();
    eventually("its cgroup goes", Duration::from_secs(10), || (!cgroup.exists()).then_some(()));
}

/// A daemon below a cgroup and behind a cgroup namespace of its own: what an engine inside a container finds.
struct Inner {
    daemon: Child,
    cgroup: PathBuf,
    _netns: NetworkNamespace,
}

/// Moves itself, and only then makes the namespaces, so that this cgroup is their root.
const ENTER: &str = r#"echo 0 >"$1/cgroup.procs" && shift && exec unshare --cgroup --mount sh -c 'umount /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec "$@"' sh "$@""#;

impl Inner {
    fn start(near: &Engine, folder: &Path) -> Self {
        let cgroup = PathBuf::from(format!("/sys/fs/cgroup/hull-test-inner-{}", std::process::id()));
        fs::create_dir(&cgroup).expect("a cgroup");
        let hulld = Path::new(near.hull_command().get_program()).with_file_name("hulld");
        let netns = NetworkNamespace::new();
        let mut command = netns.command("sh");
        command.args(["-c", ENTER, "sh"]).arg(&cgroup).arg(hulld).args(["--no-ebpf", "-H"]).arg(socket(folder));
        command.arg("--data-root").arg(folder.join("data")).arg("--exec-root").arg(folder.join("run"));
        let log = fs::File::create(folder.join("log")).expect("a log");
        let daemon = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("sh starts");
        Self { daemon, cgroup, _netns: netns }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        fs::write(self.cgroup.join("cgroup.kill"), "1").ok();
        self.daemon.kill().ok();
        self.daemon.wait().ok();
        Command::new("find")
            .arg(&self.cgroup)
            .args(["-depth", "-type", "d", "-exec", "rmdir", "{}", ";"])
            .status()
            .ok();
    }
}

fn socket(folder: &Path) -> String {
    format!("unix://{}", folder.join("s").display())
}

#[test]
fn an_engine_inside_a_cgroup_makes_room_for_its_containers() {
    if elsewhere() {
        return;
    }
    // Its start switches the controllers on below the root, so that the inner one has any to hand down.
    let near = Engine::start();
    let folder = near.folder().join("inner");
    fs::create_dir(&folder).expect("a folder");
    let inner = Inner::start(&near, &folder);
    let hull = |args: &[&str]| {
        let mut command = Command::new(near.hull_command().get_program());
        let output = command.args(["-H", &socket(&folder)]).args(args).stdin(Stdio::null()).output();
        let output = output.expect("hull starts");
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stdout).trim().to_owned() + &String::from_utf8_lossy(&output.stderr),
        )
    };
    let log = || fs::read_to_string(folder.join("log")).unwrap_or_default();
    eventually("the inner hulld answers", Duration::from_secs(30), || hull(&["version"]).0.then_some(()));
    let tar = hull_test_support::provided("HULL_IMAGES").join("busybox.tar");
    let (loaded, said) = hull(&["load", "-i", &tar.display().to_string()]);
    assert!(loaded, "{said}\n{}", log());
    let (ran, said) = hull(&["run", "--rm", "--memory=32m", "busybox", "cat", "/sys/fs/cgroup/memory.max"]);
    assert!(ran && said.starts_with("33554432"), "{said}\n{}", log());
    let text = |file: &str| fs::read_to_string(inner.cgroup.join(file)).unwrap_or_default();
    assert!(text("init/cgroup.procs").lines().any(|pid| pid == inner.daemon.id().to_string()), "the daemon's own leaf");
    assert_eq!(text("cgroup.procs"), "", "nobody stands in the controllers' way");
    let handed_on = text("cgroup.subtree_control");
    for controller in ["cpu", "cpuset", "io", "memory", "pids"] {
        assert!(handed_on.split_whitespace().any(|name| name == controller), "{controller}: {handed_on}");
    }
    // What the user limits as a whole holds for all that the inner engine runs.
    fs::write(inner.cgroup.join("pids.max"), "60").expect("a limit of its own");
    let (ran, said) = hull(&["run", "--rm", "busybox", "sh", "-c", "for i in $(seq 80); do sleep 9 & done; echo all"]);
    assert!(!ran || !said.contains("all"), "{said}");
}
