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
async fn a_slow_client_is_told_and_let_go_and_the_engine_itself_goes_on() {
    let bus = EventBus::new();
    let mut client = Box::pin(bus.follow(None, None, filter("type", &["volume"])));
    let mut own = Box::pin(bus.subscribe(None, None, EventFilter::default()));
    assert_eq!(bus.listeners(), 2);
    for n in 0..HISTORY + 10 {
        bus.publish(container("start", &n.to_string()));
    }
    assert_eq!(own.next().await.unwrap().id, "10");
    // Whatever its filter is: nobody knows what was among the lost ones.
    assert_eq!(client.next().await, Some(Err(TooSlow { lost: 10 })));
    assert_eq!(client.next().await, None);
    drop((client, own));
    assert_eq!(bus.listeners(), 0);
}

#[tokio::test]
async fn long_labels_do_not_fill_the_memory() {
    let bus = EventBus::new();
    let start = Time::now();
    for n in 0..40 {
        bus.publish(container("create", &n.to_string()).with("label", "x".repeat(1 << 20)));
    }
    let kept: Vec<_> = bus.subscribe(Some(start), Some(Time::now()), EventFilter::default()).collect().await;
    assert_eq!((kept.len(), kept.last().unwrap().id.as_str()), (15, "39"));
    // One that is longer than all of the bound stays by itself.
    bus.publish(container("create", "huge").with("label", "x".repeat(HISTORY_BYTES)));
    let kept: Vec<_> = bus.subscribe(Some(start), Some(Time::now()), EventFilter::default()).collect().await;
    assert_eq!((kept.len(), kept[0].id.as_str()), (1, "huge"));
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
        let alternative = filter(key, &["nothing", value]).matches(&event);
        assert_eq!(
            alternative,
            key != "label",
            "values of a key are alternatives, but all labels must be there: {key}"
        );
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
    assert!(filter("label", &["tier", "image"]).matches(&event));
    assert!(!filter("label", &["tier", "other"]).matches(&event), "all labels must be there");
    let network = Event::new(Kind::Network, "connect", "n1").with("container", "abcdef").with("name", "bridge");
    assert!(!filter("container", &["abc"]).matches(&network) && filter("network", &["bri"]).matches(&network));
    let image = Event::new(Kind::Image, "pull", "nginx:1").with("name", "nginx");
    assert!(filter("image", &["nginx:1"]).matches(&image) && !filter("image", &[""]).matches(&network));
    assert!(EventFilter::new([("colour".to_owned(), vec![])]).is_err());
}
