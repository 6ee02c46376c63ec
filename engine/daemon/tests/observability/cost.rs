//! What observing costs: printed, and bounded loosely, because the host is shared.

use crate::support::{Box, no_limits, observe, skip};
use hulld::observability::Tracked;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn tracking_a_container_takes_a_fraction_of_its_start() {
    if let Some(reason) = skip() {
        return println!("{reason}");
    }
    let begin = Instant::now();
    let observability = observe().await;
    println!("loading: {:?}", begin.elapsed());
    let container = Box::new(&no_limits());
    let mut track = Vec::new();
    let mut untrack = Vec::new();
    for _ in 0..50 {
        let tracked = Tracked { container: container.container.clone(), cgroup: Arc::clone(&container.cgroup) };
        let begin = Instant::now();
        observability.track(tracked).await;
        track.push(begin.elapsed());
        let begin = Instant::now();
        observability.untrack(container.cgroup.id());
        untrack.push(begin.elapsed());
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times[times.len() / 2]
    };
    let (track, untrack) = (median(&mut track), median(&mut untrack));
    println!("track {track:?}, untrack {untrack:?}");
    assert!(track + untrack < Duration::from_millis(20), "track {track:?}, untrack {untrack:?}");
}
