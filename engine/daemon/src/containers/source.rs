//! What the metrics' collector sees of containers.

use super::ContainerService;
use super::model::Container;
use crate::ids::ContainerId;
use crate::networks::{Counters, Endpoint};
use crate::observability::{ContainerSample, ContainerSource, Health, Limits, State};
use crate::time::Time;
use hull_runtime::cgroup;
use std::collections::HashMap;
use std::sync::Arc;

impl ContainerSource for ContainerService {
    fn containers(&self) -> Vec<ContainerSample> {
        let containers = self.all();
        let running = |container: &&Arc<Container>| container.state.run().is_some() && container.endpoint.is_some();
        // One read for all: the kernel makes the table of each namespace's links anew for whoever reads it.
        let traffic = containers.iter().find(running).map(|_| self.shared.runtime.all_traffic()).unwrap_or_default();
        containers.iter().map(|container| self.metrics_sample(container, &traffic)).collect()
    }

    fn reaper_pending(&self) -> usize {
        self.pending()
    }
}

impl ContainerService {
    /// How much the background still has to take away; at 0 nothing of any ended container remains.
    pub fn pending(&self) -> usize {
        self.shared.runtime.pending()
    }

    /// The cgroup of a container that runs.
    pub fn cgroup(&self, id: &ContainerId) -> Option<cgroup::Handle> {
        self.shared.runtime.cgroup(id)
    }

    fn metrics_sample(&self, container: &Container, traffic: &HashMap<String, Counters>) -> ContainerSample {
        let state = &container.state;
        let endpoint = state.run().and_then(|_| self.interfaces(container));
        let counters = |endpoint: Endpoint| traffic.get(&endpoint.host_link).map(|all| (endpoint.interface, *all));
        let started = state.run().map(|run| run.started_at).or(state.exit().map(|exit| exit.started_at));
        ContainerSample {
            id: container.id.clone(),
            name: container.name.clone(),
            image: container.config.image.clone(),
            labels: container.config.labels.clone(),
            state: match state {
                super::State::Created { .. } => State::Created,
                super::State::Running(_) => State::Running,
                super::State::Paused(_) => State::Paused,
                super::State::Restarting { .. } => State::Restarting,
                super::State::Exited(_) => State::Exited,
                super::State::Removing { .. } => State::Removing,
                super::State::Dead { .. } => State::Dead,
            },
            exit_code: state.exit().map(|exit| i32::from(exit.code)),
            health: container.health.as_ref().map(|health| match health.status {
                super::HealthStatus::Starting => Health::Starting,
                super::HealthStatus::Healthy => Health::Healthy,
                super::HealthStatus::Unhealthy => Health::Unhealthy,
            }),
            restarts: container.restart_count,
            created_at: seconds(container.created),
            started_at: started.filter(|time| *time != Time::NEVER).map(seconds),
            cgroup: self.shared.runtime.cgroup(&container.id),
            pid: state.run().map(|run| run.pid),
            interfaces: endpoint.and_then(counters).into_iter().collect(),
            limits: limits(container),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a metric's value is a double; microseconds survive until 2255")]
fn seconds(time: Time) -> f64 {
    (time.nanos() / 1000) as f64 / 1e6
}

fn limits(container: &Container) -> Limits {
    let host = &container.host_config;
    let positive = |n: i64| u64::try_from(n).ok().filter(|n| *n > 0);
    // `--cpus` is a quota of so many periods.
    let (quota, period) = match host.nano_cpus {
        0 => ((host.cpu_quota > 0).then_some(host.cpu_quota), positive(host.cpu_period)),
        nano => (Some(nano / 10_000), Some(100_000)),
    };
    Limits {
        cpu_quota: quota,
        cpu_period: if quota.is_some() { period.or(Some(100_000)) } else { period },
        cpu_shares: positive(host.cpu_shares),
        memory: positive(host.memory),
        memory_swap: positive(host.memory_swap),
        memory_reservation: positive(host.memory_reservation),
        pids: host.pids_limit.and_then(positive),
    }
}
