//! A request's body, as handlers read it, or don't.

use super::half_close::EofHold;
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Handle;

/// So much of a body that no handler wants is read and dropped: longer ones are cut off.
const UNWANTED: u64 = 8 << 20;
/// For at most so long.
const PATIENCE: Duration = Duration::from_secs(2);

/// A request's body. It fails when the connection ends within it. One that a handler doesn't read is read all the
/// same: hyper would close the connection, and a client that is still sending then sees a broken pipe instead of its answer.
#[derive(Debug)]
pub(super) struct RequestBody {
    body: Option<Incoming>,
    hold: EofHold,
}

impl RequestBody {
    pub(super) fn new(body: Incoming, hold: EofHold) -> Self {
        Self { body: Some(body), hold }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        // Looked at first: hyper reads the connection only when it has handed on all that it had, so if end-of-file
        // was there before and the body still waits, the rest will never come.
        let cut = self.hold.seen(cx.waker());
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        match Pin::new(body).poll_frame(cx) {
            Poll::Pending if cut => {
                self.body = None;
                Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())))
            }
            Poll::Pending => Poll::Pending,
            Poll::Ready(frame) => Poll::Ready(frame.map(|frame| frame.map_err(Into::into))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let Some(mut body) = self.body.take().filter(|body| !body.is_end_stream()) else { return };
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(tokio::time::timeout(PATIENCE, async move {
            let mut left = UNWANTED;
            while let Some(Ok(frame)) = body.frame().await {
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                match left.checked_sub(length) {
                    Some(rest) => left = rest,
                    None => return,
                }
            }
        }));
    }
}
