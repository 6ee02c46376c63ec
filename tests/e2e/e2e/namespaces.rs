//! Each isolation can be switched off one by one, and each switch changes exactly its own.

use hull_test_support::Engine;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const KINDS: [&str; 8] = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"];

fn inodes(pid: impl std::fmt::Display) -> BTreeMap<String, String> {
    let inode = |kind: &str| fs::read_link(format!("/proc/{pid}/ns/{kind}")).map(|link| link.display().to_string());
    KINDS.iter().filter_map(|kind| Some(((*kind).to_owned(), inode(kind).ok()?))).collect()
}

/// Which namespaces a container shares with the daemon, which is "the host".
fn shared(engine: &Engine, flags: &[&str]) -> Vec<String> {
    let id = engine.hull([&["run", "-d"], flags, &["busybox", "sleep", "1000"]].concat()).ok();
    let pid = engine.inspect(&id)["State"]["Pid"].to_string();
    let (host, container) = (inodes(engine.pid()), inodes(pid));
    assert_eq!((host.len(), container.len()), (8, 8));
    engine.hull(["rm", "-f", &id]).ok();
    host.into_iter().filter(|(kind, inode)| container[kind] == *inode).map(|(kind, _)| kind).collect()
}

#[test]
fn each_switch_shares_exactly_its_own_namespace() {
    let engine = Engine::start();
    engine.load("busybox");
    // The cgroup namespace is private on a pure cgroup v2 host and shared elsewhere, as Docker's.
    let pure_v2 = Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
    let default: &[&str] = if pure_v2 { &["time", "user"] } else { &["cgroup", "time", "user"] };
    assert_eq!(shared(&engine, &[]), default, "by default");

    for (flag, kind) in [
        ("--pid=host", "pid"),
        ("--uts=host", "uts"),
        ("--net=host", "net"),
        ("--ipc=host", "ipc"),
        ("--mnt=host", "mnt"),
    ] {
        let mut expected: Vec<&str> = default.to_vec();
        expected.push(kind);
        expected.sort_unstable();
        assert_eq!(shared(&engine, &[flag]), expected, "{flag}");
    }
    assert_eq!(shared(&engine, &["--cgroupns=host"]), ["cgroup", "time", "user"], "--cgroupns=host");
    assert_eq!(shared(&engine, &["--cgroupns=private"]), ["time", "user"], "--cgroupns=private");
}

#[test]
fn with_pid_host_the_pids_are_equal() {
    let engine = Engine::start();
    engine.load("busybox");
    engine.hull(["run", "-d", "--pid=host", "--name", "open", "busybox", "sleep", "4321"]).ok();
    let host_pid = engine.inspect("open")["State"]["Pid"].to_string();
    let inside = engine.hull(["exec", "open", "ps", "-o", "pid,args"]).ok();
    let sleeper = inside.lines().find(|line| line.contains("sleep 4321") && !line.contains("hull"));
    let pid_inside = sleeper.and_then(|line| line.split_whitespace().next()).unwrap_or_default();
    assert_eq!(pid_inside, host_pid, "{inside}");
    let status = fs::read_to_string(format!("/proc/{host_pid}/status")).unwrap_or_default();
    let levels = status.lines().find(|line| line.starts_with("NSpid:")).unwrap_or_default().split_whitespace().count();
    let own = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let own = own.lines().find(|line| line.starts_with("NSpid:")).unwrap_or_default().split_whitespace().count();
    assert_eq!(levels, own, "as many PID namespaces as the host");
}

#[test]
fn processes_that_a_container_with_the_hosts_pids_leaves_behind_are_ended() {
    let engine = Engine::start();
    engine.load("busybox");
    engine.hull(["run", "--pid=host", "--name", "open", "busybox", "sh", "-c", "sleep 7531 & exit 3"]).fails(3, "");
    let left = hull_test_support::eventually("no process stays", std::time::Duration::from_secs(10), || {
        let all = std::process::Command::new("ps").args(["-eo", "args"]).output().expect("ps");
        let all = String::from_utf8_lossy(&all.stdout).into_owned();
        (!all.lines().any(|line| line == "sleep 7531")).then_some(0)
    });
    assert_eq!(left, 0);
}

#[test]
fn with_uts_host_the_hostname_is_the_hosts() {
    let engine = Engine::start();
    engine.load("busybox");
    let host = fs::read_to_string("/proc/sys/kernel/hostname").expect("hostname");
    assert_eq!(engine.hull(["run", "--rm", "--uts=host", "busybox", "hostname"]).ok(), host.trim());
    assert_eq!(engine.hull(["run", "--rm", "--hostname", "own", "busybox", "hostname"]).ok(), "own");
    let id = engine.hull(["create", "busybox", "hostname"]).ok();
    assert_eq!(engine.hull(["start", "-a", &id]).ok(), id[..12], "by default the short id");
}

#[test]
fn with_net_host_the_interfaces_are_the_hosts() {
    let engine = Engine::start();
    engine.load("busybox");
    engine.netns().ip(&["link", "add", "marker0", "type", "bridge"]);
    let interfaces = |flag: &str| engine.hull(["run", "--rm", flag, "busybox", "ls", "/sys/class/net"]).ok();
    assert!(interfaces("--net=host").contains("marker0"));
    assert_eq!(interfaces("--net=none").split_whitespace().collect::<Vec<_>>(), ["lo"]);
    assert_eq!(interfaces("--net=bridge").split_whitespace().collect::<Vec<_>>(), ["eth0", "lo"]);
}

#[test]
fn with_mnt_host_the_files_are_the_hosts_and_its_mounts_stay_as_they_were() {
    let engine = Engine::start();
    engine.load("busybox");
    // The network namespaces of tests that run beside this one are mounts too, and come and go.
    let mounts = || {
        let table = fs::read_to_string("/proc/self/mountinfo").expect("mountinfo");
        table.lines().filter(|mount| !mount.contains(" /run/netns/")).map(str::to_owned).collect::<Vec<_>>()
    };
    let before = mounts();
    let marker = engine.folder().join("marker");
    fs::write(&marker, "of the host").expect("a file");
    let path = marker.display().to_string();
    assert_eq!(engine.hull(["run", "--rm", "--mnt=host", "busybox", "cat", &path]).ok(), "of the host");
    engine.hull(["run", "-d", "--mnt=host", "--name", "files", "busybox", "sleep", "1000"]).ok();
    assert_eq!(engine.hull(["exec", "files", "cat", &path]).ok(), "of the host");
    assert_eq!(mounts(), before, "while it runs");
    engine.hull(["rm", "-f", "files"]).ok();
    assert_eq!(mounts(), before, "after it ran");

    for flags in [&["-v", "/tmp:/x"][..], &["--tmpfs", "/x"], &["--read-only"]] {
        let refused = engine.hull([&["run", "--rm", "--mnt=host"], flags, &["busybox", "true"]].concat());
        refused.fails(125, "--mnt=host");
    }
}
