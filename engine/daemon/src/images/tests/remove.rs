//! Names, removal, pruning, lists.

use super::*;
use std::collections::BTreeMap;

fn used(image: &Image, running: bool) -> [ImageUse; 1] {
    [ImageUse { image: image.id.to_string(), container: "c0ffee".repeat(10), running }]
}

/// What a removal answers, as lines; ids by their role.
fn lines(store: &Store, image: &Image, reference: &str, force: bool, in_use: &[ImageUse]) -> Vec<String> {
    let role = |digest: &str| if digest == image.id.to_string() { "image" } else { "layer" };
    match store.service.remove(reference, force, false, in_use) {
        Ok(items) => items
            .iter()
            .map(|item| if item.untagged.is_empty() { role(&item.deleted).to_owned() } else { item.untagged.clone() })
            .collect(),
        Err(error) => vec![error.to_string().replace(&image.id.short(), "ID")],
    }
}

#[test]
fn dockers_rules_of_removal() {
    let running =
        "conflict: unable to delete ID (cannot be forced) - image is being used by running container c0ffeec0ffee";
    let stopped =
        "conflict: unable to delete ID (must be forced) - image is being used by stopped container c0ffeec0ffee";
    let several = "conflict: unable to delete ID (must be forced) - image is referenced in multiple repositories";
    let last = "conflict: unable to remove repository reference \"a:1\" (must force) - container c0ffeec0ffee is using its \
                referenced image ID";
    #[derive(Clone, Copy)]
    enum By {
        Name,
        Id,
    }
    /// Names, what is given, whether a container runs or exists, force, what is answered.
    type Case<'a> = (&'a [&'a str], By, Option<bool>, bool, &'a [&'a str]);
    let cases: [Case<'_>; 13] = [
        (&["a:1", "b:1"], By::Name, Some(true), false, &["a:1"]),
        (&["a:1"], By::Name, None, false, &["a:1", "image", "layer", "layer"]),
        (&["a:1"], By::Name, Some(false), false, &[last]),
        (&["a:1"], By::Name, Some(true), false, &[last]),
        (&["a:1"], By::Name, Some(false), true, &["a:1", "image"]),
        (&["a:1"], By::Name, Some(true), true, &["a:1"]),
        (&["a:1"], By::Id, None, false, &["a:1", "image", "layer", "layer"]),
        (&["a:1", "b:1"], By::Id, None, false, &[several]),
        (&["a:1", "b:1"], By::Id, None, true, &["a:1", "b:1", "image", "layer", "layer"]),
        (&["a:1"], By::Id, Some(false), false, &[stopped]),
        (&["a:1"], By::Id, Some(false), true, &["a:1", "image"]),
        (&["a:1"], By::Id, Some(true), true, &[running]),
        (&["a:1", "b:1"], By::Id, Some(true), false, &[running]),
    ];
    for (number, (names, by, use_, force, expected)) in cases.into_iter().enumerate() {
        let store = Store::new();
        store.load(&docker_archive(names, &[&layer("x"), &layer("y")])).unwrap();
        let image = store.service.resolve("a:1").unwrap();
        let in_use = use_.map(|running| used(&image, running));
        let in_use = in_use.as_ref().map_or(&[][..], |list| &list[..]);
        let reference = match by {
            By::Name => "a:1".to_owned(),
            By::Id => image.id.short(),
        };
        assert_eq!(lines(&store, &image, &reference, force, in_use), expected, "case {number}");
        let freed = expected.contains(&"layer");
        assert_eq!(store.counts(), if freed { (0, 0, 0) } else { (2, 3, 0) }, "case {number}");
    }
}

#[test]
fn layers_of_a_stopped_container_outlive_a_forced_removal() {
    let mut store = Store::new();
    store.load(&docker_archive(&["a:1"], &[&layer("x")])).unwrap();
    let image = store.service.resolve("a:1").unwrap();
    let in_use = used(&image, false);
    store.service.remove("a:1", true, false, &in_use).unwrap();
    store.again();
    assert!(store.service.list(&ListOptions::default()).unwrap().is_empty());
    assert!(store.service.resolve(&image.id.short()).is_err());
    let kept = store.service.resolve(&image.id.to_string()).unwrap();
    assert!(store.service.layer_paths(&kept)[0].join("x").exists(), "the container can be started");
    store.service.collect(&in_use).unwrap();
    assert!(store.service.holds_removed());
    assert_eq!(store.counts().0, 1);
    store.service.collect(&[]).unwrap();
    assert!(!store.service.holds_removed());
    assert_eq!(store.counts(), (0, 0, 0));
}

#[test]
fn a_removed_image_that_comes_again_is_whole_again() {
    let store = Store::new();
    let archive = docker_archive(&["a:1"], &[&layer("x")]);
    store.load(&archive).unwrap();
    let image = store.service.resolve("a:1").unwrap();
    store.service.remove("a:1", true, false, &used(&image, false)).unwrap();
    store.load(&archive).unwrap();
    store.service.collect(&[]).unwrap();
    assert_eq!(store.service.names(image.id), ["a:1"]);
}

#[test]
fn shared_layers_stay_until_the_last_image_goes() {
    let store = Store::new();
    let base = layer("base");
    store.load(&docker_archive(&["a:1"], &[&base, &layer("a")])).unwrap();
    store.load(&docker_archive(&["b:1"], &[&base, &layer("b")])).unwrap();
    let image = store.service.resolve("a:1").unwrap();
    assert_eq!(lines(&store, &image, "a:1", false, &[]), ["a:1", "image", "layer"]);
    assert_eq!(store.counts().0, 2);
    assert!(store.service.resolve("b:1").is_ok());
}

#[test]
fn tags_move_and_bad_ones_are_refused() {
    let store = Store::new();
    store.load(&docker_archive(&["a:1"], &[&layer("x")])).unwrap();
    store.service.tag("a:1", "localhost:5000/team/b", Some("2")).unwrap();
    store.service.tag("a:1", "c", None).unwrap();
    store.service.tag("a:1", "d:4", Some("")).unwrap();
    let id = store.service.resolve("a:1").unwrap().id;
    assert_eq!(store.service.names(id), ["a:1", "c:latest", "d:4", "localhost:5000/team/b:2"]);
    for (repository, tag) in [("UPPER", None), ("b", Some("a b")), ("", None), (&format!("b@{id}"), None)] {
        assert_eq!(store.service.tag("a:1", repository, tag).unwrap_err().kind(), Kind::BadParameter, "{repository}");
    }
    assert_eq!(store.service.tag("nothing", "b", None).unwrap_err().kind(), Kind::NotFound);
}

fn listed(store: &Store, filters: &[(&str, &str)]) -> Result<Vec<String>, ImageError> {
    let mut map: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (key, value) in filters {
        map.entry((*key).to_owned()).or_default().push((*value).to_owned());
    }
    let list = store.service.list(&ListOptions { filters: map, shared_size: false })?;
    let mut names: Vec<String> = list.iter().map(|image| image.repo_tags.join(" ")).collect();
    names.sort();
    Ok(names)
}

#[test]
fn lists_are_filtered_as_dockers() {
    let store = Store::new();
    store.load(&docker_archive(&["a:1", "a:2", "team/b:1"], &[&layer("x")])).unwrap();
    store.load(&docker_archive(&["c:1"], &[&layer("y")])).unwrap();
    store.load(&docker_archive(&["c:1"], &[&layer("z")])).unwrap();
    let all = ["", "a:1 a:2 team/b:1", "c:1"];
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);
    let cases: [Case<'_>; 9] = [
        (&[], &all),
        (&[("dangling", "true")], &[""]),
        (&[("dangling", "0")], &all[1..]),
        (&[("reference", "a")], &["a:1 a:2"]),
        (&[("reference", "*/b:1"), ("reference", "c:*")], &["c:1", "team/b:1"]),
        (&[("label", "team=a")], &all),
        (&[("label", "team=b")], &[]),
        (&[("since", "a:1")], &[]),
        (&[("until", "2024-01-03")], &all),
    ];
    for (filters, expected) in cases {
        assert_eq!(listed(&store, filters).unwrap(), expected, "{filters:?}");
    }
    assert_eq!(listed(&store, &[("color", "red")]).unwrap_err().to_string(), "invalid filter 'color'");
    assert_eq!(listed(&store, &[("dangling", "maybe")]).unwrap_err().to_string(), "invalid filter 'dangling=maybe'");
    assert_eq!(listed(&store, &[("before", "nothing")]).unwrap_err().kind(), Kind::NotFound);
}

#[test]
fn prune_takes_what_nobody_names_or_uses() {
    let store = Store::new();
    store.load(&docker_archive(&["a:1"], &[&layer("old")])).unwrap();
    store.load(&docker_archive(&["a:1"], &[&layer("new")])).unwrap();
    store.load(&docker_archive(&["b:1"], &[&layer("b")])).unwrap();
    let report = store.service.prune(&BTreeMap::new(), &[]).unwrap();
    assert_eq!((report.images_deleted.len(), report.space_reclaimed), (2, 3), "the image and its layer of three bytes");
    let kept = used(&store.service.resolve("a:1").unwrap(), false);
    let all = BTreeMap::from([("dangling".to_owned(), vec!["false".to_owned()])]);
    let report = store.service.prune(&all, &kept).unwrap();
    assert_eq!(report.images_deleted[0].untagged, "b:1");
    assert_eq!(listed(&store, &[]).unwrap(), ["a:1"]);
    assert_eq!(store.counts(), (1, 2, 0));
}

#[test]
fn disk_usage_counts_shared_layers_once() {
    let store = Store::new();
    let base = tar(&[("base", &[0; 1000])]);
    store.load(&docker_archive(&["a:1"], &[&base, &layer("a")])).unwrap();
    store.load(&docker_archive(&["b:1"], &[&base, &layer("bb")])).unwrap();
    let image = store.service.resolve("a:1").unwrap();
    let (total, mut images) = store.service.disk_usage(&used(&image, true));
    images.sort_by_key(|image| image.size);
    assert_eq!(total, 1003);
    let seen: Vec<_> = images.iter().map(|image| (image.size, image.shared_size, image.containers)).collect();
    assert_eq!(seen, [(1001, 1000, 1), (1002, 1000, 0)]);
}

#[test]
fn history_and_events_tell_what_happened() {
    let store = Store::new();
    store.load(&docker_archive(&["a:1"], &[&layer("x")])).unwrap();
    let image = store.service.resolve("a:1").unwrap();
    let history = store.service.history("a:1").unwrap();
    let seen: Vec<_> = history.iter().map(|item| (&item.created_by[..], item.size, &item.id[..])).collect();
    assert_eq!(seen, [("env", 0, &image.id.to_string()[..]), ("base", 1, "<missing>")]);

    store.service.tag("a:1", "b", None).unwrap();
    store.service.remove("a:1", false, false, &[]).unwrap();
    store.service.remove("b", false, false, &[]).unwrap();
    let filter = crate::events::EventFilter::default();
    let (now, start) = (crate::time::Time::now(), crate::time::Time::from_nanos(1));
    let events = store.service.inner.events.subscribe(Some(start), Some(now), filter);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let events: Vec<_> = runtime.block_on(futures_util::StreamExt::collect(events));
    let seen: Vec<_> = events.iter().map(|event| (&event.action[..], &event.attributes["name"][..])).collect();
    let id = &image.id.to_string()[..];
    assert_eq!(seen, [("load", id), ("tag", "b:latest"), ("untag", id), ("untag", id), ("delete", id)]);
    assert!(events.iter().all(|event| event.id == id && event.attributes["team"] == "a"));
}
