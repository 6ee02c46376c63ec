//! The OOM killer's victims have names.

use crate::support::{Box, memory_limit, no_limits, observe, skip};
use hull_test_patience::patience;
use std::time::Duration;

/// Grows a variable until the limit says no: 1 MB doubled seven times is 128 MB.
pub(crate) const HOG: &str =
    "x=$(head -c 1000000 /dev/zero | tr '\\0' x); for i in 1 2 3 4 5 6 7; do x=\"$x$x\"; done; echo ${#x}";

#[tokio::test(flavor = "multi_thread")]
async fn a_victim_is_reported_with_its_name_and_counted() {
    if let Some(reason) = skip() {
        return println!("{reason}");
    }
    let observability = observe().await;
    let mut events = observability.oom_events();
    let mut container = Box::tracked(&observability, &memory_limit(24 << 20)).await;
    let shell = container.shell(HOG);
    let event = tokio::time::timeout(patience(Duration::from_secs(20)), async {
        loop {
            let event = events.recv().await.unwrap();
            if event.cgroup_id == container.cgroup.id() {
                return event;
            }
        }
    });
    let event = event.await.unwrap();
    assert_eq!((event.pid, event.comm.as_str()), (shell, "sh"));
    assert_eq!(container.wait(), 0);
    assert_eq!(observability.counters(container.cgroup.id()).unwrap().oom_victims, 1);
    assert_eq!(container.cgroup.stats().unwrap().oom.kills, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_limit_nobody_is_killed() {
    if let Some(reason) = skip() {
        return println!("{reason}");
    }
    let observability = observe().await;
    let mut container = Box::tracked(&observability, &no_limits()).await;
    container.shell(&format!("{HOG} > /dev/null"));
    assert_eq!(container.wait(), 1);
    assert_eq!(observability.counters(container.cgroup.id()).unwrap().oom_victims, 0);
}
