//! Defaults, written out, so that inspect shows what holds.

use super::model::Container;
use super::spec;
use crate::ids::ContainerId;
use hull_api::{ContainerConfig, HostConfig};
use hull_runtime::cgroup::Mode;
use hull_runtime::features::Features;

/// Docker's size of `/dev/shm`.
const SHM_SIZE: i64 = 64 << 20;

/// `neighbour` is the container whose network this one shares.
pub(super) fn complete(
    config: &mut ContainerConfig,
    host: &mut HostConfig,
    id: &ContainerId,
    neighbour: Option<&Container>,
    features: &Features,
) {
    let default = |field: &mut String, value: &str| {
        if field.is_empty() {
            value.clone_into(field);
        }
    };
    if matches!(host.network_mode.as_str(), "" | "default") {
        "bridge".clone_into(&mut host.network_mode);
    }
    match neighbour {
        // One network, one name in it.
        Some(neighbour) => {
            config.hostname.clone_from(&neighbour.config.hostname);
            config.domainname.clone_from(&neighbour.config.domainname);
        }
        None if host.network_mode == "host" || host.uts_mode == "host" => {
            default(&mut config.hostname, &rustix::system::uname().nodename().to_string_lossy());
        }
        None => default(&mut config.hostname, id.short()),
    }
    default(&mut host.ipc_mode, "private");
    // On v2 a privileged container has its own, too: the host's tree is not what it expects at /sys/fs/cgroup.
    let cgroupns = if features.hierarchies.mode() == Mode::V2 { "private" } else { "host" };
    default(&mut host.cgroupns_mode, cgroupns);
    default(&mut host.restart_policy.name, "no");
    default(&mut host.runtime, spec::RUNTIME);
    if host.shm_size == 0 {
        host.shm_size = SHM_SIZE;
    }
    if host.memory > 0 && host.memory_swap == 0 {
        host.memory_swap = host.memory.saturating_mul(2);
    }
    if host.oom_kill_disable.is_none() && features.limits.oom_kill_disable {
        host.oom_kill_disable = Some(false);
    }
    spec::fill_paths(host, features);
}
