//! Both directions of a hijacked connection, over an in-memory pipe.

use super::super::detach_keys::DetachKeys;
use super::*;
use futures_util::stream;
use hull_api::stream::StreamKind;
use tokio::io::duplex;
use tokio::sync::mpsc;

/// What the process got; `None` is end-of-file.
struct Recorder(mpsc::UnboundedSender<Option<Bytes>>);

impl Input for Recorder {
    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        self.0.send(Some(bytes)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    async fn close(self) {
        let _ = self.0.send(None);
    }
}

struct Fixture {
    client: tokio::io::DuplexStream,
    process: mpsc::UnboundedReceiver<Option<Bytes>>,
    output: mpsc::UnboundedSender<Chunk>,
    pump: tokio::task::JoinHandle<()>,
}

fn start(tty: bool, at_eof: AtEof) -> Fixture {
    let (client, server) = duplex(1024);
    let (recorder, process) = mpsc::unbounded_channel();
    let (output, mut pieces) = mpsc::unbounded_channel();
    let stream = stream::poll_fn(move |cx| pieces.poll_recv(cx)).map(Ok).boxed();
    let detach_keys = tty.then(DetachKeys::default);
    let session = Session { raw: tty, output: stream, input: Some(Recorder(recorder)), at_eof, detach_keys };
    Fixture { client, process, output, pump: tokio::spawn(pump(server, None, session)) }
}

fn piece(stream: StreamKind, bytes: &'static [u8]) -> Chunk {
    Chunk { stream, bytes: Bytes::from_static(bytes) }
}

#[tokio::test]
async fn half_close_is_end_of_input_and_output_goes_on() {
    let mut fixture = start(false, AtEof::CloseInput);
    fixture.client.write_all(b"in").await.unwrap();
    fixture.client.shutdown().await.unwrap();
    assert_eq!(fixture.process.recv().await, Some(Some(Bytes::from_static(b"in"))));
    assert_eq!(fixture.process.recv().await, Some(None));
    fixture.output.send(piece(StreamKind::Stdout, b"out")).unwrap();
    fixture.output.send(piece(StreamKind::Stderr, b"err")).unwrap();
    drop(fixture.output);
    let mut read = Vec::new();
    fixture.client.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, b"\x01\0\0\0\0\0\0\x03out\x02\0\0\0\0\0\0\x03err");
    fixture.pump.await.unwrap();
}

#[tokio::test]
async fn a_terminal_is_raw_and_its_keys_detach() {
    let mut fixture = start(true, AtEof::Detach);
    fixture.output.send(piece(StreamKind::Stdout, b"$ ")).unwrap();
    let mut prompt = [0; 2];
    fixture.client.read_exact(&mut prompt).await.unwrap();
    assert_eq!(&prompt, b"$ ");
    fixture.client.write_all(b"ls\x10\x11").await.unwrap();
    assert_eq!(fixture.process.recv().await, Some(Some(Bytes::from_static(b"ls"))));
    // The process is told nothing, and the client sees the end although the output has none.
    assert_eq!(fixture.process.recv().await, None);
    assert_eq!(fixture.client.read(&mut prompt).await.unwrap(), 0);
}

#[tokio::test]
async fn a_client_that_only_detaches_leaves_the_input_open() {
    let mut fixture = start(false, AtEof::Detach);
    fixture.client.shutdown().await.unwrap();
    assert_eq!(fixture.process.recv().await, None);
    assert_eq!(fixture.client.read(&mut [0; 1]).await.unwrap(), 0);
    fixture.pump.await.unwrap();
}

#[tokio::test]
async fn input_of_a_dead_process_is_dropped_and_its_last_output_arrives() {
    let mut fixture = start(false, AtEof::CloseInput);
    drop(fixture.process);
    fixture.client.write_all(b"nobody reads this").await.unwrap();
    fixture.output.send(piece(StreamKind::Stdout, b"last")).unwrap();
    drop(fixture.output);
    let mut read = Vec::new();
    fixture.client.read_to_end(&mut read).await.unwrap();
    assert!(read.ends_with(b"last"));
}

#[test]
fn streams_are_named_by_version_and_terminal() {
    let multiplexed = "application/vnd.docker.multiplexed-stream";
    assert_eq!(content_type(false, ApiVersion::new(1, 42)), multiplexed);
    assert_eq!(content_type(false, ApiVersion::new(1, 41)), "application/vnd.docker.raw-stream");
    assert_eq!(content_type(true, ApiVersion::new(1, 51)), "application/vnd.docker.raw-stream");
}
