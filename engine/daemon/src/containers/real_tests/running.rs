//! Running, signals, exec and removal, on the real kernel.

use super::*;
use hull_test_patience::patience;

#[test]
fn a_program_runs_is_logged_and_leaves_nothing() {
    on_host(|host| async move {
        let id = host.run(&["sh", "-c", "echo out; echo err >&2; exit 3"]).await;
        assert_eq!(host.ended(&id).await, 3);
        assert_eq!(host.log(&id).await, "out\nerr\n");
        let stderr = LogOptions { stderr: true, ..LogOptions::default() };
        assert_eq!(text(host.service.logs(&id, stderr).await.unwrap().chunks).await, "err\n");
        host.remove(&id).await;
        host.settled().await;
        let left = |directory: PathBuf| std::fs::read_dir(directory).unwrap().count();
        assert_eq!((left(host.paths.containers()), left(host.paths.runs()), left(host.paths.trash())), (0, 0, 0));
        let hierarchies = hull_runtime::cgroup::Hierarchies::detect().unwrap();
        let cgroups = hull_runtime::cgroup::orphans(&hierarchies, host.paths.engine_id()).unwrap();
        assert!(cgroups.is_empty(), "{cgroups:?}");
        let told = ["create", "start", "die", "destroy"].map(|action| format!("container {action}"));
        let seen: Vec<_> = host.told().into_iter().filter(|event| event.starts_with("container ")).collect();
        assert_eq!(seen, told);
    });
}

#[test]
fn environment_user_directory_and_hostname_are_as_asked() {
    on_host(|host| async move {
        let script = "id -u; pwd; hostname; echo $A; cat /etc/hostname; echo $$";
        let (code, output) = host
            .finish(&["sh", "-c", script], |request| {
                request.config.user = "1000:1000".to_owned();
                request.config.working_dir = "/work/dir".to_owned();
                request.config.hostname = "box".to_owned();
                request.config.env = vec!["A=b c".to_owned()];
            })
            .await;
        assert_eq!((code, output.as_str()), (0, "1000\n/work/dir\nbox\nb c\nbox\n1\n"));
    });
}

#[test]
fn a_container_runs_again_and_keeps_its_files() {
    on_host(|host| async move {
        let id = host.run(&["sh", "-c", "echo run >> /count; wc -l < /count"]).await;
        host.ended(&id).await;
        for _ in 0..3 {
            let next = host.service.wait(&id, WaitCondition::NextExit).unwrap();
            host.service.start(&id).await.unwrap();
            assert_eq!(next.await.status_code, 0);
        }
        assert_eq!(host.log(&id).await, "1\n2\n3\n4\n");
    });
}

#[test]
fn the_bridge_gives_an_address_and_takes_it_back() {
    on_host(|host| async move {
        let id = host.create(&["sleep", "1000"], |r| r.host_config.network_mode = "bridge".to_owned()).await;
        host.service.start(&id).await.unwrap();
        let view = host.service.inspect(&id, false).await.unwrap().network_settings;
        assert!(view.ip_address.starts_with("172."), "{}", view.ip_address);
        let (output, code) = streams::exec(&host, &id, &["sh", "-c", "ip addr show eth0; cat /etc/hosts"]).await;
        assert_eq!(code, 0);
        assert!(output.contains(&format!("inet {}/", view.ip_address)), "{output}");
        assert!(output.contains(&format!("{}\t{}", view.ip_address, &id[..12])), "{output}");
        let stats = host.service.stats_once(&id).await.unwrap();
        assert!(stats.networks.contains_key("eth0") && stats.pids_stats.current >= 1 && stats.memory_stats.usage > 0);
        host.remove(&id).await;
        host.settled().await;
        assert!(host.networks.endpoints().is_empty());
        assert!(host.told().contains(&"network disconnect".to_owned()));
    });
}

#[test]
fn volumes_and_binds_are_shared_and_a_fresh_volume_has_the_images_files() {
    on_host(|host| async move {
        let source = host.root.path().join("new/source");
        let bind = format!("{}:/bound", source.display());
        let write = "echo v > /vol/file; echo b > /bound/file; ls /etc2";
        let mounts = |request: &mut CreateRequest| {
            request.host_config.binds = vec!["data:/vol".to_owned(), bind.clone(), "copy:/etc2".to_owned()];
        };
        assert_eq!(host.finish(&["sh", "-c", write], mounts).await.0, 0);
        assert_eq!(std::fs::read_to_string(source.join("file")).unwrap(), "b\n");
        let bind = format!("{}:/bound:ro", source.display());
        let (code, output) = host
            .finish(&["sh", "-c", "cat /vol/file /bound/file; touch /bound/x"], |request| {
                request.host_config.binds = vec!["data:/vol".to_owned(), bind];
            })
            .await;
        assert_ne!(code, 0, "a read-only bind is not writable");
        assert!(output.starts_with("v\nb\n") && output.contains("Read-only file system"), "{output}");
    });
}

#[test]
fn stop_kill_pause_and_signals_reach_the_init() {
    on_host(|host| async move {
        let id =
            host.run(&["sh", "-c", "trap 'echo got; exit 5' TERM; echo ready; while :; do sleep 0.01; done"]).await;
        while !host.log(&id).await.contains("ready") {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        host.service.pause(&id).await.unwrap();
        assert_eq!(host.service.get(&id).unwrap().state.status(), "paused");
        host.service.unpause(&id).await.unwrap();
        host.service.stop(&id, StopOptions::default()).await.unwrap();
        assert_eq!((host.ended(&id).await, host.log(&id).await.as_str()), (5, "ready\ngot\n"));
        let deaf = host.run(&["sleep", "1000"]).await;
        // PID 1 without a handler: TERM does nothing.
        host.service.stop(&deaf, StopOptions { timeout: Some(0), ..StopOptions::default() }).await.unwrap();
        assert_eq!(host.ended(&deaf).await, 137);
    });
}

#[test]
fn too_much_memory_is_an_oom_kill() {
    on_host(|host| async move {
        let eat = ["sh", "-c", "dd if=/dev/zero of=/dev/null bs=200M count=1"];
        let id = host.create(&eat, |r| r.host_config.memory = 20 << 20).await;
        host.service.start(&id).await.unwrap();
        host.ended(&id).await;
        let state = host.service.inspect(&id, false).await.unwrap().state;
        assert!(state.oom_killed, "{state:?}");
        assert!(host.told().contains(&"container oom".to_owned()));
        let (code, _) = host.finish(&["true"], |r| r.host_config.memory = 20 << 20).await;
        assert_eq!(code, 0);
    });
}

/// Not a benchmark (that is `cargo xtask bench`): it prints the figure, and fails only when a cycle has become absurd.
#[test]
fn a_cycle_is_short() {
    on_host(|host| async move {
        let mut times = Vec::new();
        for _ in 0..20 {
            let start = Instant::now();
            let id = host.create(&["true"], |_| ()).await;
            let ended = host.service.wait(&id, WaitCondition::NextExit).unwrap();
            let created = start.elapsed();
            host.service.start(&id).await.unwrap();
            let started = start.elapsed();
            assert_eq!(ended.await.status_code, 0);
            let waited = start.elapsed();
            host.service.remove(&id, RemoveOptions::default()).await.unwrap();
            times.push((start.elapsed(), created, started - created, waited - started, start.elapsed() - waited));
        }
        times.sort();
        eprintln!("cycle, create, start, wait, remove: {:?}; best {:?}", times[10], times[0]);
        assert!(times[10].0 < patience(Duration::from_millis(500)));
    });
}

#[test]
fn namespaces_of_another_container_are_joined() {
    on_host(|host| async move {
        let first = |request: &mut CreateRequest| {
            request.config.hostname = "first".to_owned();
            request.host_config.ipc_mode = "shareable".to_owned();
        };
        let first = host.create(&["sleep", "1000"], first).await;
        let join = |request: &mut CreateRequest, what: &str| {
            let mode = format!("container:{what}");
            request.host_config.network_mode.clone_from(&mode);
            request.host_config.pid_mode.clone_from(&mode);
            request.host_config.ipc_mode = mode;
        };
        let early = host.create(&["true"], |r| join(r, &first)).await;
        let error = host.service.start(&early).await.unwrap_err();
        assert!(error.to_string().starts_with("cannot join network of a non running container: "), "{error}");
        host.service.start(&first).await.unwrap();
        let script = "[ $(readlink /proc/1/ns/net) = $(readlink /proc/self/ns/net) ] && echo 1; cat /proc/1/comm; cat /etc/hostname";
        let (code, output) = host.finish(&["sh", "-c", script], |r| join(r, &first)).await;
        assert_eq!((code, output.as_str()), (0, "1\nsleep\nfirst\n"));
        let unknown = CreateRequest {
            config: ContainerConfig { image: "busybox".to_owned(), ..ContainerConfig::default() },
            host_config: HostConfig { pid_mode: "container:nosuch".to_owned(), ..HostConfig::default() },
            ..CreateRequest::default()
        };
        assert_eq!(host.service.create(None, unknown).await.unwrap_err().kind(), Kind::NotFound);
    });
}
