//! More processes in a running container.

use super::lifecycle::size;
use super::streams::{detach_keys, session};
use crate::api::Shared;
use crate::api::error::ApiError;
use crate::api::hijack::{AtEof, Hijack};
use crate::api::request::{Json, Name, OptionalJson, Query};
use axum::Json as Answer;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use hull_api::{ExecCreate, ExecInspect, ExecStart, IdResponse};

pub(super) async fn create(
    State(engine): State<Shared>,
    Name(id): Name,
    Json(request): Json<ExecCreate>,
) -> Result<(StatusCode, Answer<IdResponse>), ApiError> {
    if request.cmd.as_ref().is_none_or(Vec::is_empty) {
        return Err(ApiError::bad_request("No exec command specified"));
    }
    detach_keys(Some(request.detach_keys.as_str()).filter(|keys| !keys.is_empty()))?;
    let id = engine.containers.exec_create(&id, request).await?;
    Ok((StatusCode::CREATED, Answer(IdResponse { id })))
}

pub(super) async fn start(
    State(engine): State<Shared>,
    Name(id): Name,
    hijack: Hijack,
    OptionalJson(request): OptionalJson<ExecStart>,
) -> Result<Response, ApiError> {
    let request = request.unwrap_or_default();
    let keys = engine.containers.exec_inspect(&id).await?.detach_keys;
    let keys = detach_keys(Some(keys.as_str()).filter(|keys| !keys.is_empty()))?;
    match engine.containers.exec_start(&id, &request).await? {
        None => Ok(StatusCode::OK.into_response()),
        Some(attachment) => {
            let at_eof = if attachment.tty { AtEof::Detach } else { AtEof::CloseInput };
            Ok(hijack.connect(session(attachment, at_eof, keys), None))
        }
    }
}

pub(super) async fn resize(State(engine): State<Shared>, Name(id): Name, query: Query) -> Result<StatusCode, ApiError> {
    let (height, width) = size(&query)?;
    engine.containers.exec_resize(&id, height, width).await?;
    Ok(StatusCode::OK)
}

pub(super) async fn inspect(State(engine): State<Shared>, Name(id): Name) -> Result<Answer<ExecInspect>, ApiError> {
    Ok(Answer(engine.containers.exec_inspect(&id).await?))
}
