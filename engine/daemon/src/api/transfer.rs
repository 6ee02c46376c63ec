//! Bytes between the asynchronous side (HTTP) and blocking threads (archives): bodies in, bodies out, progress.

use super::error::ApiError;
use crate::containers::files::Revoked;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::{Buf, Bytes};
use futures_util::{StreamExt, stream};
use http::{StatusCode, header};
use hull_api::JsonMessage;
use std::io::{self, Read, Write};
use tokio::sync::mpsc;

/// Pieces under way in one direction: the side that is ahead waits.
const PIECES: usize = 8;
/// Longest piece of a body out.
const PIECE: usize = 64 << 10;

/// What is left of a body that was refused, taken all the same: a sender that is not read to the end may see a broken
/// connection instead of the answer.
const DISCARDED: usize = 16 << 20;

/// A request's body as a blocking reader.
pub(super) struct BodyReader {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
    revoked: Option<Revoked>,
}

impl BodyReader {
    /// Starts to receive the body.
    pub(super) fn new(body: Body) -> Self {
        let (sender, pieces) = mpsc::channel(PIECES);
        tokio::spawn(async move {
            let mut stream = body.into_data_stream();
            let mut discarded = 0;
            while let Some(piece) = stream.next().await {
                let length = piece.as_ref().map_or(0, Bytes::len);
                if sender.send(piece.map_err(io::Error::other)).await.is_err() {
                    discarded += length;
                    if discarded > DISCARDED {
                        break;
                    }
                }
            }
        });
        Self { pieces, current: Bytes::new(), revoked: None }
    }

    /// One that ends with an error when that time has come, whatever its sender does.
    pub(super) fn until(self, revoked: Revoked) -> Self {
        Self { revoked: Some(revoked), ..self }
    }
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            let piece = match &mut self.revoked {
                None => self.pieces.blocking_recv(),
                Some(revoked) => unless(revoked, self.pieces.recv())?,
            };
            match piece {
                None => return Ok(0),
                Some(piece) => self.current = piece?,
            }
        }
        let n = self.current.len().min(buffer.len());
        buffer[..n].copy_from_slice(&self.current[..n]);
        self.current.advance(n);
        Ok(n)
    }
}

/// Waits on a blocking thread for one thing, but not longer than a container's files may be used.
fn unless<T>(revoked: &mut Revoked, wanted: impl Future<Output = T>) -> io::Result<T> {
    tokio::runtime::Handle::current().block_on(async {
        tokio::select! {
            biased;
            value = wanted => Ok(value),
            () = revoked.wait() => Err(io::Error::other("the container was started or removed meanwhile")),
        }
    })
}

/// An answer's body as a blocking writer; fails when the client is gone.
struct BodyWriter {
    pieces: mpsc::Sender<io::Result<Bytes>>,
    current: Vec<u8>,
    revoked: Option<Revoked>,
}

impl BodyWriter {
    fn send(&mut self) -> io::Result<()> {
        let piece = Ok(Bytes::from(std::mem::take(&mut self.current)));
        let sent = match &mut self.revoked {
            None => self.pieces.blocking_send(piece),
            Some(revoked) => unless(revoked, self.pieces.send(piece))?,
        };
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    /// Sends the rest, and an empty piece: without that one the answer is cut off.
    fn finish(&mut self) -> io::Result<()> {
        self.flush()?;
        self.send()
    }
}

impl Write for BodyWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.current.extend_from_slice(bytes);
        if self.current.len() >= PIECE {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.current.is_empty() { Ok(()) } else { self.send() }
    }
}

/// Answers with what `work` writes. A failure after the first bytes cuts the body off, so that the client sees it.
pub(super) async fn send_archive<E>(
    work: impl FnOnce(&mut dyn Write) -> Result<(), E> + Send + 'static,
) -> Result<Response, ApiError>
where
    ApiError: From<E>,
    E: Send + 'static,
{
    send_archive_until(None, work).await
}

/// The same, which also ends when a container's files are wanted back.
pub(super) async fn send_archive_until<E>(
    revoked: Option<Revoked>,
    work: impl FnOnce(&mut dyn Write) -> Result<(), E> + Send + 'static,
) -> Result<Response, ApiError>
where
    ApiError: From<E>,
    E: Send + 'static,
{
    let (sender, mut pieces) = mpsc::channel(PIECES);
    let done = tokio::task::spawn_blocking(move || {
        let mut writer = BodyWriter { pieces: sender, current: Vec::new(), revoked };
        let broken = |error: io::Error| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
        let result = work(&mut writer).map_err(ApiError::from).and_then(|()| writer.finish().map_err(broken));
        if let Err(error) = &result {
            // One that takes nothing at the moment is not waited for: the missing end tells it as well.
            let _ = writer.pieces.try_send(Err(io::Error::other(error.message.clone())));
        }
        result
    });
    let first = match pieces.recv().await {
        Some(Ok(first)) => first,
        Some(Err(_)) | None => {
            done.await.map_err(|panic| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, panic.to_string()))??;
            Bytes::new()
        }
    };
    let pieces = Some(pieces).filter(|_| !first.is_empty());
    let rest = stream::unfold(pieces, |pieces| async {
        let mut pieces = pieces?;
        match pieces.recv().await {
            Some(Ok(end)) if end.is_empty() => None,
            Some(Ok(piece)) => Some((Ok(piece), Some(pieces))),
            Some(Err(error)) => Some((Err(error), None)),
            None => Some((Err(io::Error::other("cut off")), None)),
        }
    });
    let body = Body::from_stream(stream::once(async { Ok(first) }).chain(rest));
    Ok(([(header::CONTENT_TYPE, "application/x-tar")], body).into_response())
}

/// Reports progress from a blocking thread; never waits (messages are few and small).
#[derive(Clone)]
pub(super) struct Progress(mpsc::UnboundedSender<JsonMessage>);

impl Progress {
    /// Tells the client. Whether it still listens is not this side's business: the work goes on.
    pub(super) fn send(&self, message: JsonMessage) {
        let _ = self.0.send(message);
    }
}

/// Answers with the progress of `work`, one JSON object after another. The status is the error's when it fails before
/// its first message; later errors are in the stream, as they are with dockerd.
pub(super) async fn with_progress<E>(
    work: impl FnOnce(Progress) -> Result<(), E> + Send + 'static,
) -> Result<Response, ApiError>
where
    ApiError: From<E>,
    E: Send + 'static,
{
    let (sender, mut messages) = mpsc::unbounded_channel();
    let failure_sender = sender.clone();
    let mut done = tokio::task::spawn_blocking(move || {
        let result = work(Progress(sender)).map_err(ApiError::from);
        if let Err(error) = &result {
            let _ = failure_sender.send(JsonMessage::error(error.message.clone()));
        }
        result
    });
    let panicked = |panic: tokio::task::JoinError| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, panic.to_string());
    let first = tokio::select! {
        biased;
        result = &mut done => {
            result.map_err(panicked)??;
            messages.recv().await
        }
        first = messages.recv() => match first {
            Some(message) if message.error_detail.is_some() => {
                done.await.map_err(panicked)??;
                // Some work counts as done when it has told what was wrong.
                Some(message)
            }
            first => first,
        },
    };
    let rest = stream::poll_fn(move |cx| messages.poll_recv(cx));
    Ok(json_lines(stream::iter(first).chain(rest)))
}

/// Objects one after another, each on its line, sent as they come.
pub(super) fn json_lines<T: serde::Serialize + Send + 'static>(
    objects: impl futures_util::Stream<Item = T> + Send + 'static,
) -> Response {
    let lines = objects.map(|object| {
        let mut line = serde_json::to_vec(&object).map_err(io::Error::other)?;
        // Docker's progress streams end lines with CR LF, events and stats with LF: any white space does.
        line.extend_from_slice(b"\r\n");
        Ok::<_, io::Error>(Bytes::from(line))
    });
    ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(lines)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    async fn text(response: Response) -> String {
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    fn failure() -> ApiError {
        ApiError::bad_request("no archive")
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_body_is_read_by_a_blocking_thread() {
        let body = Body::from_stream(stream::iter([Ok::<_, io::Error>("ab"), Ok(""), Ok("c")]));
        let mut reader = BodyReader::new(body);
        let read = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            reader.read_to_string(&mut text).map(|_| text)
        });
        assert_eq!(read.await.unwrap().unwrap(), "abc");
    }

    #[tokio::test]
    async fn early_failures_have_their_status_and_late_ones_are_in_the_stream() {
        let early = with_progress(|_| Err(failure())).await.unwrap_err();
        assert_eq!(early.status, StatusCode::BAD_REQUEST);
        let (gate, opened) = std::sync::mpsc::channel();
        let late = with_progress(move |progress| {
            progress.send(JsonMessage::status("begun"));
            opened.recv().map_err(|_| failure())?;
            Err(failure())
        });
        let late = late.await.unwrap();
        gate.send(()).unwrap();
        assert_eq!(late.status(), StatusCode::OK);
        let expected =
            "{\"status\":\"begun\"}\r\n{\"errorDetail\":{\"message\":\"no archive\"},\"error\":\"no archive\"}\r\n";
        assert_eq!(text(late).await, expected);
    }

    #[tokio::test]
    async fn work_may_tell_of_a_failure_and_be_done() {
        let told = with_progress(|progress| {
            progress.send(JsonMessage::error("no archive"));
            Ok::<_, ApiError>(())
        });
        let expected = "{\"errorDetail\":{\"message\":\"no archive\"},\"error\":\"no archive\"}\r\n";
        assert_eq!(text(told.await.unwrap()).await, expected);
    }

    #[tokio::test]
    async fn archives_are_sent_and_their_failures_are_statuses() {
        let sent = send_archive(|writer| {
            writer.write_all(&vec![b'x'; 3 * PIECE]).map_err(|error| ApiError::bad_request(error.to_string()))
        });
        assert_eq!(text(sent.await.unwrap()).await.len(), 3 * PIECE);
        assert_eq!(send_archive(|_| Err(failure())).await.unwrap_err(), failure());
    }
}
