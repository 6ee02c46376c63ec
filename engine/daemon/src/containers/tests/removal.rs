//! Removal: when it is refused, what it ends and what it leaves.

use super::*;
use fake::exit;

#[tokio::test]
async fn a_running_container_is_removed_by_force_only() {
    let bench = Bench::new();
    let id = bench.run("web").await;
    let error = bench.service.remove(&id, RemoveOptions::default()).await.unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.kind()),
        (
            "cannot remove container \"/web\": container is running: stop the container before removing or force remove",
            Kind::Conflict
        )
    );
    let force = RemoveOptions { force: true, ..RemoveOptions::default() };
    bench.service.remove(&id, force).await.unwrap();
    assert_eq!(bench.told(), ["create", "start", "kill", "die", "destroy"]);
}

#[tokio::test]
async fn a_rm_container_goes_by_itself_and_its_code_is_still_told() {
    let bench = Bench::new();
    let id = bench.create("brief", HostConfig { auto_remove: true, ..HostConfig::default() }).await;
    let removed = bench.service.wait(&id, WaitCondition::Removed).unwrap();
    bench.service.start(&id).await.unwrap();
    bench.runtime.end(&id, exit(5));
    assert_eq!(removed.await.status_code, 5);
    assert_eq!(bench.service.get(&id).unwrap_err().kind(), Kind::NotFound);
    assert_eq!(bench.told(), ["create", "start", "die", "destroy"]);
}

#[tokio::test]
async fn force_removal_of_a_rm_container_removes_it_once() {
    let bench = Bench::new();
    let id = bench.create("brief", HostConfig { auto_remove: true, ..HostConfig::default() }).await;
    bench.service.start(&id).await.unwrap();
    bench.service.remove(&id, RemoveOptions { force: true, ..RemoveOptions::default() }).await.unwrap();
    assert_eq!(bench.told(), ["create", "start", "kill", "die", "destroy"]);
}

#[tokio::test]
async fn a_failed_removal_leaves_a_dead_container_that_can_be_removed_again() {
    let bench = Bench::new();
    let id = bench.create("stuck", HostConfig::default()).await;
    *bench.runtime.discard_error.lock().unwrap() = Some(std::io::Error::from_raw_os_error(5));
    let error = bench.service.remove(&id, RemoveOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::System);
    assert_eq!(bench.status(&id), "dead");
    assert_eq!(bench.service.start(&id).await.unwrap_err().kind(), Kind::Conflict);
    bench.service.remove(&id, RemoveOptions::default()).await.unwrap();
}

#[tokio::test]
async fn anonymous_volumes_go_with_the_container_when_asked_and_named_ones_stay() {
    let bench = Bench::new();
    for (name, volumes, left) in [("keep", false, 2), ("drop", true, 2)] {
        let host = HostConfig { binds: vec!["named:/n".to_owned(), "/anonymous".to_owned()], ..HostConfig::default() };
        let id = bench.create(name, host).await;
        bench.service.remove(&id, RemoveOptions { volumes, ..RemoveOptions::default() }).await.unwrap();
        assert_eq!(bench.service.shared.volumes.list(&Filters::new()).unwrap().len(), left, "{name}");
    }
}

#[tokio::test]
async fn prune_takes_what_does_not_run_and_matches() {
    let bench = Bench::new();
    let running = bench.run("running").await;
    let created = bench.create("created", HostConfig::default()).await;
    let none = Filters::from([("label".to_owned(), vec!["nobody-has-it".to_owned()])]);
    assert_eq!(bench.service.prune(&none).await.unwrap().containers_deleted, Vec::<String>::new());
    assert_eq!(bench.service.prune(&Filters::new()).await.unwrap().containers_deleted, [created]);
    assert_eq!(bench.status(&running), "running");
    let unknown = Filters::from([("colour".to_owned(), vec![])]);
    assert_eq!(bench.service.prune(&unknown).await.unwrap_err().to_string(), "invalid filter 'colour'");
}
