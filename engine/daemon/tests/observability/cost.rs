//! What observing costs: printed, and bounded loosely, because the host is shared.

use crate::metrics::{List, sample};
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

#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_of_200_containers_is_short() {
    if let Some(reason) = skip() {
        return println!("{reason}");
    }
    let observability = observe().await;
    let mut container = Box::tracked(&observability, &no_limits()).await;
    let pid = container.shell("sleep 1000");
    // All of one cgroup: reading it 200 times costs what reading 200 of them does.
    let list = Arc::new(List::default());
    for index in 0..200 {
        let mut sample = sample(&container, pid);
        sample.name = format!("web-{index}");
        list.0.lock().unwrap().push(sample);
    }
    observability.set_source(list);
    let begin = Instant::now();
    let text = observability.render();
    let elapsed = begin.elapsed();
    let of = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    println!("200 containers: {elapsed:?}, {} kB, {}", text.len() / 1000, of("engine_metrics_series "));
    assert!(text.contains("name=\"web-199\"") && of("engine_metrics_series_dropped_total").ends_with(" 0"));
    assert!(elapsed < Duration::from_secs(5), "{elapsed:?}");
}
