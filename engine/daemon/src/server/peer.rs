//! Who is at the other end of a connection, as far as it decides what requests may say.

use std::sync::Arc;

/// The kind of connection that a request came on.
#[derive(Debug, Clone)]
pub enum Peer {
    /// A unix socket: file permissions let this client in, no browser can.
    Unix,
    /// The listener of `--metrics-addr`: nothing but figures can be had there, and Prometheus uses any name for us.
    Metrics,
    /// TCP.
    Tcp {
        /// Names besides addresses and `localhost` that a client may use for us in `Host`.
        names: Arc<[String]>,
        /// The client has shown a certificate that our authority signed.
        verified: bool,
    },
}
