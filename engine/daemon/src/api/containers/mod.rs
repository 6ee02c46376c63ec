//! `/containers` and `/exec`.

mod exec;
mod files;
mod lifecycle;
mod query;
mod streams;

use super::Shared;
use axum::Router;
use axum::routing::{delete, get, post};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/containers/json", get(query::list))
        .route("/containers/create", post(lifecycle::create))
        .route("/containers/prune", post(lifecycle::prune))
        .route("/containers/{id}", delete(lifecycle::remove))
        .route("/containers/{id}/{alias}", delete(lifecycle::unlink))
        .route("/containers/{id}/json", get(query::inspect))
        .route("/containers/{id}/top", get(query::top))
        .route("/containers/{id}/stats", get(streams::stats))
        .route("/containers/{id}/logs", get(streams::logs))
        .route("/containers/{id}/attach", post(streams::attach))
        .route("/containers/{id}/attach/ws", get(streams::attach_websocket))
        .route("/containers/{id}/wait", post(streams::wait))
        .route("/containers/{id}/start", post(lifecycle::start))
        .route("/containers/{id}/stop", post(lifecycle::stop))
        .route("/containers/{id}/restart", post(lifecycle::restart))
        .route("/containers/{id}/kill", post(lifecycle::kill))
        .route("/containers/{id}/pause", post(lifecycle::pause))
        .route("/containers/{id}/unpause", post(lifecycle::unpause))
        .route("/containers/{id}/rename", post(lifecycle::rename))
        .route("/containers/{id}/resize", post(lifecycle::resize))
        .route("/containers/{id}/update", post(lifecycle::update))
        .route("/containers/{id}/exec", post(exec::create))
        .route("/containers/{id}/archive", get(files::read).head(files::stat).put(files::write))
        .route("/containers/{id}/changes", get(files::changes))
        .route("/containers/{id}/export", get(files::export))
        .route("/commit", post(files::commit))
        .route("/exec/{id}/start", post(exec::start))
        .route("/exec/{id}/resize", post(exec::resize))
        .route("/exec/{id}/json", get(exec::inspect))
}
