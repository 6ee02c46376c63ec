//! Requests to a daemon that may die at any moment.

use hull_test_support::{Reply, pause, request, slowness};
use serde_json::Value;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// For how long there may be nobody who answers.
const LIMIT: Duration = Duration::from_secs(30);

/// What came of a request.
pub(super) enum Answer {
    Said(Reply),
    /// The connection ended without an answer: it was done, or not.
    Lost,
}

/// The way to the daemon.
#[derive(Clone)]
pub(super) struct Wire(PathBuf);

impl Wire {
    pub(super) fn new(socket: &Path) -> Self {
        Self(socket.to_owned())
    }

    /// One request. While nobody listens it has not been made, and is made again.
    pub(super) fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.send(method, path, &bytes)
    }

    /// [`Wire::call`] with any bytes.
    pub(super) fn send(&self, method: &str, path: &str, bytes: &[u8]) -> Answer {
        let deadline = Instant::now() + LIMIT * slowness();
        loop {
            match request(&self.0, method, path, bytes) {
                Ok(reply) => {
                    assert!(reply.status < 500, "{method} {path}: {} {}", reply.status, reply.message());
                    return Answer::Said(reply);
                }
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
                    assert!(Instant::now() < deadline, "{method} {path}: nobody listens");
                    pause(Duration::from_millis(2));
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    panic!("{method} {path}: never answered");
                }
                Err(_) => return Answer::Lost,
            }
        }
    }

    /// A request that may be repeated until there is an answer.
    pub(super) fn ask(&self, method: &str, path: &str) -> Reply {
        loop {
            if let Answer::Said(reply) = self.call(method, path, &Value::Null) {
                return reply;
            }
        }
    }
}
