//! Many containers in one scrape: all of them are in it, and what it took is printed.

use crate::metrics::{List, sample};
use crate::support::{Box, no_limits, observe, skip};
use std::sync::Arc;
use std::time::Instant;

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
}
