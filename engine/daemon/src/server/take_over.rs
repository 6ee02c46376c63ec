//! A connection after HTTP: what a handler that answered `101` gets to work with.
//!
//! On a unix socket it can be told whether a client that sends no more still listens: the kernel reports a hang-up only when both directions
//! are closed. So an attached client that was killed is noticed at once, not at the next output, which may never come.

use super::half_close::HalfClose;
use bytes::{Buf, Bytes};
use hyper::upgrade::{Parts, Upgraded};
use hyper_util::rt::TokioIo;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::UnixStream;

trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

/// A connection that has been taken over.
pub struct Connection {
    /// What had been read of it before.
    early: Bytes,
    socket: Box<dyn Socket>,
}

/// Knows when the client at the other end of a unix socket has closed it.
#[derive(Debug)]
pub struct Gone(OwnedFd);

/// Takes a connection over, with a way to notice its end if there is one.
pub fn take_over(upgraded: Upgraded) -> (Connection, Option<Gone>) {
    match upgraded.downcast::<TokioIo<HalfClose<UnixStream>>>() {
        Ok(Parts { io, read_buf, .. }) => {
            let socket = io.into_inner();
            let gone = rustix::io::fcntl_dupfd_cloexec(socket.as_fd(), 3).ok().map(Gone);
            (Connection { early: read_buf, socket: Box::new(socket) }, gone)
        }
        Err(other) => (Connection { early: Bytes::new(), socket: Box::new(TokioIo::new(other)) }, None),
    }
}

impl Connection {
    /// Over a socket that was never HTTP.
    #[cfg(test)]
    pub(crate) fn of(socket: UnixStream) -> Self {
        Self { early: Bytes::new(), socket: Box::new(socket) }
    }
}

impl Gone {
    /// Resolves when the client has closed both directions.
    pub async fn wait(&mut self) {
        if let Err(error) = self.hung_up().await {
            tracing::debug!(%error, "a client's end cannot be watched");
            std::future::pending().await
        }
    }

    async fn hung_up(&self) -> io::Result<()> {
        // A descriptor of its own: whoever writes to the connection has another readiness than this.
        #[expect(deprecated, reason = "its replacement is unsafe; this keeps its one descriptor open for all its life")]
        let fd = AsyncFd::with_interest(self.0.as_fd(), Interest::WRITABLE)?;
        loop {
            let mut ready = fd.ready(Interest::WRITABLE).await?;
            if ready.ready().is_write_closed() {
                return Ok(());
            }
            ready.clear_ready();
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.early.has_remaining() {
            let length = self.early.len().min(buffer.remaining());
            buffer.put_slice(&self.early.split_to(length));
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn a_half_closed_client_is_there_and_a_closed_one_is_not() {
        let (mut client, server) = UnixStream::pair().unwrap();
        let mut gone = Gone(rustix::io::fcntl_dupfd_cloexec(&server, 3).unwrap());
        client.shutdown().await.unwrap();
        let mut server = server;
        assert_eq!(server.read(&mut [0; 4]).await.unwrap(), 0);
        let mut wait = Box::pin(gone.wait());
        // Bytes that it takes are no news either.
        for _ in 0..10 {
            server.write_all(b"output").await.unwrap();
            let mut buffer = [0; 6];
            client.read_exact(&mut buffer).await.unwrap();
            assert!((&mut wait).now_or_never().is_none());
            tokio::task::yield_now().await;
        }
        drop(client);
        tokio::time::timeout(std::time::Duration::from_secs(10), wait).await.expect("noticed");
    }
}
