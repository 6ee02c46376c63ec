//! Connections that became streams: attach and exec.

use http::{Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{ReadHalf, WriteHalf};

use super::error::ClientError;

/// Both directions of an upgraded connection. Bytes that came with the answer are read first.
pub(crate) struct Hijacked {
    pub(crate) read: ReadHalf<TokioIo<Upgraded>>,
    /// Shutting it down is the half-close that the process sees as the end of its input.
    pub(crate) write: WriteHalf<TokioIo<Upgraded>>,
    /// Whether the output comes in frames; `None`: the daemon did not say, so it depends on the terminal.
    pub(crate) multiplexed: Option<bool>,
}

impl Hijacked {
    pub(super) async fn from_response(operation: String, response: Response<Incoming>) -> Result<Self, ClientError> {
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(ClientError::NoUpgrade { operation, status: response.status() });
        }
        let multiplexed = response.headers().get(http::header::CONTENT_TYPE).and_then(|kind| {
            match kind.as_bytes() {
                b"application/vnd.docker.multiplexed-stream" => Some(true),
                // Before 1.42 this is sent for both kinds.
                _ => None,
            }
        });
        let upgraded =
            hyper::upgrade::on(response).await.map_err(|source| ClientError::Transport { operation, source })?;
        let (read, write) = tokio::io::split(TokioIo::new(upgraded));
        Ok(Self { read, write, multiplexed })
    }
}
