//! From a container to the steps of its plan.

use super::super::super::exec::ExecSpec;
use super::super::super::mounts::{MountKind, MountSpec, Reach};
use super::*;
use hull_api::Ulimit;
use hull_runtime::plan::exec_plan;

#[test]
fn a_default_container_is_what_it_was() {
    let text = plan(&container(ContainerConfig::default(), defaults()), Some(Path::new("/proc/1/fd/9")));
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/containers/spec/default.plan");
    if std::env::var_os("HULL_BLESS").is_some() {
        std::fs::write(&golden, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&golden).unwrap();
    assert_eq!(
        text, expected,
        "if this is meant: HULL_BLESS=1 cargo test -p hulld default_container, and read the difference"
    );
}

#[test]
fn each_namespace_switch_changes_exactly_its_own() {
    let flags = |change: fn(&mut HostConfig)| {
        let mut host = defaults();
        "none".clone_into(&mut host.network_mode);
        change(&mut host);
        let text = plan(&container(ContainerConfig::default(), host), None);
        let line = text.lines().find(|line| line.starts_with("Namespaces")).unwrap();
        line.trim_start_matches("Namespaces { flags: ").trim_end_matches(" }").parse::<i32>().unwrap()
    };
    use nix::libc::{CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUTS};
    let all = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET;
    assert_eq!(flags(|_| ()), all);
    assert_eq!(flags(|h| "host".clone_into(&mut h.pid_mode)), all & !CLONE_NEWPID);
    assert_eq!(flags(|h| "host".clone_into(&mut h.uts_mode)), all & !CLONE_NEWUTS);
    assert_eq!(flags(|h| "host".clone_into(&mut h.ipc_mode)), all & !CLONE_NEWIPC);
    assert_eq!(flags(|h| "host".clone_into(&mut h.network_mode)), all & !CLONE_NEWNET);
    assert_eq!(flags(|h| "host".clone_into(&mut h.mnt_mode)), all & !CLONE_NEWNS);
    assert_eq!(flags(|h| "private".clone_into(&mut h.cgroupns_mode)), all, "the cgroup namespace is unshared later");
}

#[test]
fn the_log_is_as_its_driver_and_options_say() {
    let log = |driver: &str, options: &[(&str, &str)]| {
        let mut host = defaults();
        driver.clone_into(&mut host.log_config.kind);
        let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        host.log_config.config = options.collect();
        let config = ContainerConfig { env: vec!["A=b c".to_owned()], ..ContainerConfig::default() };
        let text = plan(&container(config, host), None);
        let lines = text.lines().filter(|line| line.contains("Log") || line.starts_with("AttachOnStart"));
        lines
            .map(|line| line.split_once("ID-json.log\", ").map_or(line, |(_, rest)| rest).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(log("none", &[]), ["AttachOnStart"]);
    assert_eq!(log("local", &[]), ["max_size: 20971520, max_files: 5 }"]);
    assert_eq!(
        log("json-file", &[("max-size", "1m"), ("max-file", "7"), ("env", "A")]),
        ["max_size: 1000000, max_files: 7 }", r#"LogAttributes { json: "{\"A\":\"b c\"}" }"#]
    );
}

#[test]
fn another_containers_namespaces_are_joined() {
    let mut host = defaults();
    "container:x".clone_into(&mut host.pid_mode);
    "container:x".clone_into(&mut host.ipc_mode);
    "container:x".clone_into(&mut host.network_mode);
    let text = plan(&container(ContainerConfig::default(), host), None);
    for path in ["/proc/7/ns/pid", "/proc/8/ns/ipc", "/proc/9/ns/net"] {
        assert!(text.contains(&format!("path: \"{path}\"")), "{path}");
    }
    assert!(!text.contains("Sysctl"), "another's network is not ours to change");
}

#[test]
fn with_the_hosts_files_nothing_is_mounted_or_made() {
    let host = HostConfig { mnt_mode: "host".to_owned(), ..defaults() };
    let text = plan(&container(ContainerConfig::default(), host), None);
    assert!(text.contains("RootHost\n"));
    for step in [
        "Mount {",
        "Bind {",
        "Overlay",
        "Device",
        "Symlink",
        "MaskPath",
        "ReadonlyPath",
        "PivotRoot",
        "RootPropagation",
        "Sysctl",
    ] {
        assert!(!text.contains(step), "{step} in\n{text}");
    }
}

#[test]
fn a_privileged_container_has_all_that_this_engine_has() {
    let text = plan(&container(ContainerConfig::default(), HostConfig { privileged: true, ..defaults() }), None);
    let bounding = 0x1ff_feff_ffff_u64;
    assert!(text.contains(&format!("Capabilities {{ bounding: {bounding}")), "all but CAP_SYS_RESOURCE");
    for step in ["MaskPath", "ReadonlyPath", "Seccomp"] {
        assert!(!text.contains(step), "{step}");
    }
    assert_eq!(
        said(|h| h.privileged = true),
        "This engine does not have CAP_SYS_RESOURCE itself and cannot hand it on. The container runs without."
    );
    assert_eq!(
        said(|h| h.oom_score_adj = -5),
        "oom score adj -5: this engine runs at 0 and has no right to go below. Setting discarded."
    );
}

#[test]
fn mounts_of_the_users_replace_the_defaults_and_lie_in_order() {
    let mount = |source: &str, target: &str| MountSpec {
        kind: MountKind::Bind,
        name: None,
        source: source.into(),
        image: None,
        target: target.to_owned(),
        read_only: false,
        reach: Reach::default(),
        propagation: String::new(),
        recursive: true,
        copy_up: false,
        mode: String::new(),
        create_source: true,
        tmpfs_options: String::new(),
        subpath: String::new(),
    };
    let mut shm = container(ContainerConfig::default(), defaults());
    shm.mounts = vec![mount("/b", "/a/b/c/d"), mount("/x", "/dev/shm"), mount("/h", "/etc/hosts"), mount("/a", "/a")];
    let text = plan(&shm, None);
    let targets: Vec<_> = text
        .lines()
        .filter(|l| l.starts_with("Bind") && !l.contains("/sys/fs"))
        .map(|l| l.split('"').nth(3).unwrap())
        .collect();
    assert_eq!(targets, ["/a", "/etc/resolv.conf", "/etc/hostname", "/dev/shm", "/etc/hosts", "/a/b/c/d"]);
    assert!(!text.contains("\"shm\""), "the default /dev/shm is replaced");
}

#[test]
fn environment_terminal_and_stdin() {
    let config = ContainerConfig {
        tty: true,
        open_stdin: true,
        stdin_once: true,
        env: vec!["PATH=/bin".to_owned(), "A=1".to_owned(), "TERM".to_owned()],
        working_dir: "/w".to_owned(),
        user: "7:8".to_owned(),
        ..ContainerConfig::default()
    };
    let text = plan(
        &container(config, HostConfig { console_size: [24, 80], group_add: vec!["adm".to_owned()], ..defaults() }),
        None,
    );
    for line in [
        "Stdin { once: true }",
        "Terminal { rows: 24, cols: 80 }",
        "User { spec: \"7:8\" }\nGroup { spec: \"adm\" }\nCwd { path: \"/w\" }",
        "Env { entry: \"PATH=/bin\" }\nEnv { entry: \"HOSTNAME=0123456789ab\" }\nEnv { entry: \"A=1\" }\nArg",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
}

#[test]
fn limits_become_oci_resources() {
    let host = HostConfig {
        memory: 100 * MB,
        memory_swap: 200 * MB,
        nano_cpus: 500_000_000,
        cpu_shares: 512,
        pids_limit: Some(9),
        ..defaults()
    };
    let resources = resources(&host, &features(everything())).unwrap();
    let (memory, cpu) = (resources.memory().unwrap(), resources.cpu().clone().unwrap());
    assert_eq!((memory.limit(), memory.swap()), (Some(100 * MB), Some(200 * MB)));
    assert_eq!((cpu.quota(), cpu.period(), cpu.shares()), (Some(50_000), Some(100_000), Some(512)));
    assert_eq!(resources.pids().unwrap().limit(), 9);
    assert_eq!(*resources.block_io(), None);
}

#[test]
fn a_ulimit_above_the_hosts_is_lowered_and_said() {
    let hard = i64::try_from(rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum.unwrap_or(1 << 20))
        .unwrap();
    let ulimits = || vec![Ulimit { name: "nofile".to_owned(), soft: 10, hard: hard + 1 }];
    let warning = said(|h| h.ulimits = ulimits());
    assert!(warning.starts_with("ulimit nofile: the host's hard limit is"), "{warning}");
    let limited = container(ContainerConfig::default(), HostConfig { ulimits: ulimits(), ..defaults() });
    assert!(plan(&limited, None).contains(&format!("Rlimit {{ resource: 7, soft: 10, hard: {hard} }}")));
}

#[test]
fn an_exec_has_the_containers_restrictions_unless_it_is_privileged() {
    let config = ContainerConfig { user: "www".to_owned(), env: vec!["A=1".to_owned()], ..ContainerConfig::default() };
    let container = container(config, HostConfig { cap_drop: vec!["ALL".to_owned()], ..defaults() });
    let (paths, host) = (paths(), host());
    let cgroup = Cgroup::layout(&host.features.hierarchies, "e", ID);
    let plan = |spec: ExecSpec| {
        let (process, extras) = exec(&container, &spec, &paths, &host, &cgroup).unwrap();
        let plan = exec_plan(&process, &extras).unwrap();
        plan.steps().map(|step| format!("{step:?}\n")).collect::<String>()
    };
    let argv = || vec!["id".to_owned()];
    let plain = plan(ExecSpec { id: "x".to_owned(), argv: argv(), env: vec!["A=2".to_owned()], ..ExecSpec::default() });
    for part in ["bounding: 0,", "Seccomp", "spec: \"www\"", "entry: \"A=2\"", "JoinInit { kinds: 1812070400 }"] {
        assert!(plain.contains(part), "{part} in\n{plain}");
    }
    let privileged = plan(ExecSpec { argv: argv(), user: "0".to_owned(), privileged: true, ..ExecSpec::default() });
    assert!(privileged.contains("bounding: 2199006478335,") && !privileged.contains("Seccomp"), "{privileged}");
    assert!(privileged.contains("spec: \"0\""));
}

#[test]
fn security_options() {
    let with = |option: &str| {
        let host = HostConfig { security_opt: vec![option.to_owned()], ..defaults() };
        plan(&container(ContainerConfig::default(), host), None)
    };
    assert!(with("no-new-privileges").contains("NoNewPrivileges"));
    assert!(!with("seccomp=unconfined").contains("Seccomp"));
    assert!(with("seccomp={\"defaultAction\":\"SCMP_ACT_ALLOW\"}").contains("Seccomp"));
    assert!(!with("systempaths=unconfined").contains("MaskPath"));
    // Kept by create; the start refuses it.
    assert_eq!(said(|h| h.security_opt.push("apparmor=docker-nginx".to_owned())), "");
}
