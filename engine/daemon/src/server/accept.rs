//! The accept loops and the connections that come out of them.

use super::Dispatch;
use super::half_close::{HalfClose, Peek};
use super::listener::Listener;
use super::peer::Peer;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use nix::sys::socket::{setsockopt, sockopt};
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A TLS handshake that takes longer is an attack or a dead line.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Over TCP: how long a client may take from connecting, or from its last request, to its next request's head. Long
/// enough for clients that keep connections, as dockerd's.
const NEXT_REQUEST: Duration = Duration::from_secs(300);
/// After a failed accept (too many open files): others must close before the next can succeed.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Serves requests on any number of listeners until told to stop.
#[derive(Debug, Clone)]
pub struct Server {
    dispatch: Dispatch,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Server {
    /// A server that answers by `dispatch`.
    pub fn new(dispatch: Dispatch) -> Self {
        Self { dispatch, stop: CancellationToken::new(), tasks: TaskTracker::new() }
    }

    /// Starts to accept on a bound socket; `tls` protects TCP.
    ///
    /// # Errors
    /// When the socket cannot be handed to the runtime.
    pub fn serve(&self, listener: Listener, tls: Option<TlsAcceptor>) -> io::Result<()> {
        let address = listener.address();
        match listener {
            Listener::Unix { socket, file, .. } => {
                socket.set_nonblocking(true)?;
                let socket = UnixListener::from_std(socket)?;
                self.tasks.spawn(self.clone().accept_unix(socket, file));
            }
            Listener::Tcp { socket, names, .. } => {
                socket.set_nonblocking(true)?;
                let socket = TcpListener::from_std(socket)?;
                self.tasks.spawn(self.clone().accept_tcp(socket, names, tls));
            }
        }
        tracing::info!("API listen on {address}");
        Ok(())
    }

    /// Serves [`Peer::Metrics`] on a bound TCP socket.
    ///
    /// # Errors
    /// When the socket cannot be handed to the runtime.
    pub fn serve_metrics(&self, socket: std::net::TcpListener) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        let socket = TcpListener::from_std(socket)?;
        tracing::info!("metrics listen on http://{}/metrics", socket.local_addr()?);
        let server = self.clone();
        self.tasks.spawn(async move {
            while let Some(stream) = server.next(|cx| socket.poll_accept(cx)).await {
                server.tasks.spawn(server.clone().connection(stream, Peer::Metrics));
            }
        });
        Ok(())
    }

    /// Stops accepting, lets running requests finish for at most `grace`, and returns. Streams that have no end of
    /// their own (`logs -f`, events, attach) end with the process.
    pub async fn shutdown(self, grace: Duration) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait()).await.is_err() {
            tracing::debug!(connections = self.tasks.len(), "closing connections that are still in use");
        }
    }

    /// The next connection; `None` when the server stops.
    async fn next<S, A>(&self, mut accept: impl FnMut(&mut Context<'_>) -> Poll<io::Result<(S, A)>>) -> Option<S> {
        loop {
            let accepted = tokio::select! {
                accepted = poll_fn(&mut accept) => accepted,
                () = self.stop.cancelled() => return None,
            };
            match accepted {
                Ok((stream, _)) => return Some(stream),
                // The client went away before we looked.
                Err(e) if e.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }

    async fn accept_unix(self, socket: UnixListener, file: Option<super::listener::SocketFile>) {
        while let Some(stream) = self.next(|cx| socket.poll_accept(cx)).await {
            self.tasks.spawn(self.clone().connection(stream, Peer::Unix));
        }
        // Both closed and removed as soon as nothing new is taken, so that a successor can start at once.
        drop((socket, file));
    }

    async fn accept_tcp(self, socket: TcpListener, names: Arc<[String]>, tls: Option<TlsAcceptor>) {
        while let Some(stream) = self.next(|cx| socket.poll_accept(cx)).await {
            tune(&stream);
            let server = self.clone();
            let (names, tls) = (names.clone(), tls.clone());
            self.tasks.spawn(async move {
                match tls {
                    None => server.connection(stream, Peer::Tcp { names, verified: false }).await,
                    Some(acceptor) => server.handshake(&acceptor, stream, names).await,
                }
            });
        }
    }

    async fn handshake(self, acceptor: &TlsAcceptor, stream: TcpStream, names: Arc<[String]>) {
        let client = stream.peer_addr().map(|address| address.to_string()).unwrap_or_default();
        match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => {
                let verified = stream.get_ref().1.peer_certificates().is_some();
                self.connection(stream, Peer::Tcp { names, verified }).await;
            }
            Ok(Err(error)) => tracing::info!(client, %error, "TLS handshake failed"),
            Err(_) => tracing::info!(client, "TLS handshake took too long"),
        }
    }

    async fn connection<IO>(self, io: IO, peer: Peer)
    where
        IO: AsyncRead + AsyncWrite + Peek + Unpin + Send + 'static,
    {
        let (io, hold) = HalfClose::new(io);
        let mut http = http1::Builder::new();
        // A local client may think as long as it likes.
        let patience = (!matches!(peer, Peer::Unix)).then_some(NEXT_REQUEST);
        // As Go writes them; some scripts look for `Api-Version` as it is.
        http.timer(TokioTimer::new()).header_read_timeout(patience).title_case_headers(true);
        let dispatch = self.dispatch;
        let service = service_fn(move |request| {
            // At once, not in the future: hyper reads again before it polls that.
            hold.hold();
            let (dispatch, peer, hold) = (dispatch.clone(), peer.clone(), hold.clone());
            async move { Ok::<_, Infallible>(dispatch.handle(request, peer, hold).await) }
        });
        let mut connection = pin!(http.serve_connection(TokioIo::new(io), service).with_upgrades());
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            // A client that leaves early is no event.
            tracing::debug!(error = error.to_string(), "connection ended");
        }
    }
}

/// Small frames (a prompt, an echoed key) leave at once, and a client that lost its power is noticed.
fn tune(stream: &TcpStream) {
    let result = stream.set_nodelay(true).and_then(|()| Ok(setsockopt(stream, sockopt::KeepAlive, &true)?));
    if let Err(error) = result {
        tracing::debug!(%error, "cannot tune a connection");
    }
}
