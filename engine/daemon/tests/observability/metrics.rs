//! `/metrics` of a container that really ran, was throttled and OOM-killed, while it runs and after its end.

use crate::support::{Box, eventually, limits, observe, skip};
use hulld::networks::Counters;
use hulld::observability::{ContainerSample, ContainerSource, Limits, State};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Default)]
pub(crate) struct List(pub(crate) Mutex<Vec<ContainerSample>>);

impl ContainerSource for List {
    fn containers(&self) -> Vec<ContainerSample> {
        self.0.lock().unwrap().clone()
    }

    fn reaper_pending(&self) -> usize {
        0
    }
}

pub(crate) fn sample(container: &Box, pid: u32) -> ContainerSample {
    ContainerSample {
        id: container.container.clone(),
        name: "web".to_owned(),
        image: "busybox".to_owned(),
        labels: BTreeMap::new(),
        state: State::Running,
        exit_code: None,
        health: None,
        restarts: 0,
        created_at: 0.0,
        started_at: Some(0.0),
        cgroup: Some(Arc::clone(&container.cgroup)),
        pid: Some(pid),
        interfaces: vec![("eth0".to_owned(), Counters::default())],
        limits: Limits::default(),
    }
}

/// The value of the only series that begins so.
fn value(text: &str, start: &str) -> Option<f64> {
    let mut lines = text.lines().filter(|line| line.starts_with(start));
    let line = lines.next()?;
    assert_eq!(lines.next(), None, "more than one {start}");
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_containers_series_tell_its_story_also_after_its_end() {
    if let Some(reason) = skip() {
        return println!("{reason}");
    }
    let observability = observe().await;
    let list = Arc::new(List::default());
    observability.set_source(Arc::clone(&list) as Arc<dyn ContainerSource>);
    let mut container = Box::tracked(&observability, &limits(20_000, 100_000, 24 << 20)).await;
    let pid = container.shell(&format!("(while :; do :; done) & ({}); wait", crate::victims::HOG));
    list.0.lock().unwrap().push(sample(&container, pid));

    let text = eventually("throttled and OOM-killed", || {
        let text = observability.render();
        let killed = value(&text, "container_oom_kills_total{")? >= 1.0;
        (killed && value(&text, "container_cpu_cfs_throttled_periods_total{")? > 3.0).then_some(text)
    });
    assert!(value(&text, "container_pids_current{").is_some_and(|pids| pids >= 1.0), "{text}");
    for family in
        ["container_memory_working_set_bytes{", "container_pid_namespace_info{", "container_network_receive_bytes"]
    {
        assert!(text.contains(family), "{family} is missing");
    }
    assert_eq!(value(&text, "engine_ebpf_events_lost_total{reason=\"event\""), Some(0.0));

    container.cgroup.kill_all().unwrap();
    container.wait();
    // The group's timer fires once more after its last stall.
    std::thread::sleep(Duration::from_millis(300));
    let kernel = container.cgroup.stats().unwrap();
    observability.untrack(container.cgroup.id());
    for ended in &mut *list.0.lock().unwrap() {
        (ended.state, ended.exit_code, ended.cgroup, ended.pid) = (State::Exited, Some(137), None, None);
    }
    let text = observability.render();
    let of = |family: &str| value(&text, family).unwrap_or_else(|| panic!("{family} is missing"));
    assert_eq!(of("container_oom_kills_total{"), kernel.oom.kills as f64);
    let named: f64 = text
        .lines()
        .filter(|line| line.starts_with("container_oom_victims_total{") && line.contains("comm=\"sh\""))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum();
    assert_eq!(named, kernel.oom.kills as f64);
    let throttled = kernel.cpu.throttling;
    assert_eq!(of("container_cpu_cfs_throttled_periods_total{"), throttled.throttled_periods as f64);
    let breaches = text.lines().find(|line| line.contains("resource=\"cpu\"")).unwrap();
    assert!(breaches.ends_with(&format!(" {}", throttled.throttled_periods)), "{breaches}");
    let sum = of("container_cpu_throttle_duration_seconds_sum{");
    let seconds = throttled.throttled_ns as f64 / 1e9;
    assert!((sum - seconds).abs() <= 0.02 * seconds, "{sum} against {seconds}");
    assert!(!text.contains("container_memory_usage_bytes"), "gauges of an ended run are absent");

    list.0.lock().unwrap().clear();
    let text = observability.render();
    assert!(!text.contains("name=\"web\""), "a removed container is gone");
    assert!(value(&text, "engine_oom_kills_total").is_some_and(|kills| kills >= 1.0));
}
