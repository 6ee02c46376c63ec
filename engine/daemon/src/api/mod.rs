//! The Docker Engine API: thin handlers. A request in, one service call, its result or its error out.
//!
//! | module | what it serves |
//! | --- | --- |
//! | [`containers`] | containers, their streams, and execs |
//! | [`images`] | images: list, load, import, save, tag, delete |
//! | [`volumes`], [`networks`] | what containers are given |
//! | [`system`] | ping, version, info, df, events, auth |
//! | [`observe`] | Hull's own: pids, pressure, `/metrics` |
//! | [`absent`] | what Docker has and Hull answers with a clear no |
//!
//! Statuses are decided in [`error`], requests are read by [`request`], connections are taken over by [`hijack`] and [`websocket`] for a
//! [`session`].

mod absent;
mod containers;
mod detach_keys;
pub mod error;
mod hijack;
mod images;
mod networks;
mod observe;
mod request;
mod session;
mod system;
mod transfer;
mod volumes;
mod websocket;

use crate::engine::Engine;
use axum::Router;
use axum::routing::get;
use error::ApiError;
use http::StatusCode;
use std::sync::Arc;

/// What handlers get as their state.
type Shared = Arc<Engine>;

/// All of the API.
pub fn router(engine: Arc<Engine>) -> Router {
    routes().with_state(engine)
}

fn routes() -> Router<Shared> {
    Router::new()
        .merge(system::routes())
        .merge(containers::routes())
        .merge(images::routes())
        .merge(volumes::routes())
        .merge(networks::routes())
        .merge(observe::routes())
        .merge(absent::routes())
}

/// What `--metrics-addr` serves.
pub fn metrics_router(engine: Arc<Engine>) -> Router {
    Router::new().route("/metrics", get(observe::metrics)).with_state(engine)
}

/// Runs file work on a blocking thread.
async fn blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, ApiError>
where
    T: Send + 'static,
    E: Send + 'static,
    ApiError: From<E>,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => Ok(result?),
        Err(panic) => Err(ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the engine failed: {panic}"))),
    }
}

#[cfg(test)]
mod tests {
    /// axum refuses the second handler of a path when the router is made, which is at the start of the daemon.
    #[test]
    fn every_route_has_one_handler() {
        drop(super::routes());
    }
}
