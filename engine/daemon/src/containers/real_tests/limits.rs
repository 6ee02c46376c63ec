//! Limits that change while the container runs, as the kernel has them afterwards.

use super::*;
use hull_api::{RestartPolicy, UpdateRequest};
use hull_runtime::cgroup::{Controller, Hierarchies, Mode};

/// What a file of the container's cgroup says; the names are v1's and v2's.
fn limit(host: &Host, id: &str, controller: Controller, v1: &str, v2: &str) -> String {
    let hierarchies = Hierarchies::detect().unwrap();
    let engine = format!("hull-{}", host.paths.engine_id());
    let (root, file) = match hierarchies.mode() {
        Mode::V2 => (hierarchies.unified().to_owned(), v2),
        _ => (hierarchies.v1().iter().find(|m| m.controllers.contains(&controller)).unwrap().root.clone(), v1),
    };
    std::fs::read_to_string(root.join(engine).join(id).join(file)).unwrap().trim().to_owned()
}

fn is_v2() -> bool {
    Hierarchies::detect().unwrap().mode() == Mode::V2
}

async fn update(host: &Host, id: &str, request: UpdateRequest) -> Result<Vec<String>, String> {
    host.service.update(id, request).await.map(|answer| answer.warnings).map_err(|error| error.to_string())
}

#[test]
fn all_limits_change_at_once_and_again() {
    on_host(|host| async move {
        let id = host.create(&["sleep", "1000"], |r| r.host_config.memory = 64 << 20).await;
        host.service.start(&id).await.unwrap();
        let request = UpdateRequest {
            memory: 32 << 20,
            memory_swap: 48 << 20,
            memory_reservation: 16 << 20,
            cpu_period: 50_000,
            cpu_quota: 20_000,
            cpu_shares: 512,
            cpuset_cpus: "0".to_owned(),
            pids_limit: Some(9),
            ..UpdateRequest::default()
        };
        update(&host, &id, request).await.unwrap();
        let memory = |host: &Host| limit(host, &id, Controller::Memory, "memory.limit_in_bytes", "memory.max");
        assert_eq!(memory(&host), (32 << 20).to_string());
        let quota = limit(&host, &id, Controller::Cpu, "cpu.cfs_quota_us", "cpu.max");
        assert_eq!(quota, if is_v2() { "20000 50000" } else { "20000" });
        assert_eq!(limit(&host, &id, Controller::Cpu, "cpu.shares", "cpu.weight"), if is_v2() { "59" } else { "512" });
        assert_eq!(limit(&host, &id, Controller::Cpuset, "cpuset.cpus", "cpuset.cpus"), "0");
        let pids = |host: &Host| limit(host, &id, Controller::Pids, "pids.max", "pids.max");
        assert_eq!(pids(&host), "9");

        // Up again: the two memory limits have to move in the other order.
        let request = UpdateRequest {
            memory: 128 << 20,
            memory_swap: 256 << 20,
            pids_limit: Some(0),
            ..UpdateRequest::default()
        };
        update(&host, &id, request).await.unwrap();
        assert_eq!((memory(&host), pids(&host)), ((128 << 20).to_string(), "max".to_owned()));
        let request = UpdateRequest { memory_swap: -1, ..UpdateRequest::default() };
        update(&host, &id, request).await.unwrap();
        let config = host.service.inspect(&id, false).await.unwrap().host_config;
        assert_eq!((config.memory, config.memory_swap, config.pids_limit), (128 << 20, -1, Some(-1)));
        assert_eq!((config.cpu_quota, config.cpu_shares, config.cpuset_cpus.as_str()), (20_000, 512, "0"));
    });
}

#[test]
fn what_cannot_be_is_refused_in_dockers_words_and_changes_nothing() {
    on_host(|host| async move {
        let id = host
            .create(&["sleep", "1000"], |request| {
                request.host_config.memory = 64 << 20;
                request.host_config.nano_cpus = 500_000_000;
            })
            .await;
        host.service.start(&id).await.unwrap();
        let before = host.service.inspect(&id, false).await.unwrap().host_config;
        for (request, why) in [
            (
                UpdateRequest { memory: 256 << 20, ..UpdateRequest::default() },
                "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
            ),
            (UpdateRequest { memory: 1 << 20, ..UpdateRequest::default() }, "Minimum memory limit allowed is 6MB"),
            (
                UpdateRequest { cpu_quota: 20_000, ..UpdateRequest::default() },
                "Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set",
            ),
            (
                UpdateRequest { cpuset_cpus: "99".to_owned(), ..UpdateRequest::default() },
                &format!(
                    "Requested CPUs are not available - requested 99, available: {}",
                    host.service.shared.runtime.features().cpuset.cpus
                ),
            ),
        ] {
            let said = update(&host, &id, request).await.unwrap_err();
            assert_eq!(said, format!("Cannot update container {id}: {why}"));
        }
        assert_eq!(host.service.inspect(&id, false).await.unwrap().host_config, before);
        let policy = RestartPolicy { name: "on-failure".to_owned(), maximum_retry_count: 3 };
        update(&host, &id, UpdateRequest { restart_policy: policy.clone(), ..UpdateRequest::default() }).await.unwrap();
        assert_eq!(host.service.inspect(&id, false).await.unwrap().host_config.restart_policy, policy);
    });
}
