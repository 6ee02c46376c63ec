//! What cannot be run, on the real kernel.

use super::*;

#[test]
fn what_cannot_be_run_is_told_in_dockers_words_and_leaves_nothing() {
    on_host(|host| async move {
        let dockers = "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ";
        for (command, code, text) in [
            ("nosuch", 127, r#"exec: "nosuch": executable file not found in $PATH: unknown"#),
            ("/no/such", 127, r#"exec: "/no/such": stat /no/such: no such file or directory: unknown"#),
            ("/etc", 126, r#"exec: "/etc": is a directory: unknown"#),
            ("/etc/hostname", 126, r#"exec: "/etc/hostname": permission denied: unknown"#),
        ] {
            let id = host.create(&[command], |_| ()).await;
            let error = host.service.start(&id).await.unwrap_err();
            assert_eq!((error.to_string(), error.kind()), (format!("{dockers}{text}"), Kind::BadParameter));
            let state = host.service.inspect(&id, false).await.unwrap().state;
            assert_eq!((state.exit_code, state.status.as_str(), state.error), (code, "created", error.to_string()));
            host.remove(&id).await;
        }
        let id = host.create(&["true"], |r| r.config.user = "nobody-here".to_owned()).await;
        let error = host.service.start(&id).await.unwrap_err().to_string();
        assert!(error.contains("unable to find user nobody-here: no matching entries in passwd file"), "{error}");
        host.remove(&id).await;
        host.settled().await;
        let hierarchies = hull_runtime::cgroup::Hierarchies::detect().unwrap();
        assert!(hull_runtime::cgroup::orphans(&hierarchies, host.paths.engine_id()).unwrap().is_empty());
        assert_eq!(std::fs::read_dir(host.paths.runs()).unwrap().count(), 0);
    });
}

#[test]
fn a_container_that_lost_its_shim_is_killed() {
    on_host(|host| async move {
        let id = host.run(&["sleep", "1000"]).await;
        let pid = host.service.get(&id).unwrap().state.run().unwrap().pid;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let parent = status.lines().find_map(|l| l.strip_prefix("PPid:")).unwrap().trim().parse().unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(parent), nix::sys::signal::Signal::SIGKILL).unwrap();
        assert_eq!(host.ended(&id).await, 137);
        assert_eq!(host.service.inspect(&id, false).await.unwrap().state.error, "shim lost");
        host.settled().await;
        assert!(!Path::new(&format!("/proc/{pid}/exe")).exists(), "the process is gone");
    });
}
