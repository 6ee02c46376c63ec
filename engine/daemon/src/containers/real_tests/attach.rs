//! Attached clients, fast, slow and many, on the real kernel.

use super::*;
use crate::logs::Chunks;
use hull_test_patience::patience;

fn everything() -> AttachOptions {
    AttachOptions { stream: true, stdin: true, stdout: true, stderr: true, logs: false }
}

async fn next(chunks: &mut Chunks) -> String {
    let chunk = tokio::time::timeout(patience(Duration::from_secs(20)), chunks.next()).await.expect("output comes");
    String::from_utf8(chunk.unwrap().unwrap().bytes.to_vec()).unwrap()
}

#[test]
fn every_combination_of_what_is_wanted_is_served() {
    on_host(|host| async move {
        let script =
            "echo old; echo old-err >&2; while [ ! -e /shared/go ]; do sleep 0.01; done; echo new; echo new-err >&2";
        for bits in 0u8..16 {
            let [logs, stream, stdout, stderr] = [1, 2, 4, 8].map(|bit| bits & bit != 0);
            let shared = host.root.path().join(format!("shared-{bits}"));
            let bind = format!("{}:/shared", shared.display());
            let id = host.create(&["sh", "-c", script], |request| request.host_config.binds = vec![bind]).await;
            host.service.start(&id).await.unwrap();
            while host.log(&id).await.lines().count() < 2 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let options = AttachOptions { logs, stream, stdin: false, stdout, stderr };
            let attached = host.service.attach(&id, options).await.unwrap();
            if stream && (stdout || stderr) {
                std::fs::write(shared.join("go"), "").unwrap();
            }
            // Who wants nothing, or nothing more, is not kept waiting: for him this ends while the container runs.
            let got = text(attached.chunks).await;
            let mut got: Vec<&str> = got.lines().collect();
            let mut expected: Vec<&str> = Vec::new();
            for (wanted, old, new) in [(stdout, "old", "new"), (stderr, "old-err", "new-err")] {
                expected.extend((wanted && logs).then_some(old));
                expected.extend((wanted && stream).then_some(new));
            }
            got.sort_unstable();
            expected.sort_unstable();
            assert_eq!(got, expected, "logs {logs}, stream {stream}, stdout {stdout}, stderr {stderr}");
            host.remove(&id).await;
        }
    });
}

#[test]
fn a_client_that_reads_nothing_holds_up_no_container_with_a_log() {
    on_host(|host| async move {
        let script = "i=0; while [ $i -lt 20 ]; do head -c 1000000 /dev/zero | tr '\\0' 'x'; echo; i=$((i+1)); done; echo done >&2";
        let id = host.create(&["sh", "-c", script], |_| ()).await;
        let stalled = host.service.attach(&id, everything()).await.unwrap();
        host.service.start(&id).await.unwrap();
        assert_eq!(host.ended(&id).await, 0, "it has ended although nobody has read");
        // And nothing is lost to the one who comes back to it.
        let output = text(stalled.chunks).await;
        assert_eq!(output.len(), 20 * 1_000_001 + "done\n".len());
    });
}

#[test]
fn many_clients_get_the_same() {
    on_host(|host| async move {
        let id = host
            .create(&["sh", "-c", "read line; for i in 1 2 3 4 5; do echo $line $i; done"], |request| {
                request.config.open_stdin = true;
            })
            .await;
        let mut clients = Vec::new();
        for _ in 0..100 {
            clients.push(host.service.attach(&id, everything()).await.unwrap());
        }
        host.service.start(&id).await.unwrap();
        // As many again come while it runs.
        for _ in 0..100 {
            clients.push(host.service.attach(&id, everything()).await.unwrap());
        }
        clients[42].stdin.as_mut().unwrap().write(Bytes::from_static(b"word\n")).await.unwrap();
        for client in clients {
            assert_eq!(text(client.chunks).await, "word 1\nword 2\nword 3\nword 4\nword 5\n");
        }
        assert_eq!(host.ended(&id).await, 0);
    });
}

/// A container without a log; the directory that it shares.
async fn without_log(host: &Host, script: &str) -> (String, PathBuf) {
    let shared = host.root.path().join("shared");
    let bind = format!("{}:/shared", shared.display());
    let change = |request: &mut CreateRequest| {
        "none".clone_into(&mut request.host_config.log_config.kind);
        request.host_config.binds = vec![bind];
    };
    (host.create(&["sh", "-c", script], change).await, shared)
}

/// Waits for the word, and writes far more than pipes and sockets hold.
const FLOOD: &str =
    "while [ ! -e /shared/go ]; do sleep 0.01; done; head -c 20000000 /dev/zero; touch /shared/through; sleep 1000";

/// A container that floods a client, which has attached before its start or after.
async fn flooded(host: &Host, early: bool) -> (String, PathBuf, Attachment) {
    let (id, shared) = without_log(host, FLOOD).await;
    let before = if early { Some(host.service.attach(&id, everything()).await.unwrap()) } else { None };
    host.service.start(&id).await.unwrap();
    let mut attached = match before {
        Some(before) => before,
        None => host.service.attach(&id, everything()).await.unwrap(),
    };
    std::fs::write(shared.join("go"), "").unwrap();
    next(&mut attached.chunks).await;
    (id, shared, attached)
}

#[test]
fn without_a_log_a_slow_client_holds_the_container_until_it_leaves() {
    on_host(|host| async move {
        for early in [true, false] {
            let (id, shared, attached) = flooded(&host, early).await;
            // However long one looks; unhindered it takes some milliseconds.
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert!(!shared.join("through").exists(), "the client has not read, and the container went on");
            drop(attached);
            eventually(|| shared.join("through").exists()).await;
            host.remove(&id).await;
            std::fs::remove_dir_all(shared).unwrap();
        }
    });
}

#[test]
fn without_a_log_a_slow_client_does_not_hide_the_end() {
    on_host(|host| async move {
        for early in [true, false] {
            let (id, shared, attached) = flooded(&host, early).await;
            host.service.kill(&id, None).await.unwrap();
            assert_eq!(host.ended(&id).await, 137);
            // It can be started again while the old client still has something to read.
            std::fs::remove_file(shared.join("go")).unwrap();
            host.service.start(&id).await.unwrap();
            host.remove(&id).await;
            drop(attached);
            std::fs::remove_dir_all(shared).unwrap();
        }
        host.settled().await;
    });
}

#[test]
fn who_leaves_is_told_of_and_who_stays_to_the_end_is_not() {
    on_host(|host| async move {
        let id = host
            .create(&["cat"], |request| {
                request.config.open_stdin = true;
                request.config.tty = true;
            })
            .await;
        host.service.start(&id).await.unwrap();
        let count = || host.told().iter().filter(|told| *told == "container detach").count();
        let stays = host.service.attach(&id, everything()).await.unwrap();
        drop(host.service.attach(&id, everything()).await.unwrap());
        assert_eq!(count(), 1);
        let logs = AttachOptions { logs: true, stdout: true, ..AttachOptions::default() };
        text(host.service.attach(&id, logs).await.unwrap().chunks).await;
        host.service.kill(&id, None).await.unwrap();
        drop(stays);
        assert_eq!(count(), 1, "the run was over");

        let id = host.run(&["sleep", "1000"]).await;
        let exec = super::execs::make(&host, &id, &["cat"], |request| {
            request.tty = true;
            request.attach_stdin = true;
        })
        .await;
        let attached = host.service.exec_start(&exec, &hull_api::ExecStart::default()).await.unwrap().unwrap();
        drop(attached);
        assert!(host.told().contains(&"container exec_detach".to_owned()));
        assert!(host.service.exec_inspect(&exec).await.unwrap().running, "it lives on");
    });
}

#[test]
fn there_is_no_log_to_attach_to_and_docker_says_so_in_the_stream() {
    on_host(|host| async move {
        let (id, _) = without_log(&host, "sleep 1000").await;
        let options = AttachOptions { logs: true, ..everything() };
        let said = text(host.service.attach(&id, options).await.unwrap().chunks).await;
        assert_eq!(said, "Error attaching: configured logging driver does not support reading\n");
    });
}

#[test]
fn an_attach_that_is_repeated_after_a_restart_goes_on() {
    on_host(|host| async move {
        let id = host.create(&["cat"], |request| request.config.open_stdin = true).await;
        host.service.start(&id).await.unwrap();
        let mut first = host.service.attach(&id, everything()).await.unwrap();
        first.stdin.as_mut().unwrap().write(Bytes::from_static(b"one\n")).await.unwrap();
        assert_eq!(next(&mut first.chunks).await, "one\n");
        drop(first);
        let host = host.restart().await;
        let options = AttachOptions { logs: true, ..everything() };
        let mut again = host.service.attach(&id, options).await.unwrap();
        assert_eq!(next(&mut again.chunks).await, "one\n");
        again.stdin.as_mut().unwrap().write(Bytes::from_static(b"two\n")).await.unwrap();
        assert_eq!(next(&mut again.chunks).await, "two\n");
    });
}
