//! What validate says: an error, or warnings.

use super::*;
use hull_api::{DeviceRequest, ThrottleDevice, Ulimit};

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
    assert_eq!(said(|h| h.cap_add.push("FLY".to_owned())), "invalid CapAdd: invalid capability: \"FLY\"");
    assert_eq!(said(|h| h.cap_drop.push("FLY".to_owned())), "invalid CapDrop: invalid capability: \"FLY\"");
    assert_eq!(said(|h| "nvidia".clone_into(&mut h.runtime)), "unknown or invalid runtime name: nvidia");
    assert_eq!(said(|h| "runc".clone_into(&mut h.runtime)), "");
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
        "sysctl \"net.core.somaxconn\" not allowed in host network namespace"
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
        ("Your kernel does not support OomKillGroup, or cgroup v2 is not in use. OomKillGroup discarded.", |h| {
            h.oom_kill_group = Some(true)
        }),
        ("Your kernel does not support CPU burst or the cgroup is not mounted. CPU burst discarded.", |h| {
            h.cpu_burst = 5
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
fn a_burst_is_part_of_a_quota() {
    assert_eq!(
        said(|h| h.cpu_burst = -2),
        "invalid CPU burst (-2): value must be a number of microseconds, or -1 for none"
    );
    let without = "CPU burst saves up unused quota: set a quota (--cpus, --cpu-quota) with it";
    assert_eq!(said(|h| h.cpu_burst = 1000), without);
    assert_eq!(said(|h| (h.cpu_quota, h.cpu_burst) = (-1, 1000)), without);
    let above = "CPU burst can not be larger than the quota (50000 microseconds)";
    assert_eq!(said(|h| (h.nano_cpus, h.cpu_burst) = (500_000_000, 50_001)), above);
    assert_eq!(said(|h| (h.cpu_quota, h.cpu_burst) = (50_000, 50_001)), above);
    for fine in [-1, 0, 1, 50_000] {
        assert_eq!(said(|h| (h.nano_cpus, h.cpu_burst) = (500_000_000, fine)), "");
    }
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
