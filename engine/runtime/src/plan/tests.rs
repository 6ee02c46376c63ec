//! Plans as tables: a spec as JSON, the steps that it must (not) have.

use super::*;
use crate::cgroup::{Controller, Mode};
use hull_plan::Step;

fn spec(json: &str) -> Spec {
    serde_json::from_str(json).unwrap()
}

fn extras() -> Extras {
    Extras {
        rootfs: Rootfs::Overlay {
            layers: "/d/layers".into(),
            lower: vec!["l/b".into(), "l/a".into()],
            upper: "/d/c/upper".into(),
            work: "/d/c/work".into(),
        },
        cgroup: CgroupPlace {
            mode: Mode::Hybrid,
            unified: "/cg/unified/e/c".into(),
            v1: vec![
                (vec![Controller::Cpu, Controller::Cpuacct], "/cg/cpu,cpuacct/e/c".into()),
                (vec![Controller::Pids], "/cg/pids/e/c".into()),
            ],
        },
        shim_procs: vec!["/cg/unified/e/shims/cgroup.procs".into()],
        oom_file: None,
        control_socket: "/r/ctl".into(),
        exit_record: "/r/exit.json".into(),
        log: None,
        stdin: Stdin::Null,
        attach_on_start: false,
        user: String::new(),
        groups: Vec::new(),
        copy_up: Vec::new(),
        special_binds: Vec::new(),
        init: false,
        seccomp: Vec::new(),
    }
}

/// Each step on a line, as `{:?}` prints it.
fn lines(spec: &Spec, extras: &Extras) -> Vec<String> {
    container_plan(spec, extras).unwrap().steps().map(|step| format!("{step:?}")).collect()
}

const MINIMAL: &str = r#"{"ociVersion":"1.2.0","process":{"user":{"uid":0,"gid":0},"cwd":"/","args":["true"]},
    "linux":{"namespaces":[{"type":"mount"},{"type":"pid"}]}}"#;

/// The spec above with some of its parts replaced.
fn with(patch: &str) -> Spec {
    let mut value: serde_json::Value = serde_json::from_str(MINIMAL).unwrap();
    let patch: serde_json::Value = serde_json::from_str(patch).unwrap();
    merge(&mut value, patch);
    serde_json::from_value(value).unwrap()
}

fn merge(into: &mut serde_json::Value, patch: serde_json::Value) {
    match (into, patch) {
        (serde_json::Value::Object(into), serde_json::Value::Object(patch)) => {
            for (key, value) in patch {
                merge(into.entry(key).or_insert(serde_json::Value::Null), value);
            }
        }
        (into, patch) => *into = patch,
    }
}

#[test]
fn a_minimal_container() {
    let expected = "\
ShimCgroup { procs: \"/cg/unified/e/shims/cgroup.procs\" }
ControlSocket { path: \"/r/ctl\" }
ExitRecord { path: \"/r/exit.json\" }
Namespaces { flags: 537001984 }
Cgroup2 { path: \"/cg/unified/e/c\" }
CgroupProcs { procs: \"/cg/cpu,cpuacct/e/c/cgroup.procs\" }
CgroupProcs { procs: \"/cg/pids/e/c/cgroup.procs\" }
RootPropagation { flags: 540672 }
Overlay { cwd: \"/d/layers\", options: \"lowerdir=l/b:l/a,upperdir=/d/c/upper,workdir=/d/c/work,redirect_dir=off,metacopy=off,index=off\" }
Symlink { target: \"/proc/self/fd\", path: \"/dev/fd\" }
Symlink { target: \"/proc/self/fd/0\", path: \"/dev/stdin\" }
Symlink { target: \"/proc/self/fd/1\", path: \"/dev/stdout\" }
Symlink { target: \"/proc/self/fd/2\", path: \"/dev/stderr\" }
Symlink { target: \"pts/ptmx\", path: \"/dev/ptmx\" }
PivotRoot
User { spec: \"\" }
Cwd { path: \"/\" }
Arg { value: \"true\" }";
    assert_eq!(lines(&spec(MINIMAL), &extras()).join("\n"), expected);
}

#[test]
fn namespaces_are_made_joined_or_left() {
    let spec = with(
        r#"{"hostname":"h","linux":{"namespaces":[{"type":"mount"},{"type":"uts"},{"type":"cgroup"},
            {"type":"network","path":"/proc/7/ns/net"}]}}"#,
    );
    let lines = lines(&spec, &extras());
    let new = nix::libc::CLONE_NEWNS | nix::libc::CLONE_NEWUTS;
    assert!(lines.contains(&format!("Namespaces {{ flags: {new} }}")), "{lines:#?}");
    assert!(lines.contains(&"JoinNamespace { kind: 1073741824, path: \"/proc/7/ns/net\" }".to_owned()));
    assert!(lines.contains(&"Hostname { name: \"h\" }".to_owned()));
    let at = |name: &str| lines.iter().position(|line| line.starts_with(name)).unwrap();
    assert!(at("CgroupProcs") < at("UnshareCgroup") && at("UnshareCgroup") < at("Overlay"));
    let all = nix::libc::CLONE_NEWNS | nix::libc::CLONE_NEWUTS | nix::libc::CLONE_NEWCGROUP | nix::libc::CLONE_NEWNET;
    assert_eq!(namespace_kinds(&spec), u64::from(all.cast_unsigned()));
}

#[test]
fn the_hosts_name_is_left_alone() {
    let lines = lines(&with(r#"{"hostname":"h","domainname":"d"}"#), &extras());
    assert!(!lines.iter().any(|line| line.contains("ostname") || line.contains("omainname")), "{lines:#?}");
}

#[test]
fn v1_cgroups_are_bound_and_v2_is_mounted() {
    let spec = with(r#"{"mounts":[{"destination":"/sys/fs/cgroup","type":"cgroup","options":["nosuid","ro"]}]}"#);
    let text = lines(&spec, &extras()).join("\n");
    for line in [
        "Mount { fstype: \"tmpfs\", source: \"cgroup\", target: \"/sys/fs/cgroup\"",
        "Bind { source: \"/cg/cpu,cpuacct/e/c\", target: \"/sys/fs/cgroup/cpu,cpuacct\"",
        "Symlink { target: \"cpu,cpuacct\", path: \"/sys/fs/cgroup/cpuacct\" }",
        "Bind { source: \"/cg/pids/e/c\", target: \"/sys/fs/cgroup/pids\"",
        "Bind { source: \"/cg/unified/e/c\", target: \"/sys/fs/cgroup/unified\"",
        "ReadonlyPath { path: \"/sys/fs/cgroup\" }",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    let mut v2 = extras();
    v2.cgroup = CgroupPlace { mode: Mode::V2, unified: "/cg/e/c".into(), v1: Vec::new() };
    let text = lines(&spec, &v2).join("\n");
    assert!(
        text.contains(
            "Mount { fstype: \"cgroup2\", source: \"cgroup\", target: \"/sys/fs/cgroup\", flags: 3, data: \"\" }"
        ),
        "{text}"
    );
    assert!(!text.contains("Bind"));
}

#[test]
fn a_fresh_volume_is_filled_before_it_is_bound() {
    let spec = with(
        r#"{"mounts":[{"destination":"/data","type":"bind","source":"/v","options":["rbind","ro","rro","rprivate"]}]}"#,
    );
    let mut extras = extras();
    extras.copy_up.push(CopyUp { source: "/v".into(), target: "/data".into() });
    let lines = lines(&spec, &extras);
    let at = lines.iter().position(|line| line.starts_with("CopyUp")).unwrap();
    let flags = nix::libc::MS_REC | nix::libc::MS_RDONLY;
    let propagation = nix::libc::MS_REC | nix::libc::MS_PRIVATE;
    let bind = format!("Bind {{ source: \"/v\", target: \"/data\", flags: {flags}, propagation: {propagation} }}");
    assert_eq!(lines[at..at + 2], ["CopyUp { source: \"/v\", target: \"/data\" }".to_owned(), bind]);
}

#[test]
fn read_only_is_the_mount_or_all_that_is_mounted_below() {
    use hull_plan::step::READONLY_TOP;
    use nix::libc::{MS_RDONLY, MS_REC};
    let flags = |options: &str| {
        let mount =
            format!(r#"{{"mounts":[{{"destination":"/data","type":"bind","source":"/v","options":[{options}]}}]}}"#);
        let lines = lines(&with(&mount), &extras());
        let bind = lines.iter().find(|line| line.contains("target: \"/data\"")).unwrap();
        let (_, flags) = bind.split_once("flags: ").unwrap();
        flags.split(',').next().unwrap().parse::<u64>().unwrap()
    };
    assert_eq!(flags(r#""rbind","ro""#), MS_REC | MS_RDONLY | READONLY_TOP);
    assert_eq!(flags(r#""rbind","ro","rro""#), MS_REC | MS_RDONLY);
    assert_eq!(flags(r#""bind","ro""#), MS_RDONLY);
    assert_eq!(flags(r#""rbind""#), MS_REC);
}

#[test]
fn who_binds_a_whole_dev_keeps_it_as_it_is() {
    let spec = with(
        r#"{"mounts":[{"destination":"/dev","type":"bind","source":"/dev","options":["rbind"]}],
            "linux":{"devices":[{"path":"/dev/null","type":"c","major":1,"minor":3}]}}"#,
    );
    assert!(!lines(&spec, &extras()).iter().any(|line| line.starts_with("Device") || line.starts_with("Symlink")));
}

#[test]
fn a_terminal_stdin_and_attachment() {
    let spec = with(r#"{"process":{"terminal":true,"consoleSize":{"height":24,"width":80}}}"#);
    let extras = Extras { stdin: Stdin::Once, attach_on_start: true, ..extras() };
    let lines = lines(&spec, &extras);
    let start = lines.iter().position(|line| line.starts_with("Stdin")).unwrap();
    assert_eq!(lines[start..start + 3], ["Stdin { once: true }", "Terminal { rows: 24, cols: 80 }", "AttachOnStart"]);
}

#[test]
fn identity_and_privileges_come_last() {
    let spec = with(
        r#"{"process":{"noNewPrivileges":true,"rlimits":[{"type":"RLIMIT_NOFILE","hard":20,"soft":10}],"env":["A=1"],"args":["a","b"],
            "capabilities":{"bounding":["CAP_KILL"],"effective":["CAP_KILL"],"permitted":["CAP_KILL"]}}}"#,
    );
    let extras = Extras {
        user: "www-data:www".to_owned(),
        groups: vec!["adm".to_owned()],
        seccomp: vec![vec![6, 0, 0, 0, 0, 0, 0, 0].into()],
        ..extras()
    };
    let lines = lines(&spec, &extras);
    let from = lines.iter().position(|line| line == "PivotRoot").unwrap() + 1;
    assert_eq!(
        lines[from..],
        [
            "User { spec: \"www-data:www\" }",
            "Group { spec: \"adm\" }",
            "Cwd { path: \"/\" }",
            "NoNewPrivileges",
            "Capabilities { bounding: 32, effective: 32, permitted: 32, inheritable: 0, ambient: 0 }",
            "Seccomp { flags: 0, program: [6, 0, 0, 0, 0, 0, 0, 0] }",
            "Env { entry: \"A=1\" }",
            "Arg { value: \"a\" }",
            "Arg { value: \"b\" }",
        ]
    );
    assert!(lines.contains(&"Rlimit { resource: 7, soft: 10, hard: 20 }".to_owned()));
}

#[test]
fn the_hosts_files_are_not_touched() {
    let on_host = |patch: &str| {
        let base = r#"{"linux":{"namespaces":[{"type":"pid"}],"maskedPaths":[],"readonlyPaths":[]},"mounts":[]}"#;
        let mut value: serde_json::Value = serde_json::from_str(base).unwrap();
        merge(&mut value, serde_json::from_str(patch).unwrap());
        container_plan(&with(&value.to_string()), &Extras { rootfs: Rootfs::Host, ..extras() })
    };
    let plan = on_host("{}").unwrap();
    let touching = |step: &Step<'_>| {
        matches!(
            step,
            Step::Mount { .. }
                | Step::Bind { .. }
                | Step::Overlay { .. }
                | Step::RootPropagation { .. }
                | Step::MaskPath { .. }
                | Step::ReadonlyPath { .. }
                | Step::Device { .. }
                | Step::Symlink { .. }
                | Step::PivotRoot
        )
    };
    assert_eq!(plan.steps().find(touching), None);
    assert!(plan.steps().any(|step| step == Step::RootHost));
    for (patch, what) in [
        (r#"{"linux":{"namespaces":[{"type":"mount"}]}}"#, "a mount namespace"),
        (r#"{"mounts":[{"destination":"/x","type":"tmpfs"}]}"#, "mounts"),
        (r#"{"linux":{"maskedPaths":["/proc/kcore"]}}"#, "masked paths"),
        (r#"{"linux":{"readonlyPaths":["/proc/sys"]}}"#, "read-only paths"),
        (r#"{"root":{"path":"x","readonly":true}}"#, "a read-only root"),
    ] {
        assert_eq!(on_host(patch).unwrap_err(), PlanError::OnHost { what });
    }
}

#[test]
fn what_cannot_be_said_to_the_kernel_is_refused() {
    let plan = |patch: &str| container_plan(&with(patch), &extras()).unwrap_err();
    assert_eq!(plan(r#"{"process":{"args":[]}}"#), PlanError::NoCommand);
    let nul = PlanError::Nul { what: "argument", value: "a\0b".to_owned() };
    assert_eq!(plan(r#"{"process":{"args":["a\u0000b"]}}"#), nul);
    let no_source = plan(r#"{"mounts":[{"destination":"/x","type":"bind","options":["rbind"]}]}"#);
    assert_eq!(no_source.to_string(), "mount at /x: a bind needs a source");
    let relative = plan(r#"{"mounts":[{"destination":"x","type":"tmpfs"}]}"#);
    assert_eq!(relative.to_string(), "mount at x: the target is not an absolute path");
}

#[test]
fn an_exec_joins_and_makes_nothing() {
    let process: Process =
        serde_json::from_str(r#"{"user":{"uid":0,"gid":0},"cwd":"/w","args":["id"],"env":["A=1"]}"#).unwrap();
    let extras = ExecExtras {
        namespaces: 0x2002_0000,
        cgroup: extras().cgroup,
        exit_record: Some("/r/exec-1.json".into()),
        stdin: Stdin::Open,
        user: "7".to_owned(),
        groups: Vec::new(),
        seccomp: Vec::new(),
    };
    let plan = exec_plan(&process, &extras).unwrap();
    let lines: Vec<_> = plan.steps().map(|step| format!("{step:?}")).collect();
    let expected = [
        "ExitRecord { path: \"/r/exec-1.json\" }",
        "Stdin { once: false }",
        "JoinInit { kinds: 537001984 }",
        "Cgroup2 { path: \"/cg/unified/e/c\" }",
        "CgroupProcs { procs: \"/cg/cpu,cpuacct/e/c/cgroup.procs\" }",
        "CgroupProcs { procs: \"/cg/pids/e/c/cgroup.procs\" }",
        "User { spec: \"7\" }",
        "Cwd { path: \"/w\" }",
        "Env { entry: \"A=1\" }",
        "Arg { value: \"id\" }",
    ];
    assert_eq!(lines, expected);
}
