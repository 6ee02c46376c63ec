//! A connection that hides the client's half-close from hyper while a handler works.
//!
//! hyper has two ways to meet end-of-file in the middle of a request. By default it takes it for a disconnect and drops
//! everything: then `printf 'GET ...' | nc -N` gets no answer, and a `docker run -i` whose stdin ends at once loses its
//! connection before the upgrade. With `half_close(true)` it stops looking: then a `logs -f` whose client was killed
//! lives until the next write. Docker's clients need both: so end-of-file is held back until the answer's head is out
//! (or the connection was taken over), and counts from then on. A body that end-of-file cuts off must not wait for that:
//! [`super::body::RequestBody`] fails it.

use futures_util::task::AtomicWaker;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Whether end-of-file is held back on one connection.
#[derive(Debug, Clone, Default)]
pub struct EofHold(Arc<Hold>);

#[derive(Debug, Default)]
struct Hold {
    held: AtomicBool,
    reader: AtomicWaker,
    /// End-of-file has come while it was held.
    seen: AtomicBool,
    body: AtomicWaker,
}

impl EofHold {
    /// From now on reads at end-of-file wait.
    pub fn hold(&self) {
        self.0.seen.store(false, Ordering::Release);
        self.0.held.store(true, Ordering::Release);
    }

    /// Whether end-of-file has come and is held. `waker` is woken when it comes.
    pub(super) fn seen(&self, waker: &Waker) -> bool {
        self.0.body.register(waker);
        self.0.seen.load(Ordering::Acquire)
    }

    /// End-of-file counts again.
    pub fn release(&self) {
        self.0.held.store(false, Ordering::Release);
        self.0.reader.wake();
    }
}

/// The connection and its [`EofHold`].
#[derive(Debug)]
pub(super) struct HalfClose<IO> {
    io: IO,
    hold: EofHold,
}

impl<IO> HalfClose<IO> {
    /// Wraps a connection.
    pub(super) fn new(io: IO) -> (Self, EofHold) {
        let hold = EofHold::default();
        (Self { io, hold: hold.clone() }, hold)
    }
}

impl<IO: AsFd> AsFd for HalfClose<IO> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.as_fd()
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for HalfClose<IO> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let room = buffer.remaining();
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer))?;
        if buffer.filled().len() == before && room > 0 {
            // The waker goes in before the flag is looked at again: a release in between would be missed.
            self.hold.0.reader.register(cx.waker());
            if self.hold.0.held.load(Ordering::Acquire) {
                self.hold.0.seen.store(true, Ordering::Release);
                self.hold.0.body.wake();
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for HalfClose<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn end_of_file_waits_for_the_release() {
        let (client, server) = tokio::io::duplex(16);
        let (mut server, hold) = HalfClose::new(server);
        hold.hold();
        drop(client);
        let mut buffer = [0; 4];
        let mut read = Box::pin(server.read(&mut buffer));
        assert!((&mut read).now_or_never().is_none());
        hold.release();
        assert_eq!(read.await.unwrap(), 0);
    }
}
