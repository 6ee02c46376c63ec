//! Attach and exec: the connection stops being HTTP and becomes the process' terminal or pipes.
//!
//! ```text
//!  Upgrade asked for    101 UPGRADED, then raw bytes both ways
//!  otherwise            200, the output until it ends, closing the connection; stdin from the request's body, if any
//! ```
//! Output is framed unless there is a terminal. What is carried, and how long, is [`super::session`]'s.

use super::error::ApiError;
use super::session::{AtEof, FromClient, Input, Session, ToClient, carry};
use crate::logs::Chunk;
use crate::server::{EofHold, Gone, take_over};
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
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Longest piece of input at once.
const INPUT: usize = 32 << 10;
/// After the output's end: how long a client may still send. Closing a socket with unread input resets it, and the
/// client loses output that it has not read yet.
const LINGER: Duration = Duration::from_secs(2);

/// docker-py, which loses output that comes together with the answer's head (see [`EofHold::taken_over`]).
const HASTY: &str = "docker-sdk-python/";

/// The request's side of a connection that may be taken over.
#[derive(Debug)]
pub(super) struct Hijack {
    upgrade: Option<OnUpgrade>,
    hold: Option<EofHold>,
    version: ApiVersion,
    /// The client needs a moment between the head and the output.
    hasty: bool,
}

impl<S: Sync> FromRequestParts<S> for Hijack {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let asked = parts.headers.contains_key(header::UPGRADE);
        let upgrade = parts.extensions.remove::<OnUpgrade>().filter(|_| asked);
        let hold = parts.extensions.get::<EofHold>().cloned();
        let version = parts.extensions.get::<ApiVersion>().copied().unwrap_or(hull_api::version::MAX);
        let agent = parts.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
        let hasty = agent.is_some_and(|agent| agent.starts_with(HASTY));
        Ok(Self { upgrade, hold, version, hasty })
    }
}

impl Hijack {
    /// Connects the client with the session and answers at once. `body` is what follows the request without an upgrade.
    pub(super) fn connect<I: Input>(self, session: Session<I>, body: Option<Body>) -> Response {
        let content_type = HeaderValue::from_static(content_type(session.raw, self.version));
        let Some(upgrade) = self.upgrade else { return plain(session, body, content_type) };
        let (hold, hasty) = (self.hold, self.hasty);
        tokio::spawn(async move {
            match upgrade.await {
                Ok(connection) => {
                    if let Some(hold) = hold {
                        hold.taken_over(hasty);
                    }
                    let (connection, gone) = take_over(connection);
                    pump(connection, gone, session).await;
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
pub(super) fn content_type(raw: bool, version: ApiVersion) -> &'static str {
    if raw || version < ApiVersion::new(1, 42) {
        "application/vnd.docker.raw-stream"
    } else {
        "application/vnd.docker.multiplexed-stream"
    }
}

fn plain<I: Input>(session: Session<I>, body: Option<Body>, content_type: HeaderValue) -> Response {
    let Session { raw, output, input, at_eof, .. } = session;
    if let (Some(input), Some(body)) = (input, body) {
        tokio::spawn(body_to_input(body.into_data_stream(), input, at_eof));
    }
    let output = output.map_ok(move |piece| frame(raw, piece));
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

/// A frame in one buffer, or the piece as it is.
pub(super) fn frame(raw: bool, piece: Chunk) -> Bytes {
    if raw {
        return piece.bytes;
    }
    let mut framed = BytesMut::with_capacity(8 + piece.bytes.len());
    framed.extend_from_slice(&frame_header(piece.stream, piece.bytes.len() as u32));
    framed.extend_from_slice(&piece.bytes);
    framed.freeze()
}

/// Runs a session over a connection that has been taken over.
async fn pump<I: Input>(connection: impl AsyncRead + AsyncWrite + Send, gone: Option<Gone>, session: Session<I>) {
    let (from, to) = tokio::io::split(connection);
    let mut from = Raw { half: from, buffer: BytesMut::new(), gone };
    let mut to = Framed { half: to, raw: session.raw };
    if let Err(error) = carry(&mut from, &mut to, session).await {
        tracing::debug!(%error, "an attached client is gone");
        return;
    }
    // The client sees the end; it may be writing still.
    if to.half.shutdown().await.is_ok() {
        let drain = async { while matches!(from.next().await, Ok(Some(_))) {} };
        let _ = tokio::time::timeout(LINGER, drain).await;
    }
}

/// Input as it comes.
struct Raw<R> {
    half: R,
    buffer: BytesMut,
    gone: Option<Gone>,
}

impl<R: AsyncRead + Unpin + Send> FromClient for Raw<R> {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        self.buffer.reserve(INPUT);
        let length = self.half.read_buf(&mut self.buffer).await?;
        Ok((length > 0).then(|| self.buffer.split().freeze()))
    }

    async fn gone(&mut self) {
        match &mut self.gone {
            Some(gone) => gone.wait().await,
            // Only the next write tells.
            None => std::future::pending().await,
        }
    }
}

/// Output in frames, or as it is.
struct Framed<W> {
    half: W,
    raw: bool,
}

impl<W: AsyncWrite + Unpin + Send> ToClient for Framed<W> {
    async fn send(&mut self, piece: Chunk) -> io::Result<()> {
        if self.raw {
            self.half.write_all(&piece.bytes).await?;
        } else {
            let header = frame_header(piece.stream, piece.bytes.len() as u32);
            self.half.write_all_buf(&mut Buf::chain(&header[..], piece.bytes)).await?;
        }
        self.half.flush().await
    }
}

#[cfg(test)]
#[path = "hijack_tests.rs"]
mod tests;
