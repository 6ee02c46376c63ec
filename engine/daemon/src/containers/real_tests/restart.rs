//! Containers and a daemon that comes back, on the real kernel.

use super::*;

#[test]
fn a_running_container_outlives_the_daemon() {
    on_host(|host| async move {
        let script = "n=0; while [ ! -e /stop ]; do n=$((n+1)); echo $n; sleep 0.02; done; exit 9";
        let id = host.run(&["sh", "-c", script]).await;
        while host.log(&id).await.lines().count() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let pid = host.service.get(&id).unwrap().state.run().unwrap().pid;
        let host = host.restart().await;
        let state = host.service.get(&id).unwrap().state.clone();
        assert_eq!(state.run().map(|run| run.pid), Some(pid));
        let ended = host.service.wait(&id, WaitCondition::NotRunning).unwrap();
        let (output, code) = streams::exec(&host, &id, &["sh", "-c", "echo from exec; touch /stop"]).await;
        assert_eq!((output.as_str(), code), ("from exec\n", 0));
        assert_eq!(ended.await.status_code, 9);
        let log = host.log(&id).await;
        let expected: String = (1..=log.lines().count()).map(|n| format!("{n}\n")).collect();
        assert_eq!(log, expected, "no line is lost");
    });
}

#[test]
fn an_end_that_no_daemon_saw_is_found_in_the_record() {
    on_host(|host| async move {
        let shared = host.root.path().join("shared");
        let script = "while [ ! -e /shared/stop ]; do sleep 0.01; done; echo bye; exit 6";
        let bind = format!("{}:/shared", shared.display());
        let id = host.create(&["sh", "-c", script], |request| request.host_config.binds = vec![bind]).await;
        host.service.start(&id).await.unwrap();
        let record = host.paths.exit_record(&id.clone().try_into().unwrap());
        let Host { service, networks, events, root, .. } = host;
        drop((service, networks, events));
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        std::fs::write(shared.join("stop"), "").unwrap();
        eventually(|| record.exists()).await;
        let host = Host::start(root).await;
        assert_eq!(host.ended(&id).await, 6);
        assert_eq!(host.log(&id).await, "bye\n");
        host.remove(&id).await;
        host.settled().await;
        assert_eq!(std::fs::read_dir(host.paths.runs()).unwrap().count(), 0);
    });
}
