//! Bodies: what is sent, and answers that are many JSON objects one after another.

use std::collections::VecDeque;
use std::io;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::unfold;
use http::Response;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hull_api::decode;
use hyper::body::{Frame, Incoming};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::error::ClientError;

/// A request's body.
pub(crate) struct Body {
    inner: UnsyncBoxBody<Bytes, io::Error>,
    content_type: Option<&'static str>,
}

impl Body {
    pub(crate) fn empty() -> Self {
        Self { inner: Empty::new().map_err(|never| match never {}).boxed_unsync(), content_type: None }
    }

    pub(crate) fn json(value: &impl Serialize) -> Self {
        // Wire types have string keys and no failing serializers, so this cannot fail.
        let bytes = serde_json::to_vec(value).unwrap_or_default();
        let inner = Full::new(Bytes::from(bytes)).map_err(|never| match never {}).boxed_unsync();
        Self { inner, content_type: Some("application/json") }
    }

    /// A tar archive, read while it is sent; `seen` is told how much went out.
    pub(crate) fn tar(
        reader: impl AsyncRead + Send + Unpin + 'static,
        mut seen: impl FnMut(usize) + Send + 'static,
    ) -> Self {
        let pieces = unfold(reader, |mut reader| async {
            let mut piece = Vec::with_capacity(64 << 10);
            match reader.read_buf(&mut piece).await {
                Ok(0) => None,
                Ok(_) => Some((Ok(Bytes::from(piece)), reader)),
                Err(error) => Some((Err(error), reader)),
            }
        });
        let frames = pieces.map(move |piece| {
            piece.map(|bytes| {
                seen(bytes.len());
                Frame::data(bytes)
            })
        });
        Self { inner: BodyExt::boxed_unsync(StreamBody::new(frames)), content_type: Some("application/x-tar") }
    }

    pub(super) fn content_type(&self) -> Option<&'static str> {
        self.content_type
    }

    pub(super) fn into_inner(self) -> UnsyncBoxBody<Bytes, io::Error> {
        self.inner
    }
}

/// An answer of JSON objects one after another: events, stats, pull, load.
pub(crate) struct JsonStream<T> {
    operation: String,
    body: Incoming,
    pending: Vec<u8>,
    ready: VecDeque<T>,
}

impl<T: DeserializeOwned> JsonStream<T> {
    pub(crate) fn new(operation: impl Into<String>, response: Response<Incoming>) -> Self {
        Self { operation: operation.into(), body: response.into_body(), pending: Vec::new(), ready: VecDeque::new() }
    }

    /// The next object; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<T>, ClientError> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Ok(Some(item));
            }
            let Some(frame) = self.body.frame().await else {
                if self.pending.iter().all(u8::is_ascii_whitespace) {
                    return Ok(None);
                }
                let error = <decode::DecodeError as serde::de::Error>::custom("the answer ended within an object");
                return Err(ClientError::Decode { operation: self.operation.clone(), source: error });
            };
            let frame = frame.map_err(|source| ClientError::Transport { operation: self.operation.clone(), source })?;
            if let Ok(data) = frame.into_data() {
                self.pending.extend_from_slice(&data);
                self.split()?;
            }
        }
    }

    /// Takes the complete objects off the front of what came in.
    fn split(&mut self) -> Result<(), ClientError> {
        let mut stream = serde_json::Deserializer::from_slice(&self.pending).into_iter::<serde_json::Value>();
        let mut used = 0;
        let decode_error = |source| ClientError::Decode { operation: self.operation.clone(), source };
        while let Some(value) = stream.next() {
            match value {
                Ok(value) => {
                    self.ready.push_back(decode::from_value(value).map_err(decode_error)?);
                    used = stream.byte_offset();
                }
                Err(error) if error.is_eof() => break,
                Err(error) => return Err(decode_error(serde::de::Error::custom(error))),
            }
        }
        self.pending.drain(..used);
        Ok(())
    }
}
