//! The daemon goes and comes back.

use super::*;
use crate::store::object::{self, Durability};
use fake::exit;

/// What `restore` does, without networks.
async fn restore(bench: &Bench) {
    bench.service.restore_all(async |_| Ok(())).await.unwrap();
}

#[tokio::test]
async fn containers_are_there_as_they_were() {
    let first = Bench::new();
    let created = first.create("created", HostConfig::default()).await;
    let lives = first.run("lives").await;
    let ended = first.run("ended").await;
    let brief = first.create("brief", HostConfig { auto_remove: true, ..HostConfig::default() }).await;
    first.service.start(&brief).await.unwrap();
    let Bench { root, runtime, service, .. } = first;
    drop(service);
    for (id, code) in [(&ended, 3), (&brief, 4)] {
        runtime.ended_unseen.lock().unwrap().insert(id.clone().try_into().unwrap(), exit(code));
    }

    let second = Bench::over(root, runtime);
    restore(&second).await;
    assert_eq!((second.status(&created), second.status("lives")), ("created", "running"));
    assert_eq!((second.status(&ended), second.service.get(&ended).unwrap().state.exit_code()), ("exited", 3));
    assert_eq!(second.service.get(&brief).unwrap_err().kind(), Kind::NotFound, "removed afterwards");
    let waiting = second.service.wait(&lives, WaitCondition::NotRunning).unwrap();
    second.runtime.end(&lives, exit(9));
    assert_eq!(waiting.await.status_code, 9);
    assert_eq!(second.on_disk(&lives)["state"]["code"], 9);
    let taken = second.service.rename("created", "ended").await.unwrap_err();
    assert_eq!(taken.kind(), Kind::Conflict);
}

#[tokio::test]
async fn the_kernel_knows_who_is_frozen() {
    let first = Bench::new();
    let [frozen, thawed] = [first.run("frozen").await, first.run("thawed").await];
    first.service.pause(&thawed).await.unwrap();
    let Bench { root, runtime, service, .. } = first;
    drop(service);
    // The daemon died after the freezer and before the description.
    *runtime.frozen.lock().unwrap() = [frozen.clone().try_into().unwrap()].into();

    let second = Bench::over(root, runtime);
    restore(&second).await;
    assert_eq!((second.status(&frozen), second.status(&thawed)), ("paused", "running"));
    second.service.unpause(&frozen).await.unwrap();
    assert_eq!(second.status(&frozen), "running");
}

#[tokio::test]
async fn a_damaged_description_is_left_alone_and_holds_up_nobody() {
    let first = Bench::new();
    let good = first.create("good", HostConfig::default()).await;
    let bad = first.create("bad", HostConfig::default()).await;
    let path = first.container_directory(&bad).join("container.json");
    object::write_bytes(&path, b"{\"schema\": 1, ", Durability::Renamed).unwrap();
    let Bench { root, runtime, service, .. } = first;
    drop(service);
    let second = Bench::over(root, runtime);
    restore(&second).await;
    assert_eq!(second.status(&good), "created");
    assert!(second.service.get(&bad).is_err() && path.exists());
}
