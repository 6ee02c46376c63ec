//! Logs of real containers: rotated under clients, and sent to a journal that the test plays.

use super::*;
use hull_test_patience::patience;
use tokio::net::UnixDatagram;

fn log_options(request: &mut CreateRequest, driver: &str, options: &[(&str, &str)]) {
    driver.clone_into(&mut request.host_config.log_config.kind);
    let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    request.host_config.log_config.config = options.collect();
}

/// The values of a field in a message of the journal's protocol.
fn field<'m>(message: &'m str, name: &str) -> Option<&'m str> {
    message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
}

/// Removed at its end, and still every line arrives.
#[test]
fn the_journal_gets_every_line_of_a_container_that_is_gone_by_then() {
    on_host(|host| async move {
        let change = |request: &mut CreateRequest| {
            request.host_config.auto_remove = true;
            log_options(request, "journald", &[("tag", "{{.ImageName}}")]);
        };
        let script = ["sh", "-c", "seq 1 300; echo last >&2"];
        let id = host.create(&script, change).await;
        let refused = host.service.start(&id).await.unwrap_err().to_string();
        assert_eq!(
            refused,
            "failed to create task for container: failed to initialize logging driver: journald is not enabled on this host"
        );
        let journal = UnixDatagram::bind(host.root.path().join("journal")).unwrap();
        let id = host.create(&script, change).await;
        let removed = host.service.wait(&id, WaitCondition::Removed).unwrap();
        host.service.start(&id).await.unwrap();
        let mut numbers = Vec::new();
        let mut buffer = vec![0; 65_536];
        loop {
            let length = tokio::time::timeout(patience(Duration::from_secs(20)), journal.recv(&mut buffer))
                .await
                .unwrap()
                .unwrap();
            let message = std::str::from_utf8(&buffer[..length]).unwrap();
            assert_eq!(field(message, "CONTAINER_ID_FULL"), Some(id.as_str()));
            assert_eq!(field(message, "SYSLOG_IDENTIFIER"), Some("busybox"));
            match field(message, "MESSAGE").unwrap() {
                "last" => break assert_eq!(field(message, "PRIORITY"), Some("3")),
                number => numbers.push(number.parse::<u32>().unwrap()),
            }
        }
        assert!(numbers.into_iter().eq(1..=300), "in order, each once");
        assert_eq!(removed.await.status_code, 0);
        host.settled().await;
    });
}

#[test]
fn an_attached_client_gets_everything_however_small_the_files_are() {
    on_host(|host| async move {
        let script = ["sh", "-c", "read go; seq 1 20000"];
        let id = host
            .create(&script, |request| {
                request.config.open_stdin = true;
                log_options(request, "json-file", &[("max-size", "1k"), ("max-file", "1")]);
            })
            .await;
        host.service.start(&id).await.unwrap();
        let options = AttachOptions { stream: true, stdin: true, stdout: true, stderr: true, logs: true };
        let mut attached = host.service.attach(&id, options).await.unwrap();
        attached.stdin.as_mut().unwrap().write(Bytes::from_static(b"go\n")).await.unwrap();
        let expected: String = (1..=20000).map(|number| format!("{number}\n")).collect();
        assert!(text(attached.chunks).await == expected);
        assert_eq!(host.ended(&id).await, 0);
    });
}
