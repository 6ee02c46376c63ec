//! Attach and exec: the connection stops being HTTP and becomes the process' terminal or pipes.
//!
//! ```text
//!  Upgrade asked for    101 UPGRADED, then raw bytes both ways
//!  otherwise            200, the output until it ends, closing the connection; stdin from the request's body, if any
//! ```
//! Output is framed unless there is a terminal. The client's half-close is the process' end of input, not the end of
//! the session; the process' end of output is.

use super::detach_keys::{DetachKeys, Watch, Watched};
use super::error::ApiError;
use crate::logs::{Chunk, Chunks};
use crate::server::EofHold;
use axum::body::{Body, BodyDataStream};
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use bytes::{Buf, Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt};
use http::request::Parts;
use http::{HeaderValue, StatusCode, Version, header};
use hull_api::stream::header as frame_header;
use hull_api::version::ApiVersion;
use hyper::ext::ReasonPhrase;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Longest piece of input at once.
const INPUT: usize = 32 << 10;
/// After the output's end: how long a client may still send. Closing a socket with unread input resets it, and the
/// client loses output that it has not read yet.
const LINGER: Duration = Duration::from_secs(2);

/// Where input goes.
pub(super) trait Input: Send + 'static {
    /// Waits while the process doesn't read.
    fn write(&mut self, bytes: Bytes) -> impl Future<Output = io::Result<()>> + Send;
    /// The process reads end-of-file.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// What is connected to the client.
pub(super) struct Session<I> {
    /// There is a terminal: no frames, and keys can detach.
    pub(super) tty: bool,
    /// Ends with the process' output.
    pub(super) output: Chunks,
    /// Absent: what the client sends is read and dropped.
    pub(super) input: Option<I>,
    /// What the client's end of input means.
    pub(super) at_eof: AtEof,
    /// Looked for only with a terminal.
    pub(super) detach_keys: DetachKeys,
}

/// What the client's end of input means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AtEof {
    /// The process gets end-of-file too; its output goes on.
    CloseInput,
    /// The session ends, the process keeps its input: other clients may attach later (`StdinOnce` is false), or it is a
    /// terminal, which has no end-of-file.
    Detach,
}

/// The request's side of a connection that may be taken over.
#[derive(Debug)]
pub(super) struct Hijack {
    upgrade: Option<OnUpgrade>,
    hold: Option<EofHold>,
    version: ApiVersion,
}

impl<S: Sync> FromRequestParts<S> for Hijack {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let asked = parts.headers.contains_key(header::UPGRADE);
        let upgrade = parts.extensions.remove::<OnUpgrade>().filter(|_| asked);
        let hold = parts.extensions.get::<EofHold>().cloned();
        let version = parts.extensions.get::<ApiVersion>().copied().unwrap_or(hull_api::version::MAX);
        Ok(Self { upgrade, hold, version })
    }
}

impl Hijack {
    /// Connects the client with the session and answers at once. `body` is what follows the request without an upgrade.
    pub(super) fn connect<I: Input>(self, session: Session<I>, body: Option<Body>) -> Response {
        let content_type = HeaderValue::from_static(content_type(session.tty, self.version));
        let Some(upgrade) = self.upgrade else { return plain(session, body, content_type) };
        let hold = self.hold;
        tokio::spawn(async move {
            match upgrade.await {
                Ok(connection) => {
                    if let Some(hold) = hold {
                        hold.release();
                    }
                    pump(TokioIo::new(connection), session).await;
                }
                Err(error) => tracing::debug!(%error, "the client left before its connection was taken over"),
            }
        });
        let headers = [
            (header::CONTENT_TYPE, content_type),
            (header::CONNECTION, HeaderValue::from_static("Upgrade")),
            (header::UPGRADE, HeaderValue::from_static("tcp")),
        ];
        let mut response = (StatusCode::SWITCHING_PROTOCOLS, headers).into_response();
        response.extensions_mut().insert(ReasonPhrase::from_static(b"UPGRADED"));
        response
    }
}

/// The type of a stream's content, for logs too.
pub(super) fn content_type(tty: bool, version: ApiVersion) -> &'static str {
    if tty || version < ApiVersion::new(1, 42) {
        "application/vnd.docker.raw-stream"
    } else {
        "application/vnd.docker.multiplexed-stream"
    }
}

fn plain<I: Input>(session: Session<I>, body: Option<Body>, content_type: HeaderValue) -> Response {
    let Session { tty, output, input, at_eof, .. } = session;
    if let (Some(input), Some(body)) = (input, body) {
        tokio::spawn(body_to_input(body.into_data_stream(), input, at_eof));
    }
    let output = output.map_ok(move |piece| frame(tty, piece));
    let mut response = ([(header::CONTENT_TYPE, content_type)], Body::from_stream(output)).into_response();
    // An answer of version 1.0 is not cut into chunks: clients that read a raw stream find one.
    *response.version_mut() = Version::HTTP_10;
    response
}

async fn body_to_input<I: Input>(mut body: BodyDataStream, mut input: I, at_eof: AtEof) {
    while let Some(Ok(bytes)) = body.next().await {
        if input.write(bytes).await.is_err() {
            return;
        }
    }
    if at_eof == AtEof::CloseInput {
        input.close().await;
    }
}

/// A frame in one buffer; output of a terminal as it is.
pub(super) fn frame(tty: bool, piece: Chunk) -> Bytes {
    if tty {
        return piece.bytes;
    }
    let mut framed = BytesMut::with_capacity(8 + piece.bytes.len());
    framed.extend_from_slice(&frame_header(piece.stream, piece.bytes.len() as u32));
    framed.extend_from_slice(&piece.bytes);
    framed.freeze()
}

/// Carries bytes both ways until the output ends, the client detaches, or the client is gone.
async fn pump<I: Input>(connection: impl AsyncRead + AsyncWrite + Send, session: Session<I>) {
    let Session { tty, output, input, at_eof, detach_keys } = session;
    let (mut from_client, mut to_client) = tokio::io::split(connection);
    let watch = tty.then(|| Watch::new(detach_keys));
    let ended = {
        let outgoing = send_output(&mut to_client, output, tty);
        let incoming = receive_input(&mut from_client, input, watch, at_eof);
        tokio::pin!(outgoing, incoming);
        tokio::select! {
            result = &mut outgoing => result,
            input_end = &mut incoming => match input_end {
                InputEnd::Detached => Ok(()),
                InputEnd::Closed => outgoing.await,
            },
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an attached client is gone");
        return;
    }
    // The client sees the end; it may be writing still.
    if to_client.shutdown().await.is_ok() {
        let mut rest = vec![0; 4096];
        let drain = async { while matches!(from_client.read(&mut rest).await, Ok(n) if n > 0) {} };
        let _ = tokio::time::timeout(LINGER, drain).await;
    }
}

async fn send_output(client: &mut (impl AsyncWrite + Unpin), mut output: Chunks, tty: bool) -> io::Result<()> {
    while let Some(piece) = output.next().await {
        let piece = piece?;
        if tty {
            client.write_all(&piece.bytes).await?;
        } else {
            let header = frame_header(piece.stream, piece.bytes.len() as u32);
            client.write_all_buf(&mut Buf::chain(&header[..], piece.bytes)).await?;
        }
        client.flush().await?;
    }
    Ok(())
}

enum InputEnd {
    /// The session is over.
    Detached,
    /// There is no more input; the output goes on.
    Closed,
}

async fn receive_input<I: Input>(
    client: &mut (impl AsyncRead + Unpin),
    mut input: Option<I>,
    mut watch: Option<Watch>,
    at_eof: AtEof,
) -> InputEnd {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(INPUT);
        match client.read_buf(&mut buffer).await {
            Ok(0) => break,
            Ok(_) => {}
            // Reset: the next write to the client finds out too.
            Err(_) => return InputEnd::Detached,
        }
        let bytes = buffer.split().freeze();
        let Some(process) = &mut input else { continue };
        let (bytes, detach) = match watch.as_mut().map(|watch| watch.input(&bytes)) {
            None => (bytes, false),
            Some(Watched::Pass(pass)) => (pass.into(), false),
            Some(Watched::Detach(pass)) => (pass.into(), true),
        };
        if !bytes.is_empty() && process.write(bytes).await.is_err() {
            // The process closed its stdin or is gone: the rest is dropped, its output may go on.
            input = None;
        }
        if detach {
            return InputEnd::Detached;
        }
    }
    match (input, at_eof) {
        (None, _) => InputEnd::Closed,
        (Some(_), AtEof::Detach) => InputEnd::Detached,
        (Some(process), AtEof::CloseInput) => {
            process.close().await;
            InputEnd::Closed
        }
    }
}

#[cfg(test)]
#[path = "hijack_tests.rs"]
mod tests;
