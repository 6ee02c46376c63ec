//! Rendering without a kernel's help: what is there from the beginning, what is absent, what the guard drops.

use crate::ids::ContainerId;
use crate::observability::{ContainerSample, ContainerSource, Health, Limits, Observability, Options, State};
use std::collections::BTreeMap;
use std::sync::Arc;

struct Fixed(Vec<ContainerSample>);

impl ContainerSource for Fixed {
    fn containers(&self) -> Vec<ContainerSample> {
        self.0.clone()
    }

    fn reaper_pending(&self) -> usize {
        2
    }
}

fn sample(name: &str) -> ContainerSample {
    ContainerSample {
        id: ContainerId::random().unwrap(),
        name: name.to_owned(),
        image: "busybox:latest".to_owned(),
        labels: BTreeMap::from([
            ("com.docker.compose.project".to_owned(), "shop".to_owned()),
            ("secret".to_owned(), "hush".to_owned()),
        ]),
        state: State::Exited,
        exit_code: Some(137),
        health: Some(Health::Unhealthy),
        restarts: 3,
        created_at: 1.0,
        started_at: Some(2.0),
        cgroup: None,
        pid: None,
        interfaces: Vec::new(),
        limits: Limits { cpu_quota: Some(50_000), memory: Some(100), pids: Some(10), ..Limits::default() },
    }
}

fn render(samples: Vec<ContainerSample>, series_limit: usize) -> String {
    let observability = Observability::start(Options { ebpf: false, series_limit });
    observability.set_source(Arc::new(Fixed(samples)));
    observability.render()
}

#[test]
fn counters_of_a_container_are_there_with_0_before_anything_happens() {
    let text = render(vec![sample("web")], 1000);
    for family in [
        "container_oom_kills_total",
        "container_cpu_cfs_throttled_periods_total",
        "container_cpu_cfs_throttled_seconds_total",
        "container_memory_failcnt",
        "container_pids_events_max_total",
    ] {
        let line =
            text.lines().find(|line| line.starts_with(&format!("{family}{{"))).unwrap_or_else(|| panic!("{family}"));
        assert!(line.contains("name=\"web\"") && line.ends_with(" 0"), "{line}");
    }
    for resource in ["cpu", "memory", "pids"] {
        assert!(text.contains(&format!("resource=\"{resource}\"}} 0")), "{resource}");
    }
}

#[test]
fn what_the_container_is_and_may_use_is_told() {
    let text = render(vec![sample("web")], 1000);
    let has = |family: &str, parts: &[&str]| {
        text.lines().any(|line| line.starts_with(family) && parts.iter().all(|part| line.contains(part)))
    };
    assert!(has("container_info{", &["image=\"busybox:latest\"", "compose_project=\"shop\""]));
    assert!(has("container_state{", &["state=\"exited\"", "} 1"]));
    assert!(has("container_exit_code{", &["} 137"]));
    assert!(has("container_restarts_total{", &["} 3"]));
    assert!(has("container_health_status{", &["unhealthy"]));
    assert!(has("container_spec_cpu_quota{", &["} 50000"]));
    assert!(has("container_spec_memory_limit_bytes{", &["} 100"]));
    assert!(has("engine_daemon_container_states_containers{state=\"exited\"}", &[" 1"]));
    assert!(has("engine_daemon_container_states_containers{state=\"running\"}", &[" 0"]));
    assert!(has("engine_reaper_pending", &[" 2"]));
    assert!(!text.contains("hush"), "labels outside the list stay private");
}

#[test]
fn what_ebpf_alone_measures_is_absent_without_it() {
    let text = render(vec![sample("web")], 1000);
    for family in ["container_cpu_throttle_duration_seconds", "container_throttled_process", "container_process_forks"]
    {
        assert!(!text.contains(family), "{family}");
    }
    assert!(text.contains("engine_ebpf_program_attached{program=\"process_fork\",backend=\"off\"} 0"), "{text}");
}

#[test]
fn a_fleet_too_large_loses_series_not_the_engines_own() {
    let text = render((0..50).map(|index| sample(&format!("web-{index}"))).collect(), 100);
    let value = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap_or_else(|| panic!("{name}"));
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert_eq!(value("engine_metrics_series"), 100.0);
    assert!(value("engine_metrics_series_dropped_total") > 500.0);
}

#[test]
fn a_removed_containers_series_are_gone_at_the_next_scrape() {
    let observability = Observability::start(Options { ebpf: false, series_limit: 1000 });
    let before = observability.render();
    assert!(!before.contains("container_info") && before.contains("engine_oom_kills_total 0"));
}
