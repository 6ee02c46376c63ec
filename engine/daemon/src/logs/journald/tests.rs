//! Forwarding to a journal that a test plays.

use super::super::attributes::Subject;
use super::super::lines::{Lines, Start};
use super::super::options::{Driver, Options, parse_flag};
use super::super::record::Record;
use super::super::{Keeper, Keeping, LogWatcher};
use super::message::{Fields, Messages};
use super::*;
use futures_util::FutureExt;
use hull_test_patience::patience;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{IoSliceMut, Read, Seek, Write};
use std::mem::MaybeUninit;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixDatagram;

fn limit() -> Duration {
    patience(Duration::from_secs(20))
}

fn append(path: &Path, text: &str, stream: &str) {
    let text = serde_json::to_string(text).unwrap();
    let record = format!("{{\"log\":{text},\"stream\":\"{stream}\",\"time\":\"2026-01-02T03:04:05.123456789Z\"}}\n");
    OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(record.as_bytes()).unwrap();
}

/// Takes a message apart as systemd's documentation says.
fn fields(mut message: &[u8]) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    while !message.is_empty() {
        let end = message.iter().position(|byte| *byte == b'\n').unwrap();
        let line = String::from_utf8(message[..end].to_vec()).unwrap();
        message = &message[end + 1..];
        let (name, value) = match line.split_once('=') {
            Some((name, value)) => (name.to_owned(), value.to_owned()),
            None => {
                let length = usize::try_from(u64::from_le_bytes(*message.first_chunk().unwrap())).unwrap();
                let value = String::from_utf8(message[8..8 + length].to_vec()).unwrap();
                assert_eq!(message[8 + length], b'\n');
                message = &message[8 + length + 1..];
                (line, value)
            }
        };
        assert_eq!(fields.insert(name, value), None);
    }
    fields
}

async fn receive(journal: &UnixDatagram) -> BTreeMap<String, String> {
    let mut buffer = vec![0; 300_000];
    let length = tokio::time::timeout(limit(), journal.recv(&mut buffer)).await.expect("a message").unwrap();
    fields(&buffer[..length])
}

fn options(text: &[&str]) -> Options {
    text.iter().map(|option| parse_flag(option)).collect()
}

#[test]
fn messages_have_dockers_fields() {
    let labels = [("com.example/a".to_owned(), "two\nlines".to_owned())].into();
    let subject =
        Subject { id: "0123456789abcdef", name: "box", image: "busybox", labels: &labels, ..Subject::default() };
    let of = Fields::new(&subject, &options(&["labels-regex=.*", "tag={{.Name}}/{{.ID}}"])).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let long = "x".repeat(16 << 10);
    for (text, stream) in [
        ("hi\n", "stdout"),
        (&*long, "stderr"),
        ("out\n", "stdout"),
        (&*long, "stderr"),
        ("end\n", "stderr"),
        ("$ ", "stdout"),
    ] {
        append(&path, text, stream);
    }
    let mut lines = Lines::new(&path, Start::Oldest, None);
    let mut messages = Messages::new(of, "epoch".to_owned());
    let mut made = Vec::new();
    while lines.advance().unwrap() {
        while let Some(line) = lines.next() {
            made.push(fields(&messages.message(&Record::parse(line).unwrap()).unwrap()));
        }
    }
    let field = |index: usize, name: &str| made[index].get(name).map(String::as_str);
    for (name, value) in [
        ("MESSAGE", "hi"),
        ("PRIORITY", "6"),
        ("CONTAINER_ID", "0123456789ab"),
        ("CONTAINER_ID_FULL", "0123456789abcdef"),
        ("CONTAINER_NAME", "box"),
        ("CONTAINER_TAG", "box/0123456789ab"),
        ("SYSLOG_IDENTIFIER", "box/0123456789ab"),
        ("IMAGE_NAME", "busybox"),
        ("COM_EXAMPLE_A", "two\nlines"),
        ("SYSLOG_TIMESTAMP", "2026-01-02T03:04:05.123456789Z"),
        ("CONTAINER_LOG_ORDINAL", "1"),
    ] {
        assert_eq!(field(0, name), Some(value), "{name}");
    }
    assert_eq!(field(0, "CONTAINER_PARTIAL_ID"), None);
    let pieces = [1, 3, 4].map(|index| {
        (
            field(index, "CONTAINER_PARTIAL_ORDINAL"),
            field(index, "CONTAINER_PARTIAL_LAST"),
            field(index, "CONTAINER_PARTIAL_MESSAGE"),
        )
    });
    assert_eq!(
        pieces,
        [
            (Some("1"), Some("false"), Some("true")),
            (Some("2"), Some("false"), Some("true")),
            (Some("3"), Some("true"), None)
        ]
    );
    assert_eq!(field(1, "PRIORITY"), Some("3"));
    assert_eq!(field(1, "CONTAINER_PARTIAL_ID"), field(4, "CONTAINER_PARTIAL_ID"));
    assert_eq!((field(5, "MESSAGE"), field(5, "CONTAINER_PARTIAL_ID")), (Some("$ "), None));
}

#[tokio::test]
async fn every_line_is_sent_once_also_by_the_next_daemon_and_at_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let (path, socket) = (directory.path().join("log"), directory.path().join("socket"));
    let none = Options::new();
    let subject = Subject { id: "0123456789abcdef", ..Subject::default() };
    let log = Keeping { path: &path, driver: Driver::Journald, options: &none, subject };
    let watcher = Arc::new(LogWatcher::new().unwrap());
    let keeper = |socket: &Path| Keeper::new(watcher.clone(), socket).unwrap();
    let first = keeper(&socket);
    assert_eq!(first.ready(Driver::Journald), Err("journald is not enabled on this host"));
    assert_eq!(first.drivers(), ["json-file", "local"]);
    let journal = UnixDatagram::bind(&socket).unwrap();
    assert_eq!(first.drivers(), ["journald", "json-file", "local"]);
    append(&path, "0\n", "stdout");
    let (end, gone) = tokio::sync::oneshot::channel::<()>();
    first.keep(&log, gone.map(|_| ()).shared());
    assert_eq!(receive(&journal).await["MESSAGE"], "0");
    append(&path, "1\n", "stderr");
    assert_eq!(receive(&journal).await["MESSAGE"], "1");
    end.send(()).unwrap();
    // What comes between two daemons.
    tokio::time::timeout(limit(), watcher.idle(directory.path())).await.expect("the first one ends");
    drop(first);
    append(&path, "2\n", "stdout");
    let second = keeper(&socket);
    let (end, gone) = tokio::sync::oneshot::channel::<()>();
    second.keep(&log, gone.map(|_| ()).shared());
    assert_eq!(receive(&journal).await["MESSAGE"], "2");
    append(&path, "3\n", "stdout");
    end.send(()).unwrap();
    assert_eq!(receive(&journal).await["MESSAGE"], "3");
}

#[tokio::test]
async fn a_journal_that_was_away_gets_what_it_missed() {
    let directory = tempfile::tempdir().unwrap();
    let (path, socket) = (directory.path().join("log"), directory.path().join("socket"));
    append(&path, "0\n", "stdout");
    let none = Options::new();
    let subject = Subject { id: "0123456789abcdef", ..Subject::default() };
    let log = Keeping { path: &path, driver: Driver::Journald, options: &none, subject };
    let keeper = Keeper::new(Arc::new(LogWatcher::new().unwrap()), &socket).unwrap();
    keeper.keep(&log, std::future::pending().boxed().shared());
    tokio::task::yield_now().await;
    let journal = UnixDatagram::bind(&socket).unwrap();
    assert_eq!(receive(&journal).await["MESSAGE"], "0");
}

#[tokio::test]
async fn a_message_too_long_for_a_datagram_goes_as_a_sealed_file() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("socket");
    let server = std::os::unix::net::UnixDatagram::bind(&socket).unwrap();
    let message = vec![b'x'; 4 << 20];
    Journal::new(&socket).send(&message).await.unwrap();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = rustix::net::RecvAncillaryBuffer::new(&mut space);
    let mut nothing = [0; 1];
    let flags = rustix::net::RecvFlags::empty();
    let got = rustix::net::recvmsg(&server, &mut [IoSliceMut::new(&mut nothing)], &mut control, flags).unwrap();
    assert_eq!(got.bytes, 0);
    let received = control.drain().find_map(|message| match message {
        rustix::net::RecvAncillaryMessage::ScmRights(mut files) => files.next(),
        _ => None,
    });
    let mut file = std::fs::File::from(received.expect("a descriptor"));
    assert!(file.write_all(b"y").is_err(), "sealed");
    file.rewind().unwrap();
    let mut content = Vec::new();
    file.read_to_end(&mut content).unwrap();
    assert!(content == message);
}
