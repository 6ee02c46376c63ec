//! Order, filters and history of the events.

use super::*;
use futures_util::{FutureExt, StreamExt};
use std::time::Duration;

fn container(action: &'static str, id: &str) -> Event {
    Event::new(Kind::Container, action, id).with("name", "web").with("image", "nginx:1").with("tier", "front")
}

fn filter(key: &str, values: &[&str]) -> EventFilter {
    EventFilter::new([(key.to_owned(), values.iter().map(|v| (*v).to_owned()).collect())]).unwrap()
}

#[tokio::test]
async fn history_comes_first_then_what_is_new_and_nothing_twice() {
    let bus = EventBus::new();
    let before = Time::now();
    bus.publish(container("create", "a"));
    let mut all = Box::pin(bus.subscribe(Some(before), None, EventFilter::default()));
    let mut new_only = Box::pin(bus.subscribe(None, None, EventFilter::default()));
    bus.publish(container("start", "a"));
    assert_eq!(all.next().await.unwrap().action, "create");
    assert_eq!(all.next().await.unwrap().action, "start");
    assert!(all.next().now_or_never().is_none());
    assert_eq!(new_only.next().await.unwrap().action, "start");
}

#[tokio::test]
async fn a_past_until_ends_the_stream_and_a_future_one_waits_for_it() {
    let bus = EventBus::new();
    let start = Time::now();
    bus.publish(container("create", "a"));
    let past = bus.subscribe(Some(start), Some(Time::now()), EventFilter::default());
    assert_eq!(past.count().await, 1);
    let soon = Time::from_nanos(Time::now().nanos() + 50_000_000);
    let future = tokio::spawn(bus.subscribe(Some(start), Some(soon), EventFilter::default()).count());
    tokio::time::sleep(Duration::from_millis(5)).await;
    bus.publish(container("start", "a"));
    assert_eq!(future.await.unwrap(), 2);
}

#[tokio::test]
async fn history_is_bounded_and_a_slow_reader_goes_on_with_the_oldest_that_is_left() {
    let bus = EventBus::new();
    let mut slow = Box::pin(bus.subscribe(None, None, EventFilter::default()));
    for n in 0..HISTORY + 10 {
        bus.publish(container("start", &n.to_string()));
    }
    assert_eq!(slow.next().await.unwrap().id, "10");
}

#[test]
fn filters_are_dockers() {
    let event = container("exec_create: sh", "abcdef");
    for (key, value) in [
        ("type", "container"),
        ("event", "exec_create"),
        ("event", "exec_create: sh"),
        ("container", "abc"),
        ("container", "web"),
        ("image", "nginx"),
        ("image", "nginx:1"),
        ("label", "tier"),
        ("label", "tier=front"),
        ("scope", "local"),
    ] {
        assert!(filter(key, &[value]).matches(&event), "{key}={value}");
        assert!(filter(key, &["nothing", value]).matches(&event), "values of a key are alternatives");
    }
    for (key, value) in [
        ("type", "image"),
        ("event", "exec"),
        ("container", "x"),
        ("image", "ngin"),
        ("label", "tier=back"),
        ("volume", "web"),
    ] {
        assert!(!filter(key, &[value]).matches(&event), "{key}={value}");
    }
    assert!(EventFilter::new([("colour".to_owned(), vec![])]).is_err());
}
