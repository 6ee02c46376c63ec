//! What can go wrong between here and the engine, in Docker's words.

use std::io;

use http::StatusCode;

#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("Cannot connect to the Hull daemon at {host}. Is hulld running?")]
    Connect { host: String, source: io::Error },
    #[error("permission denied while trying to connect to the Hull daemon socket at {host}")]
    Permission { host: String, source: io::Error },
    #[error("error during connect: TLS with {host}: {source}")]
    Tls { host: String, source: io::Error },
    #[error("Error response from daemon: {message}")]
    Daemon { status: StatusCode, message: String },
    #[error("error during {operation}: {}", chain(source))]
    Transport { operation: String, source: hyper::Error },
    #[error("error reading the answer of {operation}: {source}")]
    Decode { operation: String, source: hull_api::decode::DecodeError },
    #[error("unable to upgrade to tcp, received {status} for {operation}")]
    NoUpgrade { operation: String, status: StatusCode },
    #[error("error during {operation}: {source}")]
    Request { operation: String, source: http::Error },
}

/// An error with its causes: hyper's own texts say little without them.
fn chain(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    if error.is_parse() {
        text.push_str(" (if this engine speaks TLS, try --tlsverify)");
    }
    text
}

impl ClientError {
    /// Whether the engine answered with this status.
    pub(crate) fn is_status(&self, wanted: StatusCode) -> bool {
        matches!(self, Self::Daemon { status, .. } if *status == wanted)
    }

    /// The daemon's own words, if it spoke.
    pub(crate) fn daemon_message(&self) -> Option<&str> {
        match self {
            Self::Daemon { message, .. } => Some(message),
            _ => None,
        }
    }
}
