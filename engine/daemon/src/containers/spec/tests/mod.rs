//! Rows of Docker's messages, and what a container comes to as a whole.

mod messages;
mod plans;

use super::super::model::Container;
use super::*;
use hull_api::{ContainerConfig, HostConfig};
use hull_runtime::cgroup::{Controller, Driver, Hierarchies, ShimCgroup, V1Mount};
use hull_runtime::features::{Cpuset, Kernel, LimitSupport};
use hull_runtime::plan::container_plan;

const ID: &str = "0123456789ab0123456789ab0123456789ab0123456789ab0123456789abcdef";

fn everything() -> LimitSupport {
    LimitSupport {
        memory: true,
        swap: true,
        reservation: true,
        swappiness: true,
        oom_kill_disable: true,
        oom_kill_group: true,
        cpu_shares: true,
        cpu_cfs: true,
        cpu_burst: true,
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
    Host { features, filters: Filters::new(), shims, cgroups: Driver::default() }
}

fn paths() -> Paths {
    Paths::new(Path::new("/var/lib/hull"), Path::new("/run/hull"))
}

fn container(config: ContainerConfig, host_config: HostConfig) -> Container {
    Container { config, host_config, ..Container::example() }
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
