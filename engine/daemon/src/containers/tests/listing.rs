//! Which containers a list has, and in which order.

use super::*;
use fake::exit;

async fn names(bench: &Bench, options: ListOptions) -> Vec<String> {
    bench.service.list(options).await.unwrap().into_iter().flat_map(|c| c.names).collect()
}

fn filtered(key: &str, values: &[&str]) -> ListOptions {
    let values = values.iter().map(|v| (*v).to_owned()).collect();
    ListOptions { all: true, filters: Filters::from([(key.to_owned(), values)]), ..ListOptions::default() }
}

#[tokio::test]
async fn the_list_is_newest_first_and_filters_are_dockers() {
    let bench = Bench::new();
    bench.create("one", HostConfig::default()).await;
    let two = bench.run("two").await;
    let three = bench.run("three").await;
    bench.runtime.end(&three, exit(4));
    bench.service.wait(&three, WaitCondition::NotRunning).unwrap().await;

    assert_eq!(names(&bench, ListOptions::default()).await, ["/two"]);
    assert_eq!(names(&bench, ListOptions { all: true, ..ListOptions::default() }).await, ["/three", "/two", "/one"]);
    assert_eq!(names(&bench, ListOptions { limit: Some(1), ..ListOptions::default() }).await, ["/three"]);
    for (key, value, found) in [
        ("status", "running", vec!["/two"]),
        ("status", "created", vec!["/one"]),
        ("exited", "4", vec!["/three"]),
        ("exited", "0", vec![]),
        ("name", "^/t", vec!["/three", "/two"]),
        ("name", "^/(one|two)$", vec!["/two", "/one"]),
        ("is-task", "true", vec![]),
        ("id", &two[..12], vec!["/two"]),
        ("ancestor", "busybox", vec!["/three", "/two", "/one"]),
        ("ancestor", "nosuch", vec![]),
        ("before", "two", vec!["/one"]),
        ("since", "two", vec!["/three"]),
        ("network", "bridge", vec!["/three", "/two", "/one"]),
        ("network", "host", vec![]),
        ("health", "none", vec!["/three", "/two", "/one"]),
    ] {
        assert_eq!(names(&bench, filtered(key, &[value])).await, found, "{key}={value}");
    }
    for (key, value, message) in [
        ("colour", "red", "invalid filter 'colour'"),
        ("status", "bored", "invalid filter 'status=bored': Unrecognised filter value for status: bored"),
        ("exited", "x", "invalid filter 'exited=x'"),
        ("before", "nosuch", "No such container: nosuch"),
    ] {
        assert_eq!(bench.service.list(filtered(key, &[value])).await.unwrap_err().to_string(), message);
    }
}

#[tokio::test]
async fn a_line_of_the_list_says_what_docker_says() {
    let bench = Bench::new();
    let id = bench.run("web").await;
    let line = bench.service.list(ListOptions::default()).await.unwrap().remove(0);
    assert_eq!(
        (line.id.as_str(), line.image.as_str(), line.image_id.as_str()),
        (id.as_str(), "busybox", "sha256:0123")
    );
    assert_eq!((line.command.as_str(), line.state.as_str()), ("sh", "running"));
    assert!(line.status.starts_with("Up "), "{}", line.status);
    bench.service.kill(&id, None).await.unwrap();
    let options = ListOptions { all: true, ..ListOptions::default() };
    let line = bench.service.list(options).await.unwrap().remove(0);
    assert_eq!(line.status, "Exited (137) Less than a second ago");
}
