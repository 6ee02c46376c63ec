//! `--cpus=.5` means at most half a CPU, and Hull tells who stalled and for how long.

use hull_test_support::{Engine, Metrics, Options, eventually, pause};
use std::fs;
use std::time::{Duration, Instant};

/// CPU time used so far, in seconds.
fn cpu_seconds(engine: &Engine, container: &str) -> f64 {
    if let Ok(nanos) = fs::read_to_string(engine.cgroup(container, "cpuacct").join("cpuacct.usage")) {
        return nanos.trim().parse::<f64>().expect("a number") / 1e9;
    }
    stat(engine, container, "usage_usec") / 1e6
}

fn stat(engine: &Engine, container: &str, key: &str) -> f64 {
    let text = fs::read_to_string(engine.cgroup(container, "cpu").join("cpu.stat")).expect("cpu.stat");
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("no {key} in {text}"))
}

/// Seconds throttled, as the kernel says.
fn throttled_seconds(engine: &Engine, container: &str) -> f64 {
    let v1 = engine.cgroup(container, "cpuacct").join("cpuacct.usage").exists();
    if v1 { stat(engine, container, "throttled_time") / 1e9 } else { stat(engine, container, "throttled_usec") / 1e6 }
}

/// Freezes a container and reads the metrics when the kernel's counters rest: a period that is under way still ends.
fn frozen(engine: &Engine, container: &str) -> Metrics {
    engine.hull(["pause", container]).ok();
    eventually("counters rest", Duration::from_secs(10), || {
        let before = stat(engine, container, "nr_periods");
        pause(Duration::from_millis(250));
        let metrics = engine.metrics();
        (stat(engine, container, "nr_periods") == before).then_some(metrics)
    })
}

fn spin(engine: &Engine, name: &str, threads: &str, flags: &[&str]) {
    let [v, guest] = engine.guest();
    let head = ["run", "-d", "--name", name, &v, &guest];
    engine.hull([&head, flags, &["busybox", "/guest", "spin", threads, "1000"]].concat()).ok();
}

#[test]
fn half_a_cpu_is_half_a_cpu() {
    let engine = Engine::start();
    engine.load("busybox");
    spin(&engine, "half", "2", &["--cpus=.5"]);
    // Less than the quota only means that the host was busy: then the quota was not what held it, and it is measured again.
    for attempt in 1.. {
        let (start, used) = (Instant::now(), cpu_seconds(&engine, "half"));
        let throttled = stat(&engine, "half", "nr_throttled");
        pause(Duration::from_secs(5));
        let share = (cpu_seconds(&engine, "half") - used) / start.elapsed().as_secs_f64();
        assert!(share <= 0.55, "{share} CPUs");
        if share >= 0.45 {
            return;
        }
        let grew = stat(&engine, "half", "nr_throttled") - throttled;
        assert!(grew < 45.0 && attempt < 4, "{share} CPUs although throttled in {grew} of 50 periods");
    }
}

#[test]
fn metrics_agree_with_the_kernel_and_the_stalled_are_named() {
    let engine = Engine::start();
    engine.load("busybox");
    spin(&engine, "stalled", "2", &["--cpus=.5"]);
    pause(Duration::from_secs(5));
    let metrics = frozen(&engine, "stalled");
    let labels = [("name", "stalled")];

    let periods = stat(&engine, "stalled", "nr_periods");
    let throttled = stat(&engine, "stalled", "nr_throttled");
    let seconds = throttled_seconds(&engine, "stalled");
    assert!(throttled >= 10.0, "only {throttled} periods were throttled");
    assert!((metrics.get("container_cpu_cfs_periods_total", &labels) - periods).abs() <= 1.0);
    assert!((metrics.get("container_cpu_cfs_throttled_periods_total", &labels) - throttled).abs() <= 1.0);
    assert!((metrics.get("container_cpu_cfs_throttled_seconds_total", &labels) - seconds).abs() <= 1.0);

    let counted = metrics.get("container_ebpf_cfs_throttled_periods_total", &labels);
    assert!((counted - throttled).abs() <= 0.05 * throttled, "eBPF counted {counted}, the kernel {throttled}");

    let sum = metrics.get("container_cpu_throttle_duration_seconds_sum", &labels);
    assert!((sum - seconds).abs() <= 0.02 * seconds, "the histogram's sum is {sum}, the kernel's time {seconds}");

    let tasks = metrics.values("container_throttled_process_seconds_total", "comm", &labels);
    let named: f64 = tasks.iter().filter(|(comm, _)| comm == "guest").map(|(_, value)| value).sum();
    assert!(named > 0.5 * seconds, "task-seconds by name: {tasks:?}, queue-seconds {seconds}");

    let pids = engine.hull(["pids", "--json", "stalled"]).ok();
    let pids: serde_json::Value = serde_json::from_str(&pids).expect("JSON");
    let stalled: f64 =
        pids["Processes"].as_array().into_iter().flatten().filter_map(|p| p["ThrottledSeconds"].as_f64()).sum();
    assert!(stalled > 0.5 * seconds, "hull pids names {stalled} s: {pids}");
}

#[test]
fn threads_that_always_could_run_have_run_or_stalled_or_waited() {
    const THREADS: f64 = 4.0;
    let engine = Engine::start();
    engine.load("busybox");
    spin(&engine, "crowd", "4", &["--cpus=.2", "--cpuset-cpus=0"]);
    let sums = || {
        let metrics = engine.metrics();
        let labels = [("name", "crowd")];
        let tasks = metrics.values("container_throttled_process_seconds_total", "comm", &labels);
        [
            cpu_seconds(&engine, "crowd"),
            tasks.iter().map(|(_, value)| value).sum::<f64>(),
            metrics.get("container_sched_runqueue_latency_seconds_sum", &labels),
            metrics.get("container_cpu_throttle_duration_seconds_sum", &labels),
        ]
    };
    // The first stall is counted when it is over: then all threads are there.
    eventually("a stall", Duration::from_secs(10), || (sums()[1] > 0.5).then_some(()));
    let (start, before) = (Instant::now(), sums());
    pause(Duration::from_secs(8));
    let (elapsed, after) = (start.elapsed().as_secs_f64(), sums());
    let [ran, stalled, waited, queue] = std::array::from_fn(|index| after[index] - before[index]);
    println!(
        "in {elapsed} s: ran {ran} s, stalled {stalled} s, waited {waited} s; the queue stood still for {queue} s"
    );
    // One stall of each thread may lie on either edge. No load of the host changes the sum, only its parts.
    let sum = (ran + stalled + waited) / (THREADS * elapsed);
    assert!((0.92..=1.08).contains(&sum), "{sum} of the threads' time");
    // They share one queue, and none is charged twice. Kernels before 6.12 stop queues that have run empty as well.
    assert!((1.2..=4.3).contains(&(stalled / queue)), "{} task-seconds in a second of the queue", stalled / queue);
}

#[test]
fn with_ebpf_switched_off_the_histogram_is_absent_and_the_kernels_counters_stay() {
    let engine = Engine::start_with(Options { flags: vec!["--no-ebpf".into()] });
    engine.load("busybox");
    spin(&engine, "dark", "2", &["--cpus=.2"]);
    eventually("it is throttled", Duration::from_secs(10), || {
        (stat(&engine, "dark", "nr_throttled") > 3.0).then_some(())
    });
    let metrics = engine.metrics();
    assert!(metrics.get("container_cpu_cfs_throttled_periods_total", &[("name", "dark")]) > 0.0);
    assert_eq!(metrics.sum("container_cpu_throttle_duration_seconds_sum", &[]), None);
    assert_eq!(metrics.sum("container_throttled_process_seconds_total", &[]), None);
}

#[test]
fn cfs_counters_exist_without_a_quota_too() {
    let engine = Engine::start();
    engine.load("busybox");
    engine.hull(["run", "-d", "--name", "free", "busybox", "sleep", "1000"]).ok();
    assert_eq!(engine.metrics().get("container_cpu_cfs_throttled_periods_total", &[("name", "free")]), 0.0);
}
