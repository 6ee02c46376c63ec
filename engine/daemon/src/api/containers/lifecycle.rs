//! What changes a container.

use crate::api::Shared;
use crate::api::error::ApiError;
use crate::api::request::{Json, Name, OptionalJson, Query};
use crate::containers::{RemoveOptions, StopOptions};
use axum::Extension;
use axum::Json as Answer;
use axum::extract::{Path, State};
use http::StatusCode;
use hull_api::version::ApiVersion;
use hull_api::{ContainersPruneReport, CreateRequest, CreateResponse, Mount, UpdateRequest, UpdateResponse, decode};
use serde_json::Value;

/// The first version that has words for how far read-only reaches into what is mounted below a bind.
const READ_ONLY_REACH: ApiVersion = ApiVersion::new(1, 44);

pub(super) async fn create(
    State(engine): State<Shared>,
    Extension(version): Extension<ApiVersion>,
    query: Query,
    Json(body): Json<Value>,
) -> Result<(StatusCode, Answer<CreateResponse>), ApiError> {
    // dockerd tells a body without any configuration from one with an empty configuration.
    let beside = ["hostconfig", "networkingconfig"];
    let empty = |object: &serde_json::Map<String, Value>| {
        object.iter().all(|(key, value)| value.is_null() || beside.contains(&key.to_ascii_lowercase().as_str()))
    };
    if body.is_null() || body.as_object().is_some_and(empty) {
        return Err(ApiError::bad_request("config cannot be empty in order to create a container"));
    }
    let mut request: CreateRequest =
        decode::from_value(body).map_err(|error| ApiError::bad_request(format!("invalid JSON: {error}")))?;
    if version < READ_ONLY_REACH {
        as_before_reach(&mut request.host_config.mounts)?;
    }
    let response = engine.containers.create_for(query.text("name"), query.get("platform"), request).await?;
    Ok((StatusCode::CREATED, Answer(response)))
}

/// Older clients mean the mount itself, and not what is mounted below it.
fn as_before_reach(mounts: &mut [Mount]) -> Result<(), ApiError> {
    for mount in mounts.iter_mut().filter(|mount| mount.kind == "bind") {
        if mount.bind_options.as_ref().is_some_and(|options| options.read_only_force_recursive) {
            return Err(ApiError::bad_request("BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer"));
        }
        if mount.read_only {
            mount.bind_options.get_or_insert_default().read_only_non_recursive = true;
        }
    }
    Ok(())
}

pub(super) async fn start(
    State(engine): State<Shared>,
    Name(id): Name,
    OptionalJson(body): OptionalJson<Value>,
) -> Result<StatusCode, ApiError> {
    // Clients send nothing, `null` or `{}`. What once was a HostConfig would be ignored silently.
    if body.is_some_and(|body| !body.is_null() && body.as_object().is_none_or(|object| !object.is_empty())) {
        return Err(ApiError::bad_request(
            "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24",
        ));
    }
    engine.containers.start(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn stop_options(query: &Query) -> Result<StopOptions, ApiError> {
    Ok(StopOptions { signal: query.text("signal"), timeout: query.number("t")? })
}

pub(super) async fn stop(State(engine): State<Shared>, Name(id): Name, query: Query) -> Result<StatusCode, ApiError> {
    engine.containers.stop(&id, stop_options(&query)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn restart(
    State(engine): State<Shared>,
    Name(id): Name,
    query: Query,
) -> Result<StatusCode, ApiError> {
    engine.containers.restart(&id, stop_options(&query)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn kill(State(engine): State<Shared>, Name(id): Name, query: Query) -> Result<StatusCode, ApiError> {
    engine.containers.kill(&id, query.get("signal")).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn pause(State(engine): State<Shared>, Name(id): Name) -> Result<StatusCode, ApiError> {
    engine.containers.pause(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn unpause(State(engine): State<Shared>, Name(id): Name) -> Result<StatusCode, ApiError> {
    engine.containers.unpause(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn rename(State(engine): State<Shared>, Name(id): Name, query: Query) -> Result<StatusCode, ApiError> {
    engine.containers.rename(&id, query.get("name").unwrap_or_default()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `h` and `w` of a resize.
pub(super) fn size(query: &Query) -> Result<(u16, u16), ApiError> {
    let side = |name: &str| {
        let text = query.get(name).unwrap_or_default();
        text.parse().map_err(|_| ApiError::bad_request(format!("invalid resize {name}: {text:?}: invalid syntax")))
    };
    Ok((side("h")?, side("w")?))
}

pub(super) async fn resize(State(engine): State<Shared>, Name(id): Name, query: Query) -> Result<StatusCode, ApiError> {
    let (height, width) = size(&query)?;
    engine.containers.resize(&id, height, width).await?;
    Ok(StatusCode::OK)
}

pub(super) async fn update(
    State(engine): State<Shared>,
    Name(id): Name,
    Json(request): Json<UpdateRequest>,
) -> Result<Answer<UpdateResponse>, ApiError> {
    Ok(Answer(engine.containers.update(&id, request).await?))
}

pub(super) async fn remove(State(engine): State<Shared>, Name(id): Name, query: Query) -> Result<StatusCode, ApiError> {
    let options = RemoveOptions { force: query.flag("force"), volumes: query.flag("v"), link: query.flag("link") };
    engine.containers.remove(&id, options).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /containers/{id}/{alias}?link=1`: a link's name is a path below its container's.
pub(super) async fn unlink(
    State(engine): State<Shared>,
    Path((id, alias)): Path<(String, String)>,
    query: Query,
) -> Result<StatusCode, ApiError> {
    if !query.flag("link") {
        return Err(ApiError::new(StatusCode::NOT_FOUND, "page not found"));
    }
    engine.containers.unlink(&id, &alias).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn prune(
    State(engine): State<Shared>,
    query: Query,
) -> Result<Answer<ContainersPruneReport>, ApiError> {
    Ok(Answer(engine.containers.prune(&query.filters()?).await?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hull_api::BindOptions;

    #[test]
    fn an_older_client_means_the_mount_itself() {
        let mount = |kind: &str, read_only| Mount { kind: kind.to_owned(), read_only, ..Mount::default() };
        let mut mounts = [mount("bind", true), mount("bind", false), mount("volume", true)];
        as_before_reach(&mut mounts).unwrap();
        assert!(mounts[0].bind_options.as_ref().unwrap().read_only_non_recursive);
        assert!(mounts[1].bind_options.is_none() && mounts[2].bind_options.is_none());
        let force = BindOptions { read_only_force_recursive: true, ..BindOptions::default() };
        let error = as_before_reach(&mut [Mount { bind_options: Some(force), ..mount("bind", true) }]).unwrap_err();
        assert_eq!(error.status, StatusCode::BAD_REQUEST);
    }
}
