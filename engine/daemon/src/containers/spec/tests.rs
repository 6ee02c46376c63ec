//! Rows of Docker's messages, and what a container comes to as a whole.

use super::super::exec::ExecSpec;
use super::super::model::Container;
use super::super::mounts::{MountKind, MountSpec};
use super::super::state::State;
use super::*;
use crate::time::Time;
use hull_api::{ContainerConfig, DeviceRequest, HostConfig, ThrottleDevice, Ulimit};
use hull_runtime::cgroup::{Cgroup, Controller, Hierarchies, ShimCgroup, V1Mount};
use hull_runtime::features::{Cpuset, Kernel, LimitSupport};
use hull_runtime::plan::{container_plan, exec_plan};

const ID: &str = "0123456789ab0123456789ab0123456789ab0123456789ab0123456789abcdef";

fn everything() -> LimitSupport {
    LimitSupport {
        memory: true,
        swap: true,
        reservation: true,
        swappiness: true,
        oom_kill_disable: true,
        cpu_shares: true,
        cpu_cfs: true,
        cpu_realtime: true,
        cpuset: true,
        pids: true,
        blkio_weight: true,
        blkio_weight_device: true,
        blkio_throttle: true,
    }
}

/// A hybrid host with two CPUs that lacks `CAP_SYS_RESOURCE`.
fn features(limits: LimitSupport) -> Features {
    let mount = |controllers: &[Controller], name: &str| V1Mount {
        controllers: controllers.to_vec(),
        root: format!("/sys/fs/cgroup/{name}").into(),
    };
    let v1 = vec![
        mount(&[Controller::Cpu, Controller::Cpuacct], "cpu,cpuacct"),
        mount(&[Controller::Devices], "devices"),
        mount(&[Controller::Memory], "memory"),
        mount(&[Controller::Pids], "pids"),
    ];
    Features {
        hierarchies: Hierarchies::assemble(v1, "/sys/fs/cgroup/unified".into(), "0::/\n", Vec::new()),
        limits,
        cpuset: Cpuset { cpus: "0-1".to_owned(), mems: "0".to_owned() },
        cpus: 2,
        bounding: 0x1ff_feff_ffff,
        oom_score_adj: 0,
        kernel: Kernel { seccomp: true, cgroup_namespaces: true, ..Kernel::default() },
    }
}

fn host() -> Host {
    let features = features(everything());
    let shims = ShimCgroup::layout(&features.hierarchies, "e");
    Host { features, filters: Filters::new(), shims }
}

fn paths() -> Paths {
    Paths::new(Path::new("/var/lib/hull"), Path::new("/run/hull"))
}

fn container(config: ContainerConfig, host_config: HostConfig) -> Container {
    Container {
        id: ID.to_owned().try_into().unwrap(),
        name: "c".to_owned(),
        created: Time::now(),
        image: "sha256:0".to_owned(),
        layers: vec!["l/b".to_owned(), "l/a".to_owned()],
        path: "sh".to_owned(),
        args: vec!["-c".to_owned(), "true".to_owned()],
        config,
        host_config,
        networking: hull_api::NetworkingConfig::default(),
        mounts: Vec::new(),
        state: State::NEW,
        endpoint: None,
        cgroup_id: None,
        restart_count: 0,
        stopped_by_user: false,
    }
}

/// As create leaves it.
fn defaults() -> HostConfig {
    HostConfig {
        network_mode: "bridge".to_owned(),
        ipc_mode: "private".to_owned(),
        cgroupns_mode: "host".to_owned(),
        shm_size: 64 << 20,
        ..HostConfig::default()
    }
}

/// The plan as text, one step a line.
fn plan(container: &Container, netns: Option<&Path>) -> String {
    let (paths, host) = (paths(), host());
    let inputs = Inputs {
        paths: &paths,
        netns,
        joins: Joins { pid: Some(7), ipc: Some(8), net: Some(9) },
        files_of: &container.id,
    };
    let built = build(container, &inputs, &host).unwrap();
    let cgroup = Cgroup::layout(&host.features.hierarchies, "e", ID);
    let mut extras = extras(container, &inputs, &host, &cgroup).unwrap();
    // Its bytes are the seccomp module's business, and many.
    extras.seccomp.iter_mut().for_each(|program| *program = vec![0; 8].into());
    let plan = container_plan(&built.spec, &extras).unwrap();
    plan.steps().map(|step| format!("{step:?}\n").replace(ID, "ID")).collect()
}

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

/// What a change of the host configuration says: an error, or its warnings.
fn said(change: impl FnOnce(&mut HostConfig)) -> String {
    said_on(everything(), change)
}

fn said_on(limits: LimitSupport, change: impl FnOnce(&mut HostConfig)) -> String {
    let mut host = defaults();
    change(&mut host);
    match validate(&mut ContainerConfig::default(), &mut host, &features(limits)) {
        Ok(warnings) => warnings.join("|"),
        Err(error) => error.to_string(),
    }
}

const MB: i64 = 1 << 20;

#[test]
fn bad_memory_limits_in_dockers_words() {
    assert_eq!(said(|h| h.memory = 6 * MB - 1), "Minimum memory limit allowed is 6MB");
    assert_eq!(said(|h| h.memory = 6 * MB), "");
    assert_eq!(
        said(|h| (h.memory, h.memory_swap) = (20 * MB, 10 * MB)),
        "Minimum memoryswap limit should be larger than memory limit, see usage"
    );
    assert_eq!(
        said(|h| h.memory_swap = 20 * MB),
        "You should always set the Memory limit when using Memoryswap limit, see usage"
    );
    assert_eq!(said(|h| (h.memory, h.memory_swap) = (20 * MB, -1)), "");
    assert_eq!(said(|h| h.memory_reservation = MB), "Minimum memory reservation allowed is 6MB");
    assert_eq!(
        said(|h| (h.memory, h.memory_reservation) = (10 * MB, 20 * MB)),
        "Minimum memory limit can not be less than memory reservation limit, see usage"
    );
    assert_eq!(said(|h| h.memory_swappiness = Some(101)), "Invalid value: 101, valid memory swappiness range is 0-100");
    assert_eq!(said(|h| h.memory_swappiness = Some(-1)), "");
    assert_eq!(
        said(|h| h.oom_kill_disable = Some(true)),
        "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources."
    );
    assert_eq!(said(|h| (h.oom_kill_disable, h.memory) = (Some(true), 10 * MB)), "");
    assert_eq!(said(|h| h.oom_score_adj = 1001), "Invalid value 1001, range for oom score adj is [-1000, 1000]");
    assert_eq!(said(|h| h.shm_size = -1), "SHM size can not be less than 0");
}

#[test]
fn bad_cpu_limits_in_dockers_words() {
    let cpus = "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available";
    assert_eq!(said(|h| h.nano_cpus = 2_000_000_001), cpus);
    assert_eq!(said(|h| h.nano_cpus = -1), cpus);
    assert_eq!(said(|h| h.nano_cpus = 2_000_000_000), "");
    assert_eq!(
        said(|h| (h.nano_cpus, h.cpu_quota) = (1, 5000)),
        "Conflicting options: Nano CPUs and CPU Quota cannot both be set"
    );
    assert_eq!(
        said(|h| (h.nano_cpus, h.cpu_period) = (1, 5000)),
        "Conflicting options: Nano CPUs and CPU Period cannot both be set"
    );
    let period = "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)";
    assert_eq!(said(|h| h.cpu_period = 999), period);
    assert_eq!(said(|h| h.cpu_period = 1_000_001), period);
    assert_eq!(said(|h| h.cpu_quota = 999), "CPU cfs quota can not be less than 1ms (i.e. 1000)");
    assert_eq!(said(|h| h.cpu_quota = -1), "");
    assert_eq!(said(|h| h.cpu_shares = -5), "invalid CPU shares (-5): value must be a positive integer");
    let set = |list: &str| said(|h| list.clone_into(&mut h.cpuset_cpus));
    assert_eq!(set("0-9"), "Requested CPUs are not available - requested 0-9, available: 0-1");
    assert_eq!(set("a"), "Invalid value a for cpuset cpus: invalid format: a");
    assert_eq!(
        said(|h| "5".clone_into(&mut h.cpuset_mems)),
        "Requested memory nodes are not available - requested 5, available: 0"
    );
}

#[test]
fn other_bad_values_in_dockers_words() {
    assert_eq!(said(|h| h.blkio_weight = 9), "Range of blkio weight is from 10 to 1000");
    assert_eq!(said(|h| h.blkio_weight = 1001), "Range of blkio weight is from 10 to 1000");
    let ulimit = |name: &str, soft, hard| said(|h| h.ulimits.push(Ulimit { name: name.to_owned(), soft, hard }));
    assert_eq!(ulimit("nofile", 10, 5), "ulimit soft limit must be less than or equal to hard limit: 10 > 5");
    assert_eq!(ulimit("nofile", -1, 5), "ulimit soft limit must be less than or equal to hard limit: -1 > 5");
    assert_eq!(ulimit("rss", 5, -1), "");
    assert_eq!(ulimit("wings", 1, 1), "invalid ulimit type: wings");
    assert_eq!(said(|h| "x".clone_into(&mut h.ipc_mode)), "invalid IPC mode: x");
    assert_eq!(said(|h| "container:".clone_into(&mut h.pid_mode)), "invalid PID mode: container:");
    assert_eq!(said(|h| "container:x".clone_into(&mut h.uts_mode)), "invalid UTS mode: container:x");
    assert_eq!(said(|h| "x".clone_into(&mut h.cgroupns_mode)), "invalid cgroup namespace mode: x");
    assert_eq!(said(|h| h.cap_add.push("FLY".to_owned())), "invalid capability: \"FLY\"");
    assert_eq!(said(|h| h.security_opt.push("x".to_owned())), "invalid --security-opt 1: \"x\"");
    assert_eq!(said(|h| h.security_opt.push("x=y".to_owned())), "invalid --security-opt 2: \"x=y\"");
    assert_eq!(said(|h| h.device_cgroup_rules.push("x".to_owned())), "invalid device cgroup rule format: 'x'");
    let gpu = DeviceRequest { count: -1, capabilities: vec![vec!["gpu".to_owned()]], ..DeviceRequest::default() };
    assert_eq!(said(|h| h.device_requests.push(gpu)), "could not select device driver \"\" with capabilities: [[gpu]]");
    let sysctl = |key: &str, network: &str| {
        said(|h| {
            h.sysctls.insert(key.to_owned(), "1".to_owned());
            network.clone_into(&mut h.network_mode);
        })
    };
    assert_eq!(sysctl("net.core.somaxconn", "bridge"), "");
    assert_eq!(
        sysctl("net.core.somaxconn", "host"),
        "sysctl 'net.core.somaxconn' is not allowed in the host's network namespace"
    );
    assert_eq!(sysctl("vm.swappiness", "bridge"), "sysctl \"vm.swappiness\" is not in a separate kernel namespace");
}

#[test]
fn what_the_kernel_lacks_is_discarded_with_dockers_warning() {
    let none = LimitSupport::default();
    let throttle = || vec![ThrottleDevice { path: "/dev/vda".to_owned(), rate: 1 }];
    for (warning, change) in [
        (
            "Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation discarded.",
            (|h: &mut HostConfig| h.memory = 100 * MB) as fn(&mut HostConfig),
        ),
        (
            "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.",
            |h| h.memory_swappiness = Some(5),
        ),
        ("Your kernel does not support OomKillDisable. OomKillDisable discarded.", |h| h.oom_kill_disable = Some(true)),
        ("Your kernel does not support CPU shares or the cgroup is not mounted. Shares discarded.", |h| {
            h.cpu_shares = 5
        }),
        ("Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.", |h| h.cpu_quota = 5000),
        ("Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded.", |h| {
            "0".clone_into(&mut h.cpuset_cpus)
        }),
        ("Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.", |h| {
            h.blkio_weight = 500
        }),
        (
            "Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded.",
            |h| h.pids_limit = Some(5),
        ),
    ] {
        assert_eq!(said_on(none, change), warning);
    }
    assert_eq!(
        said_on(none, |h| h.blkio_device_read_bps = throttle()),
        "Your kernel does not support BPS Block I/O read limit or the cgroup is not mounted. Block I/O BPS read limit discarded."
    );
    let no_swap = LimitSupport { swap: false, ..everything() };
    assert_eq!(
        said_on(no_swap, |h| (h.memory, h.memory_swap) = (100 * MB, 200 * MB)),
        "Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap."
    );
}

#[test]
fn a_discarded_value_is_gone() {
    let mut host = HostConfig { cpu_shares: 5, blkio_weight: 500, ..defaults() };
    validate(&mut ContainerConfig::default(), &mut host, &features(LimitSupport::default())).unwrap();
    assert_eq!((host.cpu_shares, host.blkio_weight), (0, 0));
}

#[test]
fn an_update_may_give_swap_alone() {
    let mut host = HostConfig { memory_swap: 200 * MB, ..defaults() };
    assert_eq!(validate_update(&mut host, &features(everything())).unwrap(), Vec::<String>::new());
}

#[test]
fn the_hosts_files_and_mounts_exclude_each_other() {
    let with = |change: fn(&mut HostConfig)| {
        said(|h| {
            "host".clone_into(&mut h.mnt_mode);
            change(h);
        })
    };
    let text = |what| format!("--mnt=host runs the container on the host's own files: {what} cannot be used with it");
    assert_eq!(with(|_| ()), "");
    assert_eq!(with(|h| h.binds.push("/a:/b".to_owned())), text("a volume"));
    assert_eq!(with(|h| h.mounts.push(hull_api::Mount::default())), text("a volume"));
    assert_eq!(with(|h| drop(h.tmpfs.insert("/t".to_owned(), String::new()))), text("a tmpfs"));
    assert_eq!(with(|h| h.readonly_rootfs = true), text("a read-only root"));
    assert_eq!(said(|h| "ours".clone_into(&mut h.mnt_mode)), "invalid mount namespace mode: ours");
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
        target: target.to_owned(),
        read_only: false,
        propagation: String::new(),
        recursive: true,
        copy_up: false,
        mode: String::new(),
        create_source: true,
        tmpfs_options: String::new(),
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
    let refused = said(|h| h.security_opt.push("apparmor=docker-nginx".to_owned()));
    assert!(refused.contains("docker-nginx"), "{refused}");
}
