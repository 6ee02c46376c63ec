//! More processes in a running container.

use super::lifecycle::size;
use crate::api::Shared;
use crate::api::detach_keys::DetachKeys;
use crate::api::error::ApiError;
use crate::api::hijack::Hijack;
use crate::api::request::{Json, Name, OptionalJson, Query};
use crate::api::session::{AtEof, Session};
use axum::Json as Answer;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use hull_api::version::ApiVersion;
use hull_api::{ExecCreate, ExecInspect, ExecStart, IdResponse};

/// From here on clients may say how large the terminal is.
const CONSOLE_SIZE: ApiVersion = ApiVersion::new(1, 42);

pub(super) async fn create(
    State(engine): State<Shared>,
    Name(id): Name,
    Extension(version): Extension<ApiVersion>,
    Json(mut request): Json<ExecCreate>,
) -> Result<(StatusCode, Answer<IdResponse>), ApiError> {
    if request.cmd.as_ref().is_none_or(Vec::is_empty) {
        return Err(ApiError::bad_request("No exec command specified"));
    }
    request.console_size = request.console_size.filter(|_| version >= CONSOLE_SIZE);
    // Whether there is such a container comes first, in Docker's order.
    engine.containers.get(&id)?;
    detach_keys(&request.detach_keys)?;
    let id = engine.containers.exec_create(&id, request).await?;
    Ok((StatusCode::CREATED, Answer(IdResponse { id })))
}

fn detach_keys(text: &str) -> Result<DetachKeys, ApiError> {
    DetachKeys::parse(text).ok_or_else(|| ApiError::bad_request(format!("Invalid escape keys ({text}) provided")))
}

pub(super) async fn start(
    State(engine): State<Shared>,
    Name(id): Name,
    Extension(version): Extension<ApiVersion>,
    hijack: Hijack,
    OptionalJson(request): OptionalJson<ExecStart>,
) -> Result<Response, ApiError> {
    let mut request = request.unwrap_or_default();
    request.console_size = request.console_size.filter(|_| version >= CONSOLE_SIZE && request.tty);
    let keys = detach_keys(&engine.containers.exec_inspect(&id).await?.detach_keys)?;
    let Some(attachment) = engine.containers.exec_start(&id, &request).await? else {
        return Ok(StatusCode::OK.into_response());
    };
    let tty = attachment.tty;
    let session = Session {
        // What the client says here decides, whatever the process has: Docker's clients repeat what they said at create.
        raw: request.tty,
        output: attachment.chunks,
        input: attachment.stdin,
        at_eof: if tty { AtEof::Detach } else { AtEof::CloseInput },
        detach_keys: tty.then_some(keys),
    };
    Ok(hijack.connect(session, None))
}

pub(super) async fn resize(State(engine): State<Shared>, Name(id): Name, query: Query) -> Result<StatusCode, ApiError> {
    let (height, width) = size(&query)?;
    engine.containers.exec_resize(&id, height, width).await?;
    Ok(StatusCode::OK)
}

pub(super) async fn inspect(State(engine): State<Shared>, Name(id): Name) -> Result<Answer<ExecInspect>, ApiError> {
    let mut view = engine.containers.exec_inspect(&id).await?;
    if !view.detach_keys.is_empty() {
        // Docker tells their bytes.
        view.detach_keys = STANDARD.encode(detach_keys(&view.detach_keys)?.bytes());
    }
    Ok(Answer(view))
}
