//! Sockets, TLS and HTTP: everything between a client's bytes and a request for [`crate::api`].
//!
//! ```text
//!  --host ─> listener (bind, mode, owner) ─> accept loop ─> [tls] ─> half_close ─> hyper ─> dispatch
//!                                                                                            │ guard: Host, Origin
//!                                                                                            │ version: /v1.NN
//!                                                                                            │ the router, in a task of its own
//!                                                                                            └ headers, panic -> 500, metrics
//! ```
//! The accept loop is our own, not `axum::serve`'s, because attach and exec take the connection over and let the client
//! close its sending half first, and because TLS and socket activation share it.
//!
//! A handler runs in a task of its own: a client that goes away in the middle of a `create` does not leave half a
//! container, and a panic ends one request. Streaming bodies are dropped when their client goes.

mod accept;
pub mod activation;
mod body;
pub mod dispatch;
mod guard;
mod half_close;
pub mod listener;
mod metrics;
pub mod notify;
pub mod peer;
mod take_over;
#[cfg(test)]
mod tests;
pub mod tls;
#[cfg(test)]
mod tls_tests;
pub mod version;

pub use accept::Server;
pub use dispatch::Dispatch;
pub use half_close::EofHold;
pub use listener::{BindError, Listener};
pub use take_over::{Connection, Gone, take_over};
