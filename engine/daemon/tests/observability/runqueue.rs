//! The wait for a CPU, against what the kernel accounts for each task in `schedstat`.

use crate::support::{Box, no_limits, observe, skip};
use std::time::Duration;

/// Nanoseconds that the process's only thread waited.
fn run_delay(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap();
    text.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_that_share_a_cpu_wait_as_long_as_the_kernel_says() {
    if let Some(reason) = skip() {
        return println!("{reason}");
    }
    if !std::path::Path::new("/proc/self/schedstat").exists() {
        return println!("skipped: this kernel keeps no schedstat");
    }
    let observability = observe().await;
    let mut container = Box::tracked(&observability, &no_limits()).await;
    for _ in 0..3 {
        container.shell("exec taskset -c 0 sh -c 'while :; do :; done'");
    }
    std::thread::sleep(Duration::from_secs(2));
    container.cgroup.freeze().unwrap();
    let kernel: u64 = container.cgroup.procs().unwrap().into_iter().map(run_delay).sum();
    let ours = observability.counters(container.cgroup.id()).unwrap().runqueue;
    println!("eBPF {} ms in {} waits, kernel {} ms", ours.sum_ns / 1_000_000, ours.count(), kernel / 1_000_000);
    assert!(kernel > 1_000_000_000, "three tasks on one CPU waited {kernel} ns only");
    // The shells' lives before they moved into the cgroup are the kernel's alone.
    assert!(ours.sum_ns.abs_diff(kernel) < kernel / 20, "eBPF {} ns, kernel {kernel} ns", ours.sum_ns);
}
