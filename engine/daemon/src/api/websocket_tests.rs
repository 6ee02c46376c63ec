//! The handshake's rules, and both directions over an in-memory socket pair.

use super::super::detach_keys::DetachKeys;
use super::super::session::AtEof;
use super::*;
use futures_util::stream;
use hull_api::stream::StreamKind;
use tokio::sync::mpsc;

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

#[test]
fn a_handshake_is_answered_as_the_standard_has_it() {
    let good = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    assert_eq!(accept(&headers(&good)).unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    for left_out in 0..good.len() {
        let mut some = good.to_vec();
        some.remove(left_out);
        let error = accept(&headers(&some)).unwrap_err();
        assert_eq!(error.status, StatusCode::BAD_REQUEST, "without {}", good[left_out].0);
    }
}

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
    client: WebSocketStream<tokio::net::UnixStream>,
    process: mpsc::UnboundedReceiver<Option<Bytes>>,
    output: mpsc::UnboundedSender<Chunk>,
    server: tokio::task::JoinHandle<()>,
}

async fn start(text: bool, at_eof: AtEof, detach_keys: Option<DetachKeys>) -> Fixture {
    let (near, far) = tokio::net::UnixStream::pair().unwrap();
    let client = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
    let server = WebSocketStream::from_raw_socket(Connection::of(far), Role::Server, None).await;
    let (recorder, process) = mpsc::unbounded_channel();
    let (output, mut pieces) = mpsc::unbounded_channel();
    let chunks = stream::poll_fn(move |cx| pieces.poll_recv(cx)).map(Ok).boxed();
    let session = Session { raw: true, output: chunks, input: Some(Recorder(recorder)), at_eof, detach_keys };
    Fixture { client, process, output, server: tokio::spawn(serve(server, session, text)) }
}

fn piece(stream: StreamKind, bytes: &'static [u8]) -> Chunk {
    Chunk { stream, bytes: Bytes::from_static(bytes) }
}

#[tokio::test]
async fn output_is_binary_without_frames_and_its_end_closes_normally() {
    let mut fixture = start(false, AtEof::CloseInput, None).await;
    fixture.output.send(piece(StreamKind::Stdout, b"out\xff")).unwrap();
    fixture.output.send(piece(StreamKind::Stderr, b"err")).unwrap();
    drop(fixture.output);
    assert_eq!(fixture.client.next().await.unwrap().unwrap(), Message::binary(&b"out\xff"[..]));
    assert_eq!(fixture.client.next().await.unwrap().unwrap(), Message::binary(&b"err"[..]));
    let Message::Close(Some(close)) = fixture.client.next().await.unwrap().unwrap() else { panic!("not closed") };
    assert_eq!(close.code, CloseCode::Normal);
    assert!(fixture.client.next().await.is_none());
    fixture.server.await.unwrap();
}

#[tokio::test]
async fn old_clients_get_text() {
    let mut fixture = start(true, AtEof::CloseInput, None).await;
    fixture.output.send(piece(StreamKind::Stdout, b"out\xff")).unwrap();
    assert_eq!(fixture.client.next().await.unwrap().unwrap(), Message::text("out\u{fffd}"));
}

#[tokio::test]
async fn messages_of_both_kinds_are_input_and_closing_is_its_end() {
    let mut fixture = start(false, AtEof::CloseInput, None).await;
    fixture.client.send(Message::text("a")).await.unwrap();
    fixture.client.send(Message::Ping(Bytes::new())).await.unwrap();
    fixture.client.send(Message::binary(&b"b"[..])).await.unwrap();
    assert_eq!(fixture.process.recv().await, Some(Some(Bytes::from_static(b"a"))));
    assert_eq!(fixture.process.recv().await, Some(Some(Bytes::from_static(b"b"))));
    fixture.client.close(None).await.unwrap();
    assert_eq!(fixture.process.recv().await, Some(None));
    // The process still runs, but there is nobody to tell: the session is over.
    fixture.server.await.unwrap();
}

#[tokio::test]
async fn detach_keys_work_here_too() {
    let mut fixture = start(false, AtEof::Detach, Some(DetachKeys::default())).await;
    fixture.client.send(Message::binary(&b"x\x10\x11y"[..])).await.unwrap();
    assert_eq!(fixture.process.recv().await, Some(Some(Bytes::from_static(b"x"))));
    assert_eq!(fixture.process.recv().await, None);
    assert!(matches!(fixture.client.next().await.unwrap().unwrap(), Message::Close(_)));
}

#[tokio::test]
async fn a_message_that_is_too_long_ends_the_session() {
    let (near, far) = tokio::net::UnixStream::pair().unwrap();
    let mut client = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
    let config = WebSocketConfig::default().max_message_size(Some(LONGEST)).max_frame_size(Some(LONGEST));
    let server = WebSocketStream::from_raw_socket(Connection::of(far), Role::Server, Some(config)).await;
    let session = Session::<Recorder> {
        raw: true,
        output: stream::pending().boxed(),
        input: None,
        at_eof: AtEof::Detach,
        detach_keys: None,
    };
    let server = tokio::spawn(serve(server, session, false));
    let _ = client.send(Message::binary(vec![0; LONGEST + 1])).await;
    server.await.unwrap();
}
