//! Stalls against `cpu.stat`: the sum of queue stalls within 2 %, counted periods within 5 %.

use crate::support::{Box, cpu_limit, eventually, observe, skip};
use hull_ebpf_types::Counters;
use hull_runtime::cgroup::Throttling;
use hulld::observability::Observability;
use std::time::Duration;

/// On a busy host a quota is used up late: what counts is how much there is to compare.
fn run_until_throttled(container: &Box) {
    eventually("20 throttled periods and 300 ms of stalls", || {
        let throttling = container.cgroup.cpu_stats().throttling;
        (throttling.throttled_periods >= 20 && throttling.throttled_ns >= 300_000_000).then_some(())
    });
}

/// Freezes the container and waits until the kernel's counters rest: the last period still ends.
fn settle(container: &Box, observability: &Observability) -> (Counters, Throttling) {
    container.cgroup.freeze().unwrap();
    let throttling = eventually("the kernel's counters rest", || {
        let before = container.cgroup.cpu_stats().throttling;
        std::thread::sleep(Duration::from_millis(350));
        (container.cgroup.cpu_stats().throttling == before).then_some(before)
    });
    (observability.counters(container.cgroup.id()).unwrap(), throttling)
}

fn within(what: &str, ours: u64, kernel: u64, percent: f64) {
    let difference = ours.abs_diff(kernel) as f64 / kernel.max(1) as f64 * 100.0;
    println!("{what}: eBPF {ours}, kernel {kernel}, apart {difference:.3} %");
    assert!(difference <= percent, "{what}: {ours} against the kernel's {kernel}");
}

fn agree(counters: &Counters, kernel: &Throttling) {
    within("throttled time", counters.queue_stalls.sum_ns, kernel.throttled_ns, 2.0);
    within("periods", counters.periods, kernel.periods, 5.0);
    within("throttled periods", counters.throttled_periods, kernel.throttled_periods, 5.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_two_and_eight_busy_threads_stall_as_long_as_the_kernel_says() {
    if let Some(reason) = skip() {
        return println!("{reason}");
    }
    let observability = observe().await;
    for threads in [1, 2, 8] {
        let mut container = Box::tracked(&observability, &cpu_limit(10_000, 100_000)).await;
        for _ in 0..threads {
            container.shell("while :; do :; done");
        }
        run_until_throttled(&container);
        let (counters, kernel) = settle(&container, &observability);
        println!(
            "{threads} threads: {} stalls, {} task-ms",
            counters.queue_stalls.count(),
            counters.task_stall_ns / 1_000_000
        );
        agree(&counters, &kernel);

        let by_name = observability.stalls_by_name(container.cgroup.id());
        let named: u64 = by_name.iter().map(|(_, ns)| ns).sum();
        assert_eq!(named, counters.task_stall_ns);
        assert!(by_name.iter().all(|(comm, _)| comm == "sh"), "{by_name:?}");
        let by_process: u64 =
            observability.processes(container.cgroup.id()).iter().filter_map(|it| it.throttled_ns).sum();
        assert_eq!(by_process, counters.task_stall_ns);
        // One task to a queue stalls exactly when its queue does, but for the tick between the two clocks.
        if threads == 1 {
            within("one task's stalls", counters.task_stall_ns, kernel.throttled_ns, 5.0);
        }
        observability.untrack(container.cgroup.id());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sleepy_threads_and_short_periods_agree_too() {
    if let Some(reason) = skip() {
        return println!("{reason}");
    }
    let observability = observe().await;
    let mut container = Box::tracked(&observability, &cpu_limit(2_000, 20_000)).await;
    container.shell("while :; do i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 0.01; done");
    container.shell("while :; do i=0; while [ $i -lt 5000 ]; do i=$((i+1)); done; sleep 0.003; done");
    run_until_throttled(&container);
    let (counters, kernel) = settle(&container, &observability);
    agree(&counters, &kernel);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_limit_nothing_stalls() {
    if let Some(reason) = skip() {
        return println!("{reason}");
    }
    let observability = observe().await;
    let mut container = Box::tracked(&observability, &crate::support::no_limits()).await;
    container.shell("i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done");
    assert_eq!(container.wait(), 1);
    let counters = observability.counters(container.cgroup.id()).unwrap();
    assert_eq!((counters.queue_stalls.count(), counters.task_stall_ns, counters.periods), (0, 0, 0));
}
