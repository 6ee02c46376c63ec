//! Which namespaces are the container's own, which are shared with whom.

use super::super::model::{Container, NetworkMode};
use super::Inputs;
use super::invalid::Invalid;
use hull_api::HostConfig;
use oci_spec::runtime::{LinuxNamespace, LinuxNamespaceBuilder, LinuxNamespaceType};
use std::collections::HashMap;
use std::path::PathBuf;

/// Host pids of the containers whose namespaces are joined (`container:<id>`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "one for each namespace")]
pub struct Joins {
    pub pid: Option<u32>,
    pub ipc: Option<u32>,
    pub net: Option<u32>,
}

/// Sysctls that Docker sets in every network namespace of its own: ports below 1024 and ping without privileges.
const NETWORK_SYSCTLS: [(&str, &str); 2] =
    [("net.ipv4.ip_unprivileged_port_start", "0"), ("net.ipv4.ping_group_range", "0 2147483647")];

/// Sysctls of the IPC namespace; those of the network's begin with `net.`.
const IPC_SYSCTLS: [&str; 9] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
    "fs.mqueue.",
];

/// The namespaces of a container; one that is not in the list is the host's. User and time are always.
pub(super) fn of(container: &Container, inputs: &Inputs<'_>) -> Vec<LinuxNamespace> {
    let host = &container.host_config;
    let mut list = Vec::new();
    let mut add = |typ: LinuxNamespaceType, path: Option<PathBuf>| {
        let namespace = LinuxNamespaceBuilder::default().typ(typ);
        let namespace = match path {
            Some(path) => namespace.path(path),
            None => namespace,
        };
        // Both values are of the right type, which is all that the builder checks.
        list.extend(namespace.build());
    };
    let joined = |mode: &str, pid: Option<u32>, name: &str| {
        let pid = pid.filter(|_| mode.starts_with("container:"))?;
        Some(PathBuf::from(format!("/proc/{pid}/ns/{name}")))
    };
    if host.mnt_mode != "host" {
        add(LinuxNamespaceType::Mount, None);
    }
    if host.uts_mode != "host" {
        add(LinuxNamespaceType::Uts, None);
    }
    if host.pid_mode != "host" {
        add(LinuxNamespaceType::Pid, joined(&host.pid_mode, inputs.joins.pid, "pid"));
    }
    if host.ipc_mode != "host" {
        add(LinuxNamespaceType::Ipc, joined(&host.ipc_mode, inputs.joins.ipc, "ipc"));
    }
    match container.network_mode() {
        NetworkMode::Host => {}
        NetworkMode::Container(_) => {
            add(LinuxNamespaceType::Network, joined(&host.network_mode, inputs.joins.net, "net"))
        }
        NetworkMode::None | NetworkMode::Bridge | NetworkMode::Named(_) => {
            add(LinuxNamespaceType::Network, inputs.netns.map(PathBuf::from));
        }
    }
    if host.cgroupns_mode == "private" {
        add(LinuxNamespaceType::Cgroup, None);
    }
    list
}

/// The container's host name: its short id unless another one was given.
pub(super) fn hostname(container: &Container) -> String {
    let given = &container.config.hostname;
    if given.is_empty() { container.id.short().to_owned() } else { given.clone() }
}

/// The user's sysctls, and Docker's own for a network namespace that nobody else has.
pub(super) fn sysctls(container: &Container) -> HashMap<String, String> {
    let host = &container.host_config;
    let own_network = !matches!(container.network_mode(), NetworkMode::Host | NetworkMode::Container(_));
    let mut sysctls = HashMap::new();
    if own_network && host.mnt_mode != "host" {
        sysctls.extend(NETWORK_SYSCTLS.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }
    sysctls.extend(host.sysctls.iter().map(|(key, value)| (key.replace('/', "."), value.clone())));
    sysctls
}

/// The modes, and sysctls that would reach the host.
pub(super) fn check(host: &HostConfig) -> Result<(), Invalid> {
    let joins = |mode: &str| mode.strip_prefix("container:").is_some_and(|name| !name.is_empty());
    let known = |mode: &str, others: &[&str]| mode.is_empty() || others.contains(&mode);
    if !known(&host.ipc_mode, &["private", "shareable", "host", "none"]) && !joins(&host.ipc_mode) {
        return Err(Invalid::IpcMode(host.ipc_mode.clone()));
    }
    if !known(&host.pid_mode, &["host", "private"]) && !joins(&host.pid_mode) {
        return Err(Invalid::PidMode(host.pid_mode.clone()));
    }
    if !known(&host.uts_mode, &["host", "private"]) {
        return Err(Invalid::UtsMode(host.uts_mode.clone()));
    }
    if !known(&host.cgroupns_mode, &["host", "private"]) {
        return Err(Invalid::CgroupnsMode(host.cgroupns_mode.clone()));
    }
    if !known(&host.userns_mode, &["host"]) {
        return Err(Invalid::UsernsMode(host.userns_mode.clone()));
    }
    host.sysctls.keys().try_for_each(|key| sysctl(host, &key.replace('/', ".")))
}

fn sysctl(host: &HostConfig, key: &str) -> Result<(), Invalid> {
    let of_host = |namespace| Err(Invalid::SysctlOfHost { key: key.to_owned(), namespace });
    if key.starts_with("net.") {
        return if host.network_mode == "host" { of_host("network") } else { Ok(()) };
    }
    if IPC_SYSCTLS.iter().any(|own| key == *own || own.ends_with('.') && key.starts_with(own)) {
        return if host.ipc_mode == "host" { of_host("IPC") } else { Ok(()) };
    }
    match key {
        "kernel.domainname" | "kernel.hostname" if host.uts_mode != "host" => Ok(()),
        "kernel.domainname" | "kernel.hostname" => of_host("UTS"),
        _ => Err(Invalid::SysctlNotNamespaced(key.to_owned())),
    }
}
