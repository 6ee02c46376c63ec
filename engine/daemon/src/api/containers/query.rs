//! What tells about containers without changing them.

use crate::api::Shared;
use crate::api::error::ApiError;
use crate::api::request::{Name, Query};
use crate::containers::ListOptions;
use axum::Json as Answer;
use axum::extract::State;
use hull_api::{ContainerInspect, ContainerSummary, TopResponse};

pub(super) async fn list(
    State(engine): State<Shared>,
    query: Query,
) -> Result<Answer<Vec<ContainerSummary>>, ApiError> {
    // The CLI sends -1 for "no limit"; 0 means the same.
    let limit = query.number::<i64>("limit")?.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);
    let options = ListOptions {
        all: query.flag("all"),
        limit,
        size: query.flag("size"),
        filters: query.filters()?,
        before: query.text("before"),
        since: query.text("since"),
    };
    Ok(Answer(engine.containers.list(options).await?))
}

pub(super) async fn inspect(
    State(engine): State<Shared>,
    Name(id): Name,
    query: Query,
) -> Result<Answer<ContainerInspect>, ApiError> {
    Ok(Answer(engine.containers.inspect(&id, query.flag("size")).await?))
}

pub(super) async fn top(
    State(engine): State<Shared>,
    Name(id): Name,
    query: Query,
) -> Result<Answer<TopResponse>, ApiError> {
    Ok(Answer(engine.top(&id, query.get("ps_args")).await?))
}
