//! Files of containers: archive, changes, export, commit.

use crate::api::Shared;
use crate::api::error::ApiError;
use crate::api::request::{Name, OptionalJson, Query};
use crate::api::transfer::{BodyReader, send_archive_until};
use crate::containers::files::ExtractOptions;
use crate::engine::CommitRequest;
use axum::Json as Answer;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, StatusCode, header};
use hull_api::{ChangeItem, ContainerConfig, IdResponse, PathStat};

const STAT: HeaderName = HeaderName::from_static("x-docker-container-path-stat");

fn path(query: &Query) -> Result<String, ApiError> {
    query.text("path").ok_or_else(|| ApiError::bad_request("bad parameter: path cannot be empty"))
}

fn stat_header(stat: &PathStat) -> Result<[(HeaderName, String); 1], ApiError> {
    let json = serde_json::to_vec(stat);
    let json = json.map_err(|error| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok([(STAT, STANDARD.encode(json))])
}

pub(super) async fn stat(State(engine): State<Shared>, Name(id): Name, query: Query) -> Result<Response, ApiError> {
    let stat = engine.containers.stat_path(&id, &path(&query)?).await?;
    Ok(stat_header(&stat)?.into_response())
}

pub(super) async fn read(State(engine): State<Shared>, Name(id): Name, query: Query) -> Result<Response, ApiError> {
    let (stat, outgoing) = engine.containers.archive(&id, &path(&query)?).await?;
    let revoked = outgoing.revoked();
    let archive = send_archive_until(Some(revoked), move |writer| outgoing.write(writer)).await?;
    Ok((stat_header(&stat)?, archive).into_response())
}

pub(super) async fn write(
    State(engine): State<Shared>,
    Name(id): Name,
    query: Query,
    request: Request,
) -> Result<StatusCode, ApiError> {
    let options = ExtractOptions {
        copy_uid_gid: query.flag("copyUIDGID"),
        no_overwrite_dir_non_dir: query.flag("noOverwriteDirNonDir"),
    };
    let body = BodyReader::new(request.into_body());
    engine.containers.extract(&id, &path(&query)?, options, move |revoked| body.until(revoked)).await?;
    Ok(StatusCode::OK)
}

pub(super) async fn changes(
    State(engine): State<Shared>,
    Name(id): Name,
) -> Result<Answer<Option<Vec<ChangeItem>>>, ApiError> {
    Ok(Answer(engine.containers.changes(&id).await?))
}

pub(super) async fn export(State(engine): State<Shared>, Name(id): Name) -> Result<Response, ApiError> {
    let outgoing = engine.containers.export(&id).await?;
    let revoked = outgoing.revoked();
    let mut archive = send_archive_until(Some(revoked), move |writer| outgoing.write(writer)).await?;
    let octets = http::HeaderValue::from_static("application/octet-stream");
    archive.headers_mut().insert(header::CONTENT_TYPE, octets);
    Ok(archive)
}

pub(super) async fn commit(
    State(engine): State<Shared>,
    query: Query,
    OptionalJson(config): OptionalJson<Option<ContainerConfig>>,
) -> Result<(StatusCode, Answer<IdResponse>), ApiError> {
    let request = CommitRequest {
        container: query.text("container").unwrap_or_default(),
        repository: query.text("repo"),
        tag: query.text("tag"),
        comment: query.text("comment").unwrap_or_default(),
        author: query.text("author").unwrap_or_default(),
        pause: query.flag_or("pause", true),
        changes: query.all("changes"),
        config: config.flatten().unwrap_or_default(),
    };
    let id = engine.commit(request).await?;
    Ok((StatusCode::CREATED, Answer(IdResponse { id: id.to_string() })))
}
