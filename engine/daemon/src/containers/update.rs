//! `POST /containers/{id}/update`: which limits change, and which changes make no sense.

use super::error::ContainerError;
use super::model::Container;
use super::state::{Refusal, State};
use super::{restart, spec};
use hull_api::UpdateRequest;
use hull_runtime::features::Features;

/// Writes a request into the container's host configuration; a zero value means unchanged. Answers with warnings.
pub(super) fn apply(
    container: &mut Container,
    request: &UpdateRequest,
    features: &Features,
) -> Result<Vec<String>, ContainerError> {
    let id = container.id.clone();
    if matches!(container.state, State::Removing { .. } | State::Dead { .. }) {
        let message =
            format!("Cannot update container {id}: Container is marked for removal and cannot be \"update\".");
        return Err(ContainerError::state(Refusal::Removing, message));
    }
    let refuse = |why: &str| Err(ContainerError::BadParameter(format!("Cannot update container {id}: {why}")));
    let host = &mut container.host_config;
    if request.nano_cpus > 0 && (host.cpu_period > 0 || host.cpu_quota > 0) {
        return refuse("Conflicting options: Nano CPUs cannot be updated as CPU Period/Quota has already been set");
    }
    if request.cpu_period > 0 && host.nano_cpus > 0 {
        return refuse("Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set");
    }
    if request.cpu_quota > 0 && host.nano_cpus > 0 {
        return refuse("Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set");
    }
    if request.memory > 0 {
        let new_swap = if request.memory_swap == 0 { host.memory_swap } else { request.memory_swap };
        if request.memory_swap == 0 && new_swap > 0 && request.memory > new_swap {
            return refuse(
                "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
            );
        }
    }
    if request.memory_swap > 0 {
        let memory = if request.memory == 0 { host.memory } else { request.memory };
        if memory == 0 {
            return refuse("You should always set the Memory limit when using Memoryswap limit, see usage");
        }
        if request.memory_swap < memory {
            return refuse("Minimum memoryswap limit should be larger than memory limit, see usage");
        }
    }
    macro_rules! number {
        ($($field:ident),+) => { $(if request.$field != 0 { host.$field = request.$field; })+ };
    }
    macro_rules! text {
        ($($field:ident),+) => { $(if !request.$field.is_empty() { host.$field.clone_from(&request.$field); })+ };
    }
    number!(cpu_shares, memory, nano_cpus, blkio_weight, cpu_period, cpu_quota, cpu_realtime_period);
    number!(cpu_burst, cpu_realtime_runtime, kernel_memory, memory_reservation, memory_swap);
    text!(cpuset_cpus, cpuset_mems);
    // Here absent is "unchanged". Zero and less are "no limit", which has to be written over the old one.
    if let Some(limit) = request.pids_limit {
        host.pids_limit = Some(if limit > 0 { limit } else { -1 });
    }
    if request.oom_kill_group.is_some() {
        host.oom_kill_group = request.oom_kill_group;
    }
    if !request.restart_policy.name.is_empty() {
        if host.auto_remove && request.restart_policy.name != "no" {
            return refuse("Restart policy cannot be updated because AutoRemove is enabled for the container");
        }
        restart::check(&request.restart_policy, false)?;
        host.restart_policy.clone_from(&request.restart_policy);
    }
    let checked = spec::validate_update(host, features);
    checked.map_err(|invalid| ContainerError::BadParameter(format!("Cannot update container {id}: {invalid}")))
}
