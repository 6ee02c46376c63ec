//! A container's life over a runtime that is played.

use super::*;
use fake::exit;
use runtime::StartError;

#[tokio::test]
async fn a_container_is_created_started_ends_and_is_removed_and_the_events_say_so_in_order() {
    let bench = Bench::new();
    let id = bench.create("web", HostConfig::default()).await;
    assert_eq!(bench.on_disk(&id)["state"]["status"], "created");
    bench.service.start("web").await.unwrap();
    assert_eq!((bench.status(&id[..6]), &bench.on_disk(&id)["state"]["pid"]), ("running", &4242.into()));
    let not_modified = bench.service.start("/web").await.unwrap_err();
    assert_eq!(not_modified.kind(), Kind::NotModified);
    let ended = bench.service.wait("web", WaitCondition::NotRunning).unwrap();
    let removed = bench.service.wait("web", WaitCondition::Removed).unwrap();
    bench.runtime.end(&id, exit(3));
    assert_eq!(ended.await.status_code, 3);
    assert_eq!(bench.on_disk(&id)["state"]["code"], 3);
    bench.service.remove("web", RemoveOptions::default()).await.unwrap();
    assert_eq!(removed.await.status_code, 3);
    assert_eq!(bench.service.get("web").unwrap_err().to_string(), "No such container: web");
    assert!(!bench.container_directory(&id).exists());
    assert_eq!(bench.told(), ["create", "start", "die", "destroy"]);
}

#[tokio::test]
async fn two_containers_never_have_one_name() {
    let bench = Bench::new();
    let id = bench.create("web", HostConfig::default()).await;
    let other = bench.create("db", HostConfig::default()).await;
    let config = ContainerConfig { image: "busybox".to_owned(), ..ContainerConfig::default() };
    let request = CreateRequest { config, ..CreateRequest::default() };
    let error = bench.service.create(Some("/web".to_owned()), request).await.unwrap_err();
    let text = format!(
        "Conflict. The container name \"/web\" is already in use by container \"{id}\". You have to remove (or rename) that container to be able to reuse that name."
    );
    assert_eq!((error.to_string(), error.kind()), (text, Kind::Conflict));
    assert_eq!(bench.service.rename("db", "web").await.unwrap_err().kind(), Kind::Conflict);
    bench.service.rename("web", "front").await.unwrap();
    bench.service.rename("db", "web").await.unwrap();
    assert_eq!(bench.service.get("web").unwrap().id.as_str(), other);
    assert_eq!(bench.on_disk(&id)["name"], "front");
}

#[tokio::test]
async fn an_unknown_image_leaves_nothing_behind() {
    let bench = Bench::new();
    let config = ContainerConfig { image: "nosuch".to_owned(), ..ContainerConfig::default() };
    let request = CreateRequest { config, ..CreateRequest::default() };
    let error = bench.service.create(Some("x1".to_owned()), request).await.unwrap_err();
    assert_eq!((error.to_string().as_str(), error.kind()), ("No such image: nosuch:latest", Kind::NotFound));
    assert_eq!(std::fs::read_dir(bench.root.path().join("data/containers")).unwrap().count(), 0);
    bench.create("x1", HostConfig::default()).await;
}

#[tokio::test]
async fn a_failed_start_is_told_kept_and_can_be_repeated() {
    let bench = Bench::new();
    let id = bench.create("web", HostConfig::default()).await;
    let error = StartError { message: "executable file not found".to_owned(), code: 127, kind: Kind::BadParameter };
    *bench.runtime.start_error.lock().unwrap() = Some(error);
    let next = bench.service.wait(&id, WaitCondition::NextExit).unwrap();
    let error = bench.service.start(&id).await.unwrap_err();
    assert_eq!((error.to_string().as_str(), error.kind()), ("executable file not found", Kind::BadParameter));
    assert_eq!(next.await.status_code, 127);
    let view = bench.service.inspect(&id, false).await.unwrap().state;
    assert_eq!(
        (view.status.as_str(), view.exit_code, view.error.as_str()),
        ("created", 127, "executable file not found")
    );
    bench.service.start(&id).await.unwrap();
    let view = bench.service.inspect(&id, false).await.unwrap().state;
    assert_eq!((view.running, view.error.as_str()), (true, ""));
}

#[tokio::test]
async fn stop_asks_and_then_kills() {
    let bench = Bench::new();
    let id = bench.run("polite").await;
    bench.service.stop(&id, StopOptions::default()).await.unwrap();
    assert_eq!(bench.service.get(&id).unwrap().state.exit_code(), 143);
    assert_eq!(bench.service.stop(&id, StopOptions::default()).await.unwrap_err().kind(), Kind::NotModified);
    assert_eq!(bench.told(), ["create", "start", "kill", "die", "stop"]);

    *bench.runtime.deadly.lock().unwrap() = vec![9];
    let id = bench.run("deaf").await;
    let options = StopOptions { signal: Some("HUP".to_owned()), timeout: Some(0) };
    bench.service.stop(&id, options).await.unwrap();
    assert_eq!(bench.service.get(&id).unwrap().state.exit_code(), 137);
}

#[tokio::test]
async fn a_kill_does_not_wait_behind_a_stop() {
    let bench = Bench::new();
    *bench.runtime.deadly.lock().unwrap() = vec![9];
    let id = bench.run("deaf").await;
    let service = bench.service.clone();
    let key = id.clone();
    let stopping = tokio::spawn(async move { service.stop(&key, StopOptions::default()).await });
    tokio::task::yield_now().await;
    bench.service.kill(&id, None).await.unwrap();
    stopping.await.unwrap().unwrap();
    let error = bench.service.kill(&id, None).await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot kill container: {id}: container {id} is not running"));
    assert_eq!(bench.service.kill(&id, Some("NOPE")).await.unwrap_err().to_string(), "invalid signal: NOPE");
}

/// The first line of a program's output can be seen before its start is answered.
#[tokio::test]
async fn a_signal_during_a_start_is_for_that_run() {
    let bench = Bench::new();
    for signal in ["TERM", "KILL"] {
        let id = bench.create(&format!("slow-{signal}"), HostConfig::default()).await;
        let (started, killed) = tokio::join!(bench.service.start(&id), bench.service.kill(&id, Some(signal)));
        started.unwrap();
        killed.unwrap();
        bench.until(&id, "exited").await;
    }
    let id = bench.create("stopped", HostConfig::default()).await;
    let (started, stopped) = tokio::join!(bench.service.start(&id), bench.service.stop(&id, StopOptions::default()));
    started.unwrap();
    stopped.unwrap();
    assert_eq!(bench.service.get(&id).unwrap().state.exit_code(), 143);
}

#[tokio::test]
async fn pause_and_unpause_refuse_in_dockers_words() {
    let bench = Bench::new();
    let id = bench.run("web").await;
    bench.service.pause(&id).await.unwrap();
    assert_eq!(bench.status(&id), "paused");
    let again = bench.service.pause(&id).await.unwrap_err();
    assert_eq!(again.to_string(), format!("container {id} is already paused"));
    let start = bench.service.start(&id).await.unwrap_err();
    assert_eq!(start.to_string(), "cannot start a paused container, try unpause instead");
    bench.service.unpause(&id).await.unwrap();
    assert_eq!(bench.service.unpause(&id).await.unwrap_err().to_string(), format!("Container {id} is not paused"));
    bench.service.pause(&id).await.unwrap();
    bench.service.kill(&id, None).await.unwrap();
    // A signal reaches a frozen process when it is thawed.
    assert_eq!(bench.told()[2..], ["pause", "unpause", "pause", "kill", "unpause", "die"][..]);
}

#[tokio::test]
async fn an_exec_runs_gives_its_output_and_keeps_its_code() {
    let bench = Bench::new();
    let id = bench.run("web").await;
    let request = hull_api::ExecCreate {
        cmd: Some(vec!["echo".to_owned(), "hi".to_owned()]),
        attach_stdout: true,
        ..hull_api::ExecCreate::default()
    };
    let exec = bench.service.exec_create(&id, request.clone()).await.unwrap();
    let start = hull_api::ExecStart::default();
    let attached = bench.service.exec_start(&exec, &start).await.unwrap().unwrap();
    let output: Vec<_> = attached.chunks.collect().await;
    assert_eq!(output.len(), 1);
    assert_eq!(output[0].as_ref().unwrap().bytes, "echo hi");
    while bench.service.exec_inspect(&exec).await.unwrap().running {
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.service.exec_inspect(&exec).await.unwrap().exit_code, Some(7));
    let again = bench.service.exec_start(&exec, &start).await.err().unwrap();
    assert_eq!(again.to_string(), format!("Error: Exec command {exec} has already run"));
    bench.service.kill(&id, None).await.unwrap();
    let stopped = bench.service.exec_create(&id, request).await.unwrap_err();
    assert_eq!((stopped.to_string(), stopped.kind()), (format!("container {id} is not running"), Kind::Conflict));
    assert!(bench.told().contains(&"exec_die".to_owned()));
}

#[tokio::test]
async fn an_oom_kill_is_told_once_and_kept() {
    let bench = Bench::new();
    let id = bench.run("hungry").await;
    let (sender, victims) = tokio::sync::broadcast::channel(4);
    bench.service.watch_oom(victims);
    let mut state = bench.service.find(&id).unwrap().watch();
    let victim = crate::observability::OomVictim { cgroup_id: 7, pid: 1, comm: "eater".to_owned() };
    sender.send(victim).unwrap();
    state.wait_for(|p| p.container.state.run().is_some_and(|run| run.oom_killed)).await.unwrap();
    let mut ended = exit(137);
    ended.oom_killed = true;
    bench.runtime.end(&id, ended);
    state.wait_for(|p| p.ends == 1).await.unwrap();
    assert!(bench.service.inspect(&id, false).await.unwrap().state.oom_killed);
    bench.service.remove(&id, RemoveOptions::default()).await.unwrap();
    assert_eq!(bench.told(), ["create", "start", "oom", "die", "destroy"]);
}
