//! Restart policies, over a runtime that is played and a clock that jumps to the next thing that is due.

use super::*;
use fake::crash;
use hull_api::{RestartPolicy, UpdateRequest};
use runtime::StartError;
use std::time::Duration;

fn policy(name: &str, maximum_retry_count: i64) -> HostConfig {
    let restart_policy = RestartPolicy { name: name.to_owned(), maximum_retry_count };
    HostConfig { restart_policy, ..HostConfig::default() }
}

async fn run(bench: &Bench, name: &str, host: HostConfig) -> String {
    let id = bench.create(name, host).await;
    bench.service.start(&id).await.unwrap();
    id
}

#[tokio::test(start_paused = true)]
async fn an_end_is_followed_by_a_back_off_and_a_start() {
    let bench = Bench::new();
    let id = run(&bench, "web", policy("always", 0)).await;
    let waiting = bench.service.wait(&id, WaitCondition::NotRunning).unwrap();
    bench.runtime.end(&id, crash(3));
    assert_eq!(waiting.await.status_code, 3, "who waited for the end has it");
    let view = bench.service.inspect(&id, false).await.unwrap();
    let state = &view.state;
    assert_eq!((state.status.as_str(), state.running, state.restarting, state.pid), ("restarting", true, true, 0));
    assert_eq!((state.exit_code, view.restart_count), (3, 1));
    assert_eq!(bench.on_disk(&id)["state"]["status"], "restarting");
    let listed = bench.service.list(ListOptions::default()).await.unwrap();
    assert!(listed[0].status.starts_with("Restarting (3) "), "{}", listed[0].status);
    assert_eq!(bench.service.start(&id).await.unwrap_err().kind(), Kind::NotModified);
    bench.until(&id, "running").await;
    assert_eq!(bench.told(), ["create", "start", "die", "start"]);
}

#[tokio::test(start_paused = true)]
async fn the_pauses_grow() {
    let bench = Bench::new();
    let id = run(&bench, "web", policy("on-failure", 0)).await;
    let mut pauses = Vec::new();
    for _ in 0..4 {
        bench.runtime.end(&id, crash(1));
        bench.until(&id, "restarting").await;
        let State::Restarting { exit, due } = bench.service.get(&id).unwrap().state.clone() else { continue };
        pauses.push(due.saturating_since(exit.finished_at).as_millis());
        bench.until(&id, "running").await;
    }
    assert_eq!(pauses, [100, 200, 400, 800]);
    assert_eq!(bench.service.get(&id).unwrap().restart_count, 4);
    assert_eq!(bench.on_disk(&id)["restart_delay"], 800);
    bench.service.restart(&id, StopOptions::default()).await.unwrap();
    let container = bench.service.get(&id).unwrap();
    assert_eq!((container.restart_count, container.restart_delay), (0, 0), "a user's start begins anew");
}

#[tokio::test(start_paused = true)]
async fn on_failure_gives_up_and_a_success_is_an_end() {
    let bench = Bench::new();
    let id = run(&bench, "web", policy("on-failure", 2)).await;
    for _ in 0..2 {
        bench.runtime.end(&id, crash(9));
        bench.until(&id, "restarting").await;
        bench.until(&id, "running").await;
    }
    bench.runtime.end(&id, crash(9));
    bench.until(&id, "exited").await;
    let id = run(&bench, "well", policy("on-failure", 2)).await;
    bench.runtime.end(&id, crash(0));
    bench.until(&id, "exited").await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_or_kill_in_the_back_off_ends_it_and_says_so() {
    let bench = Bench::new();
    let id = run(&bench, "web", policy("always", 0)).await;
    for (stop, told) in [(true, &["stop"][..]), (false, &[])] {
        bench.runtime.end(&id, crash(3));
        bench.until(&id, "restarting").await;
        let before = bench.told().len();
        let next = bench.service.wait(&id, WaitCondition::NextExit).unwrap();
        if stop {
            bench.service.stop(&id, StopOptions::default()).await.unwrap();
        } else {
            bench.service.kill(&id, None).await.unwrap();
        }
        assert_eq!(next.await.status_code, 3);
        let container = bench.service.get(&id).unwrap();
        assert_eq!((container.state.status(), container.stopped_by_user), ("exited", true));
        assert_eq!(bench.told()[before..], *told);
        tokio::time::sleep(Duration::from_secs(120)).await;
        assert_eq!(bench.status(&id), "exited", "no timer is left");
        bench.service.start(&id).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_its_restart_is_no_place_for_other_operations() {
    let bench = Bench::new();
    let id = run(&bench, "web", policy("always", 0)).await;
    bench.runtime.end(&id, crash(3));
    bench.until(&id, "restarting").await;
    let wait_for_it = format!("Container {id} is restarting, wait until the container is running");
    assert_eq!(bench.service.pause(&id).await.unwrap_err().to_string(), wait_for_it);
    assert_eq!(bench.service.kill(&id, Some("HUP")).await.unwrap_err().to_string(), wait_for_it);
    let request = hull_api::ExecCreate { cmd: Some(vec!["x".to_owned()]), ..hull_api::ExecCreate::default() };
    assert_eq!(bench.service.exec_create(&id, request).await.unwrap_err().to_string(), wait_for_it);
    let error = bench.service.remove(&id, RemoveOptions::default()).await.unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.kind()),
        (
            "cannot remove container \"/web\": container is restarting: stop the container before removing or force remove",
            Kind::Conflict
        )
    );
    bench.service.remove(&id, RemoveOptions { force: true, ..RemoveOptions::default() }).await.unwrap();
    assert_eq!(bench.told(), ["create", "start", "die", "destroy"]);
}

#[tokio::test(start_paused = true)]
async fn a_reload_by_signal_keeps_the_policy_and_a_terminal_signal_does_not() {
    let bench = Bench::new();
    *bench.runtime.deadly.lock().unwrap() = vec![1, 2, 9, 15];
    let id = run(&bench, "web", policy("always", 0)).await;
    let ended = bench.service.wait(&id, WaitCondition::NextExit).unwrap();
    bench.service.kill(&id, Some("HUP")).await.unwrap();
    ended.await;
    bench.until(&id, "running").await;
    bench.service.kill(&id, Some("INT")).await.unwrap();
    bench.until(&id, "exited").await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_fails_is_the_last() {
    let bench = Bench::new();
    let id = run(&bench, "web", policy("always", 0)).await;
    let error = StartError { message: "no such device".to_owned(), code: 128, kind: Kind::System };
    *bench.runtime.start_error.lock().unwrap() = Some(error);
    bench.runtime.end(&id, crash(3));
    bench.until(&id, "exited").await;
    let state = bench.service.inspect(&id, false).await.unwrap().state;
    assert_eq!((state.exit_code, state.error.as_str(), state.restarting), (128, "no such device", false));
}

#[tokio::test(start_paused = true)]
async fn a_back_off_and_the_policies_go_on_under_a_new_daemon() {
    let bench = Bench::new();
    let names = ["waiting", "stopped-always", "stopped-unless", "ended-failure", "ended-well", "never-started"];
    let mut ids = Vec::new();
    for (name, rule) in names.iter().zip(["always", "always", "unless-stopped", "on-failure", "on-failure", "always"]) {
        let id = bench.create(name, policy(rule, 0)).await;
        if *name != "never-started" {
            bench.service.start(&id).await.unwrap();
        }
        ids.push(id);
    }
    bench.service.stop(&ids[1], StopOptions::default()).await.unwrap();
    bench.service.stop(&ids[2], StopOptions::default()).await.unwrap();
    for (id, code) in [(&ids[3], 4), (&ids[4], 0)] {
        bench.runtime.ended_unseen.lock().unwrap().insert(id.clone().try_into().unwrap(), crash(code));
    }
    bench.runtime.end(&ids[0], crash(1));
    bench.until(&ids[0], "restarting").await;

    let bench = bench.restarted().await;
    let status = [0, 2, 3, 4, 5].map(|n| bench.status(names[n]));
    assert_eq!(status, ["restarting", "exited", "restarting", "exited", "created"]);
    for id in [&ids[0], &ids[1], &ids[3]] {
        bench.until(id, "running").await;
    }
    let counts = [0, 1, 3].map(|n| bench.service.get(&ids[n]).unwrap().restart_count);
    assert_eq!(counts, [1, 0, 1], "what the user stopped begins anew");
}

#[tokio::test(start_paused = true)]
async fn another_boot_of_the_host_ended_everything() {
    let bench = Bench::new();
    let plain = run(&bench, "plain", HostConfig::default()).await;
    let always = run(&bench, "always", policy("always", 0)).await;
    let brief = run(&bench, "brief", HostConfig { auto_remove: true, ..HostConfig::default() }).await;
    let Bench { service, root, runtime, .. } = bench;
    drop(service);
    for id in [&plain, &always, &brief] {
        let path = root.path().join("data/containers").join(id).join("container.json");
        let mut json: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        json["boot_id"] = "another boot".into();
        std::fs::write(&path, json.to_string()).unwrap();
    }
    let bench = Bench::over(root, runtime);
    bench.service.restore_all(async |_| Ok(())).await.unwrap();
    assert_eq!((bench.status("plain"), bench.service.get("plain").unwrap().state.exit_code()), ("exited", 255));
    assert_eq!(bench.service.get("brief").unwrap_err().kind(), Kind::NotFound);
    assert_eq!(bench.service.wait("brief", WaitCondition::Removed).unwrap().await.status_code, 255);
    bench.until(&always, "running").await;
}

#[tokio::test(start_paused = true)]
async fn a_policy_can_be_changed_and_nonsense_is_refused() {
    let bench = Bench::new();
    let id = run(&bench, "web", HostConfig::default()).await;
    let update = |name: &str, maximum_retry_count| UpdateRequest {
        restart_policy: RestartPolicy { name: name.to_owned(), maximum_retry_count },
        ..UpdateRequest::default()
    };
    let error = bench.service.update(&id, update("always", 3)).await.unwrap_err();
    assert!(error.to_string().contains("maximum retry count can only be used with 'on-failure'"), "{error}");
    bench.service.update(&id, update("on-failure", 42)).await.unwrap();
    bench.runtime.end(&id, crash(1));
    bench.until(&id, "restarting").await;
}

#[tokio::test(start_paused = true)]
async fn restart_keeps_a_rm_container() {
    let bench = Bench::new();
    let id = run(&bench, "brief", HostConfig { auto_remove: true, ..HostConfig::default() }).await;
    bench.service.restart(&id, StopOptions::default()).await.unwrap();
    assert_eq!(bench.status(&id), "running");
    assert_eq!(bench.told(), ["create", "start", "kill", "die", "stop", "start", "restart"]);
    let removed = bench.service.wait(&id, WaitCondition::Removed).unwrap();
    bench.service.stop(&id, StopOptions::default()).await.unwrap();
    assert_eq!(removed.await.status_code, 143);
    let code = bench.service.wait("brief", WaitCondition::NotRunning).unwrap().await.status_code;
    assert_eq!(code, 143, "by name, when it is gone");
    assert_eq!(bench.told()[7..], ["kill", "die", "stop", "destroy"]);
    let bench = bench.restarted().await;
    let code = bench.service.wait(&id, WaitCondition::Removed).unwrap().await.status_code;
    assert_eq!(code, 143, "by id, of another daemon");
}
