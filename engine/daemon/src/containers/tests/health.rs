//! Health checks over a runtime that is played: who probes when is real, what a probe says is not.

use super::*;
use fake::exit;
use hull_api::Healthcheck;
use std::time::Duration;

async fn run(bench: &Bench, label: Option<&str>) -> String {
    let test = Some(vec!["CMD".to_owned(), "probe".to_owned()]);
    let config = ContainerConfig {
        image: "busybox".to_owned(),
        healthcheck: Some(Healthcheck { test, retries: 2, timeout: 1_500_000_000, ..Healthcheck::default() }),
        labels: label.map(|label| ("hull.health.on-failure".to_owned(), label.to_owned())).into_iter().collect(),
        ..ContainerConfig::default()
    };
    let request = CreateRequest { config, ..CreateRequest::default() };
    let id = bench.service.create(Some("web".to_owned()), request).await.unwrap().id;
    bench.service.start(&id).await.unwrap();
    id
}

async fn until(bench: &Bench, id: &str, status: HealthStatus) {
    let mut watch = bench.service.find(id).unwrap().watch();
    let is = |published: &owner::Published| published.container.health.as_ref().is_some_and(|h| h.status == status);
    watch.wait_for(is).await.unwrap();
}

async fn probes(bench: &Bench, id: &str, log: usize) {
    let mut watch = bench.service.find(id).unwrap().watch();
    watch.wait_for(|p| p.container.health.as_ref().is_some_and(|h| h.log.len() >= log)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn verdicts_are_seen_everywhere_and_told_once() {
    let bench = Bench::new();
    *bench.runtime.exec_code.lock().unwrap() = Some(0);
    let id = run(&bench, None).await;
    let health = bench.service.inspect(&id, false).await.unwrap().state.health.unwrap();
    assert_eq!((health.status.as_str(), health.log.len()), ("starting", 0));
    let listed = bench.service.list(ListOptions::default()).await.unwrap();
    assert!(listed[0].status.ends_with(" (health: starting)"), "{}", listed[0].status);

    until(&bench, &id, HealthStatus::Healthy).await;
    probes(&bench, &id, 2).await;
    *bench.runtime.exec_code.lock().unwrap() = Some(5);
    until(&bench, &id, HealthStatus::Unhealthy).await;
    let health = bench.service.inspect(&id, false).await.unwrap().state.health.unwrap();
    assert_eq!((health.status.as_str(), health.failing_streak), ("unhealthy", 2));
    let last = health.log.last().unwrap();
    assert_eq!((last.exit_code, last.output.as_str()), (5, "probe"));
    let filter = |value: &str| ListOptions {
        filters: [("health".to_owned(), vec![value.to_owned()])].into(),
        ..ListOptions::default()
    };
    assert_eq!(bench.service.list(filter("unhealthy")).await.unwrap().len(), 1);
    assert_eq!(bench.service.list(filter("none")).await.unwrap().len(), 0);
    assert!(bench.service.list(filter("so-so")).await.is_err());
    let told = bench.told();
    let verdicts: Vec<_> = told.iter().filter(|action| action.starts_with("health_status")).collect();
    assert_eq!(verdicts, ["health_status: healthy", "health_status: unhealthy"]);
    assert_eq!(told[2..6], ["exec_create: probe", "exec_start: probe", "exec_die", "health_status: healthy"]);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_hangs_is_killed_and_has_failed() {
    let bench = Bench::new();
    *bench.runtime.exec_code.lock().unwrap() = None;
    let id = run(&bench, None).await;
    probes(&bench, &id, 1).await;
    let health = bench.service.get(&id).unwrap().health.clone().unwrap();
    assert_eq!(health.log[0].exit_code, -1);
    assert_eq!(health.log[0].output, "Health check exceeded timeout (1.5s): probe");
    until(&bench, &id, HealthStatus::Unhealthy).await;
}

#[tokio::test(start_paused = true)]
async fn a_frozen_container_is_not_probed_and_an_ended_one_neither() {
    let bench = Bench::new();
    *bench.runtime.exec_code.lock().unwrap() = Some(0);
    let id = run(&bench, None).await;
    until(&bench, &id, HealthStatus::Healthy).await;
    bench.service.pause(&id).await.unwrap();
    let before = bench.told().len();
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(bench.told().len(), before);
    assert_eq!(bench.service.get(&id).unwrap().health.as_ref().unwrap().status, HealthStatus::Healthy);
    bench.service.unpause(&id).await.unwrap();
    probes(&bench, &id, 2).await;
    bench.runtime.end(&id, exit(0));
    bench.until(&id, "exited").await;
    assert_eq!(bench.service.get(&id).unwrap().health.as_ref().unwrap().status, HealthStatus::Unhealthy);
    tokio::task::yield_now().await;
    let before = bench.told().len();
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(bench.told().len(), before);
}

#[tokio::test(start_paused = true)]
async fn a_new_daemon_goes_on_with_what_the_last_one_knew() {
    let bench = Bench::new();
    *bench.runtime.exec_code.lock().unwrap() = Some(0);
    let id = run(&bench, None).await;
    until(&bench, &id, HealthStatus::Healthy).await;
    *bench.runtime.exec_code.lock().unwrap() = Some(1);
    probes(&bench, &id, 2).await;
    let bench = bench.restarted().await;
    let health = bench.service.get(&id).unwrap().health.clone().unwrap();
    assert_eq!((health.status, health.failing_streak, health.log.len()), (HealthStatus::Healthy, 1, 2));
    until(&bench, &id, HealthStatus::Unhealthy).await;
    assert_eq!(bench.service.get(&id).unwrap().health.as_ref().unwrap().log.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_label_has_an_unhealthy_container_restarted_stopped_or_killed() {
    for (label, told) in [
        ("restart", &["kill", "die", "stop", "start", "restart"][..]),
        ("stop", &["kill", "die", "stop"]),
        ("kill", &["kill", "die"]),
    ] {
        let bench = Bench::new();
        *bench.runtime.exec_code.lock().unwrap() = Some(1);
        let id = run(&bench, Some(label)).await;
        until(&bench, &id, HealthStatus::Unhealthy).await;
        let mut watch = bench.service.find(&id).unwrap().watch();
        watch.wait_for(|published| published.ends == 1).await.unwrap();
        if label == "restart" {
            bench.until(&id, "running").await;
            assert_eq!(bench.service.get(&id).unwrap().restart_count, 1);
            until(&bench, &id, HealthStatus::Starting).await;
        }
        while bench.told().last().map(String::as_str) != told.last().copied() {
            tokio::task::yield_now().await;
        }
        let all = bench.told();
        let at = all.iter().position(|action| action == "health_status: unhealthy").unwrap();
        let told_after: Vec<_> = all[at + 1..].iter().filter(|action| !action.starts_with("exec")).collect();
        assert_eq!(told_after, told, "{label}");
    }
}
