//! Who the payload is: users, capabilities, filters, limits, namespaces, cgroups.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use hull_plan::{Frame, Step, StepKind};
use std::path::{Path, PathBuf};
use support::{Came, Channel, NAMESPACES, Recipe, Scratch, Shim, log};

/// What `/etc/passwd` and `/etc/group` of the image say.
fn image(name: &str) -> Scratch {
    let scratch = Scratch::new(name);
    scratch.file(
        "etc/passwd",
        "root:x:0:0::/root:/bin/sh\nalice:x:1000:1001::/home/alice:\n33:x:77:77::/num:\nbad:x:oops:0::/:\n",
    );
    scratch.file("etc/group", "root:x:0:root\nwheel:x:10:root,alice\ntools:x:20:alice\nalice:x:1001:\n");
    scratch
}

/// Runs a script with steps after the pivot; its output.
fn output(scratch: &Scratch, steps: &[Step<'_>], script: &str) -> String {
    let plan = steps.iter().fold(Recipe::container(scratch), |recipe, step| recipe.step(*step));
    let _ = std::fs::remove_file(scratch.path("log"));
    let record = Shim::run(&plan.sh(script).bytes());
    let (out, err) = (log(scratch, "stdout"), log(scratch, "stderr"));
    assert_eq!(record.code, 0, "{script}: {out}{err}");
    out
}

fn failed(scratch: &Scratch, step: Step<'_>) -> (StepKind, i32, String) {
    Shim::failed(&Recipe::container(scratch).step(step).sh("true").bytes())
}

#[test]
fn users_and_groups_are_found_in_the_image() {
    let scratch = image("users");
    let ids = |spec: &str| {
        let spec = support::c_string(spec);
        let script = "grep -E '^(Uid|Gid|Groups):' /proc/self/status | tr -s '\\t ' ' '; echo $HOME";
        let out = output(&scratch, &[Step::User { spec: &spec }], script);
        let field = |name: &str| {
            let line = out.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().to_owned()
        };
        (field("Uid:"), field("Gid:"), field("Groups:"), out.lines().last().unwrap().to_owned())
    };
    let expect = |uid: u32, gid: u32, groups: &str, home: &str| {
        let four = |id: u32| format!("{id} {id} {id} {id}");
        (four(uid), four(gid), groups.to_owned(), home.to_owned())
    };
    assert_eq!(ids(""), expect(0, 0, "0 10", "/root"));
    assert_eq!(ids("alice"), expect(1000, 1001, "10 20 1001", "/home/alice"));
    assert_eq!(ids("1000"), expect(1000, 1001, "10 20 1001", "/home/alice"));
    assert_eq!(ids("alice:tools"), expect(1000, 20, "20", "/home/alice"));
    assert_eq!(ids("4321"), expect(4321, 0, "0", "/"));
    assert_eq!(ids("4321:8765"), expect(4321, 8765, "8765", "/"));
    assert_eq!(ids("33"), expect(33, 0, "0", "/"), "a number is an id, whoever is called that");
    assert_eq!(ids(":20"), expect(0, 20, "20", "/root"));

    assert_eq!(failed(&scratch, Step::User { spec: c"ghost" }), (StepKind::User, 2, "ghost".into()));
    assert_eq!(failed(&scratch, Step::User { spec: c"bad" }), (StepKind::User, 2, "bad".into()), "not root");
    assert_eq!(failed(&scratch, Step::User { spec: c"alice:ghosts" }), (StepKind::Group, 2, "ghosts".into()));
    assert_eq!(failed(&scratch, Step::User { spec: c"3000000000" }), (StepKind::User, 34, "3000000000".into()));
    assert_eq!(failed(&scratch, Step::Group { spec: c"ghosts" }), (StepKind::Group, 2, "ghosts".into()));
    let steps = [Step::User { spec: c"1000:1001" }, Step::Group { spec: c"wheel" }, Step::Group { spec: c"5555" }];
    assert!(output(&scratch, &steps, "cat /proc/self/status").contains("Groups:\t10 1001 5555"));
}

#[test]
fn an_image_cannot_block_or_deceive_with_its_passwd() {
    let scratch = Scratch::new("passwd");
    let fifo = scratch.path("lower/etc/passwd");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    std::os::unix::fs::symlink("/proc/1/root/etc/group", scratch.path("lower/etc/group")).unwrap();
    assert_eq!(failed(&scratch, Step::User { spec: c"alice" }).0, StepKind::User);
    assert_eq!(failed(&scratch, Step::Group { spec: c"adm" }).0, StepKind::Group, "the host's group is not read");
}

#[test]
fn a_user_can_write_to_its_own_stdout_again() {
    let scratch = image("stdout");
    let out = output(&scratch, &[Step::User { spec: c"alice" }], "echo one > /dev/stdout; echo two > /proc/self/fd/2");
    assert_eq!((out.as_str(), log(&scratch, "stderr").as_str()), ("one\n", "two\n"));
}

fn capabilities(text: &str) -> Vec<u64> {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        u64::from_str_radix(line.trim(), 16).unwrap()
    };
    ["CapBnd:", "CapEff:", "CapPrm:", "CapInh:", "CapAmb:"].map(field).to_vec()
}

/// chown, net_bind_service, sys_chroot.
const SOME: u64 = 1 | 1 << 10 | 1 << 18;

fn caps(set: u64, ambient: u64) -> Step<'static> {
    Step::Capabilities { bounding: set, effective: set, permitted: set, inheritable: ambient, ambient }
}

#[test]
fn capabilities_are_exactly_these() {
    let scratch = image("caps");
    let status = "cat /proc/self/status";
    assert_eq!(capabilities(&output(&scratch, &[caps(SOME, 0)], status)), [SOME, SOME, SOME, 0, 0]);
    assert_eq!(capabilities(&output(&scratch, &[caps(0, 0)], status)), [0; 5]);
    let alice = Step::User { spec: c"alice" };
    assert_eq!(capabilities(&output(&scratch, &[alice, caps(SOME, 0)], status)), [SOME, 0, 0, 0, 0]);
    assert_eq!(
        capabilities(&output(&scratch, &[alice, caps(SOME, 1 << 10)], status)),
        [SOME, 1 << 10, 1 << 10, 1 << 10, 1 << 10]
    );
}

#[test]
fn a_filter_holds_with_and_without_no_new_privs() {
    let scratch = image("seccomp");
    // uname
    let program = support::filter(63, 1);
    let filter = Step::Seccomp { flags: 0, program: &program };
    let script = "uname >/dev/null 2>&1 && echo passed || echo refused; cat /proc/self/status";
    for (steps, no_new_privs) in [
        (&[Step::NoNewPrivileges, caps(0, 0), filter][..], 1),
        (&[caps(SOME, 0), filter], 0),
        (&[Step::User { spec: c"alice" }, caps(SOME, 0), filter], 0),
    ] {
        let out = output(&scratch, steps, script);
        assert!(out.starts_with("refused\n"), "{out}");
        assert!(out.contains("Seccomp:\t2") && out.contains(&format!("NoNewPrivs:\t{no_new_privs}")), "{out}");
        assert_eq!(capabilities(&out)[1] & 1 << 21, 0, "CAP_SYS_ADMIN was for the filter only");
    }
    let bad = Step::Seccomp { flags: 0, program: &program[..12] };
    assert_eq!(failed(&scratch, bad).0, StepKind::Seccomp, "a wall that cannot be raised stops the container");
}

#[test]
fn limits_umask_and_names_are_set() {
    let scratch = image("limits");
    let steps = [
        Step::Rlimit { resource: 7, soft: 100, hard: 200 },
        Step::Rlimit { resource: 4, soft: 0, hard: 0 },
        Step::Umask { mask: 0o077 },
        Step::OomScoreAdj { value: 500 },
        Step::Domainname { name: c"a.domain" },
    ];
    let script = "ulimit -n; ulimit -Hn; ulimit -c; umask; cat /proc/self/oom_score_adj /proc/sys/kernel/domainname";
    assert_eq!(output(&scratch, &steps, script), "100\n200\n0\n0077\n500\na.domain\n");
    assert_eq!(output(&scratch, &[], "umask"), "0022\n");
}

#[test]
fn a_user_namespace_maps_root_to_nobody_special() {
    let scratch = image("userns");
    for part in ["", "upper", "work", "lower"] {
        std::os::unix::fs::chown(scratch.path(part), Some(100_000), Some(100_000)).unwrap();
    }
    let map = |inside| (inside, 100_000 + inside, 65_536 - inside);
    let (inside, outside, count) = map(0);
    let plan = Recipe::shim_side(&scratch)
        .step(Step::Log { path: &scratch.c_path("log"), max_size: 0, max_files: 1 })
        .step(Step::Namespaces { flags: NAMESPACES | 0x1000_0000 })
        .step(Step::UidMap { inside, outside, count })
        .step(Step::GidMap { inside, outside, count })
        .root(&scratch)
        .step(Step::PivotRoot)
        .step(Step::User { spec: c"alice" })
        .sh("cat /proc/self/uid_map | tr -s ' '; id -u; echo x > /dev/null && echo a device");
    let mut shim = Shim::start(&plan.bytes());
    let pid = shim.channel.started();
    let _ = pid;
    assert_eq!(shim.channel.exited().code, 0, "{}", log(&scratch, "stderr"));
    assert_eq!(log(&scratch, "stdout"), " 0 100000 65536\n1000\na device\n");
    shim.ended();
}

#[test]
fn a_time_namespace_has_its_offsets_for_init_and_execs() {
    let scratch = image("timens");
    let plan = Recipe::shim_side(&scratch)
        .step(Step::Log { path: &scratch.c_path("log"), max_size: 0, max_files: 1 })
        .step(Step::Namespaces { flags: NAMESPACES | 0x80 })
        .step(Step::TimeOffset { clock: 7, secs: 10_000_000, nanos: 0 })
        .root(&scratch)
        .step(Step::PivotRoot)
        .sh("cat /proc/uptime; sleep 1000");
    let mut shim = Shim::start(&plan.bytes());
    shim.channel.started();
    let mut exec = Channel::connect(&scratch);
    let plan = Recipe::default().step(Step::JoinInit { kinds: NAMESPACES | 0x80 }).command(&["cat", "/proc/uptime"]);
    exec.send(&Frame::Exec { id: c"e", plan: &plan.bytes() });
    exec.started();
    let (out, err, _) = exec.finish();
    let uptime = |text: &str| text.split('.').next().unwrap().parse::<u64>().unwrap();
    assert!(uptime(&out) > 10_000_000, "{out}{err}");
    let first = support::eventually("a line", || Some(log(&scratch, "stdout")).filter(|out| !out.is_empty()));
    assert!(uptime(&first) > 10_000_000, "{first}");
    let mut control = Channel::connect(&scratch);
    control.send(&Frame::Signal { target: c"", signal: 9 });
    assert_eq!(shim.channel.exited().signal, 9);
    shim.ended();
}

#[test]
fn a_prepared_namespace_is_joined() {
    let scratch = image("join");
    // Another container's network namespace.
    let other = image("join-other");
    let mut first = Shim::start(&Recipe::container(&other).command(&["sleep", "1000"]).bytes());
    let pid = first.channel.started();
    let link = |pid: u32| std::fs::read_link(format!("/proc/{pid}/ns/net")).unwrap().display().to_string();
    let path = support::c_string(&format!("/proc/{pid}/ns/net"));
    let plan = Recipe::shim_side(&scratch)
        .step(Step::Log { path: &scratch.c_path("log"), max_size: 0, max_files: 1 })
        .step(Step::Namespaces { flags: NAMESPACES & !0x4000_0000 })
        .step(Step::JoinNamespace { kind: 0x4000_0000, path: &path })
        .root(&scratch)
        .step(support::mount(c"sysfs", c"/sys"))
        .step(Step::PivotRoot)
        .sh("readlink /proc/self/ns/net; ls /sys/class/net");
    assert_eq!(Shim::run(&plan.bytes()).code, 0);
    assert_eq!(log(&scratch, "stdout"), format!("{}\nlo\n", link(pid)));
    first.channel.send(&Frame::Signal { target: c"", signal: 9 });
    assert_eq!(first.channel.receive(), Came::Done);
    first.channel.exited();
    first.ended();
}

/// A cgroup of this test's own in one hierarchy.
struct Cgroup(PathBuf);

impl Cgroup {
    fn new(hierarchy: &str) -> Option<Self> {
        let root = Path::new("/sys/fs/cgroup").join(hierarchy);
        let path = root.join(format!("hull-shim-test-{}", std::process::id()));
        root.join("cgroup.procs").exists().then(|| {
            std::fs::create_dir(&path).unwrap();
            Self(path)
        })
    }

    fn name(&self) -> &str {
        self.0.file_name().unwrap().to_str().unwrap()
    }

    fn file(&self, name: &str) -> std::ffi::CString {
        support::c_string(self.0.join(name).to_str().unwrap())
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// cgroup2 where this host has it: alone, or beside version 1.
fn unified() -> Option<Cgroup> {
    Cgroup::new("unified").or_else(|| Cgroup::new(""))
}

#[test]
fn the_payload_is_in_its_cgroups_from_its_first_instruction() {
    let scratch = image("cgroups");
    let (Some(unified), memory) = (unified(), Cgroup::new("memory")) else {
        return println!("skipped: no cgroup2 hierarchy on this host");
    };
    let mut recipe = Recipe::shim_side(&scratch)
        .step(Step::Log { path: &scratch.c_path("log"), max_size: 0, max_files: 1 })
        .step(Step::Namespaces { flags: NAMESPACES })
        .step(Step::Cgroup2 { path: &unified.file("") });
    if let Some(memory) = &memory {
        recipe = recipe.step(Step::CgroupProcs { procs: &memory.file("cgroup.procs") });
    }
    let bytes = recipe.root(&scratch).step(Step::PivotRoot).sh("cat /proc/self/cgroup; sleep 1000").bytes();
    let mut shim = Shim::start(&bytes);
    let pid = shim.channel.started();
    let out = support::eventually("its cgroups", || {
        let out = log(&scratch, "stdout");
        out.contains("0::").then_some(out)
    });
    assert!(out.contains(&format!("0::/{}\n", unified.name())), "{out}");
    if let Some(memory) = &memory {
        assert!(out.contains(&format!(":memory:/{}\n", memory.name())), "{out}");
    }
    let shims = std::fs::read_to_string(format!("/proc/{}/cgroup", shim.process.id())).unwrap();
    assert!(!shims.contains(unified.name()), "the shim is not accounted to the container");

    // An exec goes there, too, and its own cgroup namespace starts there.
    let mut exec = Channel::connect(&scratch);
    let plan = Recipe::exec().step(Step::Cgroup2 { path: &unified.file("") }).step(Step::UnshareCgroup);
    exec.send(&Frame::Exec { id: c"e", plan: &plan.command(&["cat", "/proc/self/cgroup"]).bytes() });
    exec.started();
    assert!(exec.finish().0.contains("0::/\n"));
    shim.channel.send(&Frame::Signal { target: c"", signal: 9 });
    assert_eq!(shim.channel.receive(), Came::Done);
    assert_eq!(shim.channel.exited().pid, pid);
    shim.ended();
}

#[test]
fn a_container_that_takes_too_much_memory_is_recorded_as_such() {
    let scratch = image("oom");
    let Some(memory) = Cgroup::new("memory") else { return println!("skipped: no v1 memory hierarchy on this host") };
    std::fs::write(memory.0.join("memory.limit_in_bytes"), "20000000").unwrap();
    let run = |script: &str| {
        let plan = Recipe::shim_side(&scratch)
            .step(Step::Log { path: &scratch.c_path("log"), max_size: 0, max_files: 1 })
            .step(Step::OomFile { path: &memory.file("memory.oom_control") })
            .step(Step::Namespaces { flags: NAMESPACES })
            .step(Step::CgroupProcs { procs: &memory.file("cgroup.procs") })
            .root(&scratch)
            .step(Step::PivotRoot);
        Shim::run(&plan.sh(script).bytes())
    };
    let killed = run("exec tail /dev/zero");
    assert_eq!((killed.code, killed.signal, killed.oom_killed), (137, 9, true));
    let lives = run("exit 0");
    assert_eq!((lives.code, lives.oom_killed), (0, false), "what happened before its start does not count");
}

#[test]
fn a_cgroup_that_is_not_there_stops_the_start() {
    let scratch = image("no-cgroup");
    let procs = scratch.c_path("no/cgroup.procs");
    let failed =
        Shim::failed(&Recipe::container(&scratch).step(Step::CgroupProcs { procs: &procs }).sh("true").bytes());
    assert_eq!(failed, (StepKind::Cgroup, 2, procs.to_str().unwrap().to_owned()));
}

#[test]
fn the_shim_cannot_be_looked_into() {
    let scratch = image("dumpable");
    let mut shim = Shim::start(&Recipe::container(&scratch).command(&["sleep", "1000"]).bytes());
    let pid = shim.channel.started();
    use std::os::unix::fs::MetadataExt;
    let status = std::fs::read_to_string(format!("/proc/{}/status", shim.process.id())).unwrap();
    assert!(status.starts_with("Name:\thull-shim\n"), "{status}");
    // Not dumpable: even as its own user one is not the owner of its files in /proc. As root that shows only here:
    let environ = std::fs::metadata(format!("/proc/{pid}/environ")).unwrap();
    assert_eq!(environ.uid(), 0);
    shim.channel.send(&Frame::Signal { target: c"", signal: 9 });
    assert_eq!(shim.channel.receive(), Came::Done);
    shim.channel.exited();
    shim.ended();
}
