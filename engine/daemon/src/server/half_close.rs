//! A connection that hides the client's half-close from hyper while a handler works.
//!
//! hyper has two ways to meet end-of-file in the middle of a request. By default it takes it for a disconnect and drops
//! everything: then `printf 'GET ...' | nc -N` gets no answer, and a `docker run -i` whose stdin ends at once loses its
//! connection before the upgrade. With `half_close(true)` it stops looking: then a `logs -f` whose client was killed
//! lives until the next write. Docker's clients need both: so end-of-file is held back until the answer's head is out
//! (or the connection was taken over), and counts from then on. A body that end-of-file cuts off must not wait for that:
//! [`super::body::RequestBody`] fails it.
//!
//! The same wrapper keeps a taken-over connection silent until the client has read the answer's head. docker-py reads the
//! head through a buffer and everything after it from the socket below: output that is in the same `recv` is lost in
//! between. dockerd takes too long to be caught by that, Hull does not.

use futures_util::task::AtomicWaker;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, Sleep};
use tokio_rustls::server::TlsStream;

/// Between two looks at whether the head was read: no event tells of that. Mostly one look is enough, since starting a
/// process takes longer than waking a client.
const LOOK_AGAIN: Duration = Duration::from_millis(1);
/// Nobody has to read. After this the output comes whatever the client does.
const PATIENCE: Duration = Duration::from_secs(1);
/// What a client that loses output gets over TCP, where nobody can tell whether it has read: about what dockerd takes.
const HEAD_START: Duration = Duration::from_millis(20);

/// What a connection knows of its peer.
pub(super) trait Peek {
    /// Whether the peer has yet to read something. `None` where nobody can tell: TCP knows of the peer's kernel only.
    fn unread(&self) -> Option<bool> {
        None
    }
}

impl Peek for UnixStream {
    fn unread(&self) -> Option<bool> {
        hull_runtime::sockets::has_unread(self).ok()
    }
}

impl Peek for TcpStream {}
impl Peek for TlsStream<TcpStream> {}

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
    /// The next write waits until the peer has read what was written before.
    silent: AtomicBool,
    /// The client is one that loses what comes together with the head.
    hasty: AtomicBool,
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

    /// The connection was taken over: its head is to be read before anything follows. `hasty`: by a client that loses
    /// what comes together with the head.
    pub fn taken_over(&self, hasty: bool) {
        self.0.hasty.store(hasty, Ordering::Release);
        self.0.silent.store(true, Ordering::Release);
        self.release();
    }
}

/// The connection and its [`EofHold`].
#[derive(Debug)]
pub(super) struct HalfClose<IO> {
    io: IO,
    hold: EofHold,
    /// While a write waits for the head to be read: since when, and the next look.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<IO> HalfClose<IO> {
    /// Wraps a connection.
    pub(super) fn new(io: IO) -> (Self, EofHold) {
        let hold = EofHold::default();
        (Self { io, hold: hold.clone(), waiting: None }, hold)
    }
}

impl<IO: Peek> HalfClose<IO> {
    /// Ready when a write may go out.
    fn poll_audible(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.hold.0.silent.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        loop {
            let patience = match self.io.unread() {
                Some(true) => PATIENCE,
                None if self.hold.0.hasty.load(Ordering::Acquire) => HEAD_START,
                Some(false) | None => break,
            };
            let now = Instant::now();
            let (since, look) = self.waiting.get_or_insert_with(|| (now, Box::pin(tokio::time::sleep(LOOK_AGAIN))));
            if now >= *since + patience {
                break;
            }
            ready!(look.as_mut().poll(cx));
            look.as_mut().reset(now + LOOK_AGAIN);
        }
        self.waiting = None;
        self.hold.0.silent.store(false, Ordering::Release);
        Poll::Ready(())
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

impl<IO: AsyncWrite + Peek + Unpin> AsyncWrite for HalfClose<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_audible(cx));
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_audible(cx));
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
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    impl Peek for tokio::io::DuplexStream {}

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

    #[tokio::test]
    async fn output_waits_until_the_head_was_read() {
        let (mut client, server) = UnixStream::pair().unwrap();
        let (mut server, hold) = HalfClose::new(server);
        server.write_all(b"head").await.unwrap();
        hold.taken_over(false);
        let mut write = Box::pin(server.write_all(b"output"));
        assert!((&mut write).now_or_never().is_none(), "nobody has read the head");
        let mut buffer = [0; 16];
        assert_eq!(client.read(&mut buffer).await.unwrap(), 4, "the head comes alone");
        write.await.unwrap();
        assert_eq!(client.read(&mut buffer).await.unwrap(), 6);
    }

    #[tokio::test]
    async fn a_client_that_never_reads_does_not_stop_the_output() {
        let (_client, server) = UnixStream::pair().unwrap();
        let (mut server, hold) = HalfClose::new(server);
        server.write_all(b"head").await.unwrap();
        hold.taken_over(false);
        let begun = Instant::now();
        server.write_all(b"output").await.unwrap();
        assert!(begun.elapsed() >= PATIENCE);
    }

    #[tokio::test]
    async fn over_tcp_only_a_hasty_client_is_given_time() {
        for (hasty, least) in [(false, Duration::ZERO), (true, HEAD_START)] {
            let (client, server) = tokio::io::duplex(16);
            let (mut server, hold) = HalfClose::new(server);
            hold.taken_over(hasty);
            let begun = Instant::now();
            let mut write = Box::pin(server.write_all(b"output"));
            assert_eq!((&mut write).now_or_never().is_some(), !hasty);
            drop(write);
            server.write_all(b"more").await.unwrap();
            assert!(begun.elapsed() >= least);
            drop(client);
        }
    }
}
