//! Attach, terminals and half-closed streams, on the real kernel.

use super::*;
use hull_test_patience::patience;

/// Runs a command in a container; its output and exit code.
pub(super) async fn exec(host: &Host, id: &str, command: &[&str]) -> (String, i64) {
    let request = hull_api::ExecCreate {
        cmd: Some(command.iter().map(|word| (*word).to_owned()).collect()),
        attach_stdout: true,
        attach_stderr: true,
        ..hull_api::ExecCreate::default()
    };
    let exec = host.service.exec_create(id, request).await.unwrap();
    let attached = host.service.exec_start(&exec, &hull_api::ExecStart::default()).await.unwrap().unwrap();
    let output = text(attached.chunks).await;
    (output, exec_code(host, &exec).await)
}

async fn exec_code(host: &Host, exec: &str) -> i64 {
    loop {
        if let Some(code) = host.service.exec_inspect(exec).await.unwrap().exit_code {
            return code;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn execs_give_output_and_codes() {
    on_host(|host| async move {
        let id = host.run(&["sleep", "1000"]).await;
        assert_eq!(exec(&host, &id, &["sh", "-c", "echo a; echo b >&2; exit 4"]).await, ("a\nb\n".to_owned(), 4));
        let (output, code) = exec(&host, &id, &["nosuch"]).await;
        let dockers = "OCI runtime exec failed: exec failed: unable to start container process: exec: \"nosuch\": executable file not found in $PATH: unknown\r\n";
        assert_eq!((output.as_str(), code), (dockers, 127));
        let start = Instant::now();
        for _ in 0..10 {
            exec(&host, &id, &["true"]).await;
        }
        eprintln!("exec: {:?}", start.elapsed() / 10);
    });
}

#[test]
fn an_exec_reads_its_stdin_to_the_end() {
    on_host(|host| async move {
        let id = host.run(&["sleep", "1000"]).await;
        let request = hull_api::ExecCreate {
            cmd: Some(vec!["wc".to_owned(), "-c".to_owned()]),
            attach_stdin: true,
            attach_stdout: true,
            ..hull_api::ExecCreate::default()
        };
        let exec = host.service.exec_create(&id, request).await.unwrap();
        let attached = host.service.exec_start(&exec, &hull_api::ExecStart::default()).await.unwrap().unwrap();
        let mut stdin = attached.stdin.unwrap();
        for _ in 0..20 {
            stdin.write(Bytes::from(vec![b'x'; 50_000])).await.unwrap();
        }
        stdin.close().await;
        assert_eq!(text(attached.chunks).await, "1000000\n");
        assert_eq!(exec_code(&host, &exec).await, 0);
    });
}

/// What `docker run -i` does: attach first, then start.
#[test]
fn a_client_that_attached_before_the_start_misses_nothing() {
    on_host(|host| async move {
        let id = host
            .create(&["cat"], |request| {
                request.config.open_stdin = true;
                request.config.stdin_once = true;
            })
            .await;
        let options = AttachOptions { stream: true, stdin: true, stdout: true, stderr: true, logs: false };
        let attached = host.service.attach(&id, options).await.unwrap();
        host.service.start(&id).await.unwrap();
        let mut stdin = attached.stdin.unwrap();
        stdin.write(Bytes::from_static(b"hello\nwithout end")).await.unwrap();
        stdin.close().await;
        assert_eq!(text(attached.chunks).await, "hello\nwithout end");
        assert_eq!(host.ended(&id).await, 0);
    });
}

#[test]
fn a_terminal_shows_its_prompt_at_once_and_can_be_resized() {
    on_host(|host| async move {
        let id = host
            .create(&["sh"], |request| {
                request.config.open_stdin = true;
                request.config.tty = true;
            })
            .await;
        let options = AttachOptions { stream: true, stdin: true, stdout: true, stderr: true, logs: false };
        let mut attached = host.service.attach(&id, options).await.unwrap();
        assert!(attached.tty);
        host.service.start(&id).await.unwrap();
        let mut seen = String::new();
        read_until(&mut attached, &mut seen, "# ").await;
        host.service.resize(&id, 33, 77).await.unwrap();
        let stdin = attached.stdin.as_mut().unwrap();
        stdin.write(Bytes::from_static(b"stty size\n")).await.unwrap();
        read_until(&mut attached, &mut seen, "33 77").await;
        attached.stdin.as_mut().unwrap().write(Bytes::from_static(b"exit 8\n")).await.unwrap();
        assert_eq!(host.ended(&id).await, 8);
    });
}

async fn read_until(attached: &mut Attachment, seen: &mut String, wanted: &str) {
    while !seen.contains(wanted) {
        let chunk = tokio::time::timeout(patience(Duration::from_secs(10)), attached.chunks.next()).await;
        let chunk = chunk.unwrap_or_else(|_| panic!("{wanted:?} does not come: {seen:?}")).unwrap().unwrap();
        seen.push_str(&String::from_utf8_lossy(&chunk.bytes));
    }
}

/// What `docker run --rm` does: the container is gone before its output is read.
#[test]
fn output_of_a_removed_container_reaches_the_client_that_was_attached() {
    on_host(|host| async move {
        for _ in 0..10 {
            let id = host.create(&["echo", "short"], |request| request.host_config.auto_remove = true).await;
            let options = AttachOptions { stream: true, stdout: true, stderr: true, ..AttachOptions::default() };
            let attached = host.service.attach(&id, options).await.unwrap();
            let removed = host.service.wait(&id, WaitCondition::Removed).unwrap();
            host.service.start(&id).await.unwrap();
            assert_eq!(removed.await.status_code, 0);
            assert!(host.service.pending() > 0, "the log is kept for its reader");
            assert_eq!(text(attached.chunks).await, "short\n");
        }
        host.settled().await;
        assert_eq!(std::fs::read_dir(host.paths.trash()).unwrap().count(), 0);
    });
}

#[test]
fn without_a_log_the_client_that_attached_first_gets_everything() {
    on_host(|host| async move {
        let id = host
            .create(&["sh", "-c", "echo a; sleep 0.1; echo b"], |request| {
                "none".clone_into(&mut request.host_config.log_config.kind);
            })
            .await;
        let options = AttachOptions { stream: true, stdout: true, stderr: true, ..AttachOptions::default() };
        let attached = host.service.attach(&id, options).await.unwrap();
        host.service.start(&id).await.unwrap();
        assert_eq!(text(attached.chunks).await, "a\nb\n");
        let logs = host.service.logs(&id, LogOptions { stdout: true, ..LogOptions::default() }).await;
        assert_eq!(logs.err().unwrap().to_string(), "configured logging driver does not support reading");
    });
}

#[test]
fn a_followed_log_ends_with_the_container() {
    on_host(|host| async move {
        let id = host.run(&["sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.05; done"]).await;
        let options = LogOptions { stdout: true, stderr: true, follow: true, ..LogOptions::default() };
        let followed = host.service.logs(&id, options).await.unwrap();
        assert_eq!(text(followed.chunks).await, "1\n2\n3\n");
        assert_eq!(host.ended(&id).await, 0);
    });
}
