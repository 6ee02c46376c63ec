//! Every metric family that this module serves: name, type, labels, meaning. `docs/metrics.md` is checked against it.
//!
//! cAdvisor's names, types and units are used wherever it has the family, so that dashboards made for it work. Every
//! series of a container has the labels `id` and `name`; `labels` lists what comes on top.

/// How values behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, and starts anew with the daemon.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by upper bound.
    Histogram,
}

/// Of whom a series tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A container: labels `id` and `name`.
    Container,
    /// The engine.
    Engine,
}

/// One family.
#[derive(Debug)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Whose it is.
    pub scope: Scope,
    /// Labels beside those of the scope.
    pub labels: &'static [&'static str],
    /// One sentence.
    pub help: &'static str,
}

macro_rules! families {
    ($($constant:ident = $scope:ident $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(
            #[doc = $help]
            pub static $constant: Family = Family {
                name: $name,
                kind: Kind::$kind,
                scope: Scope::$scope,
                labels: &[$($label),*],
                help: $help,
            };
        )*

        /// All of them, in the order of the documentation.
        pub static ALL: &[&Family] = &[$(&$constant),*];
    };
}

families! {
    INFO = Container Gauge "container_info" ["image", "compose_project", "compose_service"] "The image and the Compose project of a container; always 1.";
    STATE = Container Gauge "container_state" ["state"] "1 for the state that the container is in.";
    EXIT_CODE = Container Gauge "container_exit_code" [] "Exit code of the last run; absent before its end.";
    RESTARTS = Container Counter "container_restarts_total" [] "Starts by the restart policy.";
    HEALTH = Container Gauge "container_health_status" ["status"] "1 for what the health check says; absent without one.";
    START_TIME = Container Gauge "container_start_time_seconds" [] "Time of the last start, in seconds since 1970.";
    LAST_SEEN = Container Gauge "container_last_seen" [] "Time of this scrape, in seconds since 1970.";

    CPU_USAGE = Container Counter "container_cpu_usage_seconds_total" ["cpu"] "CPU time used, on all CPUs together.";
    CPU_USER = Container Counter "container_cpu_user_seconds_total" [] "CPU time used in user mode.";
    CPU_SYSTEM = Container Counter "container_cpu_system_seconds_total" [] "CPU time used in the kernel.";
    CFS_PERIODS = Container Counter "container_cpu_cfs_periods_total" [] "CFS periods that elapsed while the container wanted to run.";
    CFS_THROTTLED_PERIODS = Container Counter "container_cpu_cfs_throttled_periods_total" [] "CFS periods in which the container used its quota up.";
    CFS_THROTTLED_SECONDS = Container Counter "container_cpu_cfs_throttled_seconds_total" [] "Time that CPU queues of the container stood still because of its own quota.";
    EBPF_PERIODS = Container Counter "container_ebpf_cfs_periods_total" [] "CFS periods as eBPF counted them itself; absent without eBPF.";
    EBPF_THROTTLED_PERIODS = Container Counter "container_ebpf_cfs_throttled_periods_total" [] "Throttled CFS periods as eBPF counted them itself; absent without eBPF.";
    THROTTLE_DURATION = Container Histogram "container_cpu_throttle_duration_seconds" [] "Single stalls of one CPU queue of the container because of a quota; absent without eBPF.";
    RUNQUEUE = Container Histogram "container_sched_runqueue_latency_seconds" [] "From being able to run to running: the wait of a task for a CPU; absent without eBPF.";
    THROTTLED_PROCESS = Container Counter "container_throttled_process_seconds_total" ["comm"] "Task-seconds that processes stood still because of a quota, by name: the first 16 names, then other; absent without eBPF.";

    MEMORY_USAGE = Container Gauge "container_memory_usage_bytes" [] "Memory in use, page cache included.";
    MEMORY_WORKING_SET = Container Gauge "container_memory_working_set_bytes" [] "Memory that cannot be dropped at once: usage less inactive file pages.";
    MEMORY_RSS = Container Gauge "container_memory_rss" [] "Anonymous memory in bytes.";
    MEMORY_CACHE = Container Gauge "container_memory_cache" [] "Page cache in bytes.";
    MEMORY_MAPPED = Container Gauge "container_memory_mapped_file" [] "File pages that are mapped, in bytes.";
    MEMORY_SWAP = Container Gauge "container_memory_swap" [] "Swap in use in bytes; absent where it is not counted.";
    MEMORY_MAX = Container Gauge "container_memory_max_usage_bytes" [] "The most memory that was in use; absent where it is not counted.";
    MEMORY_FAILCNT = Container Counter "container_memory_failcnt" [] "How often memory in use ran into the limit.";
    MEMORY_FAILURES = Container Counter "container_memory_failures_total" ["failure_type", "scope"] "Page faults: pgfault all, pgmajfault those that read from a disk.";

    PROCESSES = Container Gauge "container_processes" [] "Processes and threads in the container, as cAdvisor counts processes.";
    PIDS_CURRENT = Container Gauge "container_pids_current" [] "What counts against the pids limit: processes and threads.";
    PIDS_REFUSED = Container Counter "container_pids_events_max_total" [] "Forks refused because of the pids limit.";
    FORKS = Container Counter "container_process_forks_total" [] "Processes that processes of the container made; absent without eBPF.";
    EXECS = Container Counter "container_process_execs_total" [] "Programs started in the container, its own first one included; absent without eBPF.";
    EXITS = Container Counter "container_process_exits_total" [] "Processes that ended; absent without eBPF.";
    LIFETIME = Container Histogram "container_process_lifetime_seconds" [] "From a process's start to its end; absent without eBPF.";
    PID_NAMESPACE = Container Gauge "container_pid_namespace_info" ["pidns", "level"] "PID namespaces with a process of the container in them; always 1.";

    NETWORK_RECEIVE_BYTES = Container Counter "container_network_receive_bytes_total" ["interface"] "Bytes received.";
    NETWORK_RECEIVE_PACKETS = Container Counter "container_network_receive_packets_total" ["interface"] "Packets received.";
    NETWORK_RECEIVE_ERRORS = Container Counter "container_network_receive_errors_total" ["interface"] "Errors while receiving.";
    NETWORK_RECEIVE_DROPPED = Container Counter "container_network_receive_packets_dropped_total" ["interface"] "Packets dropped while receiving.";
    NETWORK_TRANSMIT_BYTES = Container Counter "container_network_transmit_bytes_total" ["interface"] "Bytes sent.";
    NETWORK_TRANSMIT_PACKETS = Container Counter "container_network_transmit_packets_total" ["interface"] "Packets sent.";
    NETWORK_TRANSMIT_ERRORS = Container Counter "container_network_transmit_errors_total" ["interface"] "Errors while sending.";
    NETWORK_TRANSMIT_DROPPED = Container Counter "container_network_transmit_packets_dropped_total" ["interface"] "Packets dropped while sending.";

    FS_READ_BYTES = Container Counter "container_fs_reads_bytes_total" ["device"] "Bytes read from a block device.";
    FS_WRITE_BYTES = Container Counter "container_fs_writes_bytes_total" ["device"] "Bytes written to a block device.";
    FS_READS = Container Counter "container_fs_reads_total" ["device"] "Reads from a block device.";
    FS_WRITES = Container Counter "container_fs_writes_total" ["device"] "Writes to a block device.";

    PRESSURE_CPU_WAITING = Container Counter "container_pressure_cpu_waiting_seconds_total" [] "Time in which some task of the container waited for a CPU; absent where the kernel does not measure pressure.";
    PRESSURE_CPU_STALLED = Container Counter "container_pressure_cpu_stalled_seconds_total" [] "Time in which all of its tasks waited for a CPU.";
    PRESSURE_MEMORY_WAITING = Container Counter "container_pressure_memory_waiting_seconds_total" [] "Time in which some task of the container waited for memory.";
    PRESSURE_MEMORY_STALLED = Container Counter "container_pressure_memory_stalled_seconds_total" [] "Time in which all of its tasks waited for memory.";
    PRESSURE_IO_WAITING = Container Counter "container_pressure_io_waiting_seconds_total" [] "Time in which some task of the container waited for input or output.";
    PRESSURE_IO_STALLED = Container Counter "container_pressure_io_stalled_seconds_total" [] "Time in which all of its tasks waited for input or output.";

    OOM_KILLS = Container Counter "container_oom_kills_total" [] "Processes that the kernel killed because the memory limit was reached.";
    OOM_EVENTS = Container Counter "container_oom_events_total" [] "The same under cAdvisor's name.";
    OOM_VICTIMS = Container Counter "container_oom_victims_total" ["comm"] "Those processes by name: the first 16 names, then other; absent without eBPF.";
    BREACHES = Container Counter "container_limit_breaches_total" ["resource"] "Times that a limit was felt: cpu throttled periods, memory hits of the limit, pids refused forks.";

    SPEC_CPU_QUOTA = Container Gauge "container_spec_cpu_quota" [] "CPU time that the container may use in a period, in microseconds; absent without a limit.";
    SPEC_CPU_PERIOD = Container Gauge "container_spec_cpu_period" [] "Length of that period in microseconds.";
    SPEC_CPU_SHARES = Container Gauge "container_spec_cpu_shares" [] "Weight against other containers, by cgroup v1's scale.";
    SPEC_MEMORY_LIMIT = Container Gauge "container_spec_memory_limit_bytes" [] "Memory limit; 0 without one.";
    SPEC_MEMORY_SWAP_LIMIT = Container Gauge "container_spec_memory_swap_limit_bytes" [] "Limit of memory and swap together; 0 without one.";
    SPEC_MEMORY_RESERVATION = Container Gauge "container_spec_memory_reservation_limit_bytes" [] "Memory that the kernel tries to stay below under pressure; 0 without one.";
    SPEC_PIDS_LIMIT = Container Gauge "container_spec_pids_limit" [] "Limit of processes and threads; absent without one.";

    CONTAINER_STATES = Engine Gauge "engine_daemon_container_states_containers" ["state"] "Containers by state.";
    REAPER_PENDING = Engine Gauge "engine_reaper_pending" [] "Teardown that is still under way in the background.";
    ENGINE_OOM_KILLS = Engine Counter "engine_oom_kills_total" [] "OOM kills in all containers, removed ones included.";
    EBPF_ATTACHED = Engine Gauge "engine_ebpf_program_attached" ["program", "backend"] "1 if the eBPF program runs; 0 if the backend, its fallback, does what it can; backend off where eBPF is switched off.";
    EBPF_EVENTS = Engine Counter "engine_ebpf_events_total" ["program"] "Events that a program handled for containers of this engine.";
    EBPF_LOST = Engine Counter "engine_ebpf_events_lost_total" ["reason"] "Events that were not recorded because a map or the ring buffer was full.";
    EBPF_RUN = Engine Counter "engine_ebpf_program_run_seconds_total" ["program"] "Time spent in a program; absent unless the sysctl kernel.bpf_stats_enabled is on.";
    EBPF_ENTRIES = Engine Gauge "engine_ebpf_map_entries" ["map"] "Entries in use.";
    EBPF_CAPACITY = Engine Gauge "engine_ebpf_map_capacity" ["map"] "Entries that fit.";
    SCRAPE_DURATION = Engine Gauge "engine_metrics_scrape_duration_seconds" [] "How long collecting this scrape took.";
    SERIES = Engine Gauge "engine_metrics_series" [] "Series of containers in this scrape.";
    SERIES_DROPPED = Engine Counter "engine_metrics_series_dropped_total" [] "Series left out because there were more than the engine's limit.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_follow_prometheus() {
        let mut seen = HashSet::new();
        for family in ALL {
            assert!(seen.insert(family.name), "{} twice", family.name);
            let counter = family.kind == Kind::Counter;
            // cAdvisor's own exception.
            assert!(
                counter == family.name.ends_with("_total") || family.name == "container_memory_failcnt",
                "{}",
                family.name
            );
            let prefix = if family.scope == Scope::Container { "container_" } else { "engine_" };
            assert!(family.name.starts_with(prefix), "{}", family.name);
            assert!(!family.labels.iter().any(|label| label.contains("pid") && *label != "pidns"), "a pid in a label");
        }
    }

    #[test]
    fn the_catalogue_page_lists_exactly_these() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md")).unwrap();
        for family in ALL {
            let labels = family.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(" ");
            let kind = format!("{:?}", family.kind).to_lowercase();
            let line = format!("| `{}` | {kind} | {labels} | {} |", family.name, family.help).replace("|  |", "| |");
            assert!(page.contains(&line), "docs/metrics.md lacks this line:\n{line}");
        }
        let ours = |line: &&str| line.starts_with("| `container_") || line.starts_with("| `engine_");
        let api = page
            .lines()
            .filter(|line| line.starts_with("| `engine_api_") || line.starts_with("| `engine_daemon_container_actions"))
            .count();
        assert_eq!(page.lines().filter(ours).count() - api, ALL.len(), "docs/metrics.md lists a family that is gone");
    }
}
