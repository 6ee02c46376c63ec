//! Attach over a websocket: every message is input, all output comes in messages, without frames that would name a stream.
//!
//! The handshake is an ordinary upgrade, so it is answered here; messages are tungstenite's. Output is binary from API 1.28 on and text
//! before, as Docker's.

use super::error::ApiError;
use super::session::{FromClient, Input, Session, ToClient, carry};
use crate::logs::Chunk;
use crate::server::{Connection, EofHold, take_over};
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use hull_api::version::ApiVersion;
use hyper::upgrade::OnUpgrade;
use std::io;
use std::time::Duration;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// Longest message that a client may send: input is typed or piped, nobody needs one that fills memory.
const LONGEST: usize = 1 << 20;
/// How long a client may take to answer the closing.
const LINGER: Duration = Duration::from_secs(2);

type Socket = WebSocketStream<Connection>;

/// A websocket handshake.
pub(super) struct WebSocket {
    upgrade: OnUpgrade,
    hold: Option<EofHold>,
    accept: HeaderValue,
    protocol: Option<HeaderValue>,
    /// Whether messages to the client are text.
    text: bool,
}

impl<S: Sync> FromRequestParts<S> for WebSocket {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let accept = accept(&parts.headers)?;
        let protocols = parts.headers.get(header::SEC_WEBSOCKET_PROTOCOL);
        // One that is asked for is agreed to; from several there is nothing to choose.
        let protocol = protocols.filter(|value| !value.as_bytes().contains(&b',')).cloned();
        let version = parts.extensions.get::<ApiVersion>().copied().unwrap_or(hull_api::version::MAX);
        let hold = parts.extensions.get::<EofHold>().cloned();
        let upgrade = parts.extensions.remove::<OnUpgrade>().ok_or_else(|| refused("the connection cannot change"))?;
        Ok(Self { upgrade, hold, accept, protocol, text: version < ApiVersion::new(1, 28) })
    }
}

fn refused(what: &str) -> ApiError {
    ApiError::bad_request(format!("not a websocket handshake: {what}"))
}

/// Checks the handshake, and makes its answer.
fn accept(headers: &HeaderMap) -> Result<HeaderValue, ApiError> {
    let has = |name: HeaderName, word: &str| {
        let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(word))
    };
    if !has(header::CONNECTION, "upgrade") || !has(header::UPGRADE, "websocket") {
        return Err(refused("it needs `Connection: Upgrade` and `Upgrade: websocket`"));
    }
    if !has(header::SEC_WEBSOCKET_VERSION, "13") {
        return Err(refused("only `Sec-WebSocket-Version: 13` is spoken"));
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).ok_or_else(|| refused("it has no `Sec-WebSocket-Key`"))?;
    HeaderValue::try_from(derive_accept_key(key.as_bytes())).map_err(|_| refused("its key is not usable"))
}

impl WebSocket {
    /// Connects the client with the session and answers at once.
    pub(super) fn connect<I: Input>(self, session: Session<I>) -> Response {
        let Self { upgrade, hold, accept, protocol, text } = self;
        tokio::spawn(async move {
            match upgrade.await {
                Ok(connection) => {
                    if let Some(hold) = hold {
                        hold.taken_over(false);
                    }
                    let (connection, _) = take_over(connection);
                    let config =
                        WebSocketConfig::default().max_message_size(Some(LONGEST)).max_frame_size(Some(LONGEST));
                    let socket = WebSocketStream::from_raw_socket(connection, Role::Server, Some(config)).await;
                    serve(socket, session, text).await;
                }
                Err(error) => tracing::debug!(%error, "the client left before its connection was taken over"),
            }
        });
        let headers = [
            (header::CONNECTION, HeaderValue::from_static("Upgrade")),
            (header::UPGRADE, HeaderValue::from_static("websocket")),
            (header::SEC_WEBSOCKET_ACCEPT, accept),
        ];
        let mut response = (StatusCode::SWITCHING_PROTOCOLS, headers).into_response();
        if let Some(protocol) = protocol {
            response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        response
    }
}

async fn serve<I: Input>(socket: Socket, session: Session<I>, text: bool) {
    let (sink, stream) = socket.split();
    let (mut to, mut from) = (Sender { sink, text }, Receiver(stream));
    if let Err(error) = carry(&mut from, &mut to, session).await {
        tracing::debug!(%error, "an attached websocket client is gone");
        return;
    }
    let close = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    if to.sink.send(Message::Close(Some(close))).await.is_ok() {
        let drain = async { while matches!(from.next().await, Ok(Some(_))) {} };
        let _ = tokio::time::timeout(LINGER, drain).await;
    }
}

struct Receiver(SplitStream<Socket>);

impl FromClient for Receiver {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Binary(bytes))) => return Ok(Some(bytes)),
                Some(Ok(Message::Text(text))) => return Ok(Some(text.into())),
                // Answered by tungstenite.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_)) | Err(Error::ConnectionClosed | Error::AlreadyClosed)) | None => {
                    return Ok(None);
                }
                Some(Err(error)) => return Err(io::Error::other(error)),
            }
        }
    }

    /// A websocket is closed as a whole.
    async fn gone(&mut self) {}
}

struct Sender {
    sink: SplitSink<Socket, Message>,
    text: bool,
}

impl ToClient for Sender {
    async fn send(&mut self, piece: Chunk) -> io::Result<()> {
        let message = if self.text {
            Message::text(String::from_utf8_lossy(&piece.bytes).into_owned())
        } else {
            Message::Binary(piece.bytes)
        };
        self.sink.send(message).await.map_err(io::Error::other)
    }
}

#[cfg(test)]
#[path = "websocket_tests.rs"]
mod tests;
