//! Hull's own: what eBPF and the kernel say about containers.

use super::Shared;
use super::error::ApiError;
use super::request::Name;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json as Answer, Router};
use http::header;
use hull_api::{PidsResponse, Pressure};

/// The type of Prometheus' text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/containers/{id}/pids", get(pids))
        .route("/containers/{id}/pressure", get(pressure))
        .route("/metrics", get(metrics))
}

async fn pids(State(engine): State<Shared>, Name(id): Name) -> Result<Answer<PidsResponse>, ApiError> {
    Ok(Answer(engine.pids(&id).await?))
}

async fn pressure(State(engine): State<Shared>, Name(id): Name) -> Result<Answer<Pressure>, ApiError> {
    Ok(Answer(engine.pressure(&id).await?))
}

pub(super) async fn metrics(State(engine): State<Shared>) -> Result<impl IntoResponse, ApiError> {
    let observability = engine.observability.clone();
    // Reads every container's cgroup files.
    let text = super::blocking(move || Ok::<_, ApiError>(observability.render())).await?;
    Ok(([(header::CONTENT_TYPE, TEXT)], text))
}
