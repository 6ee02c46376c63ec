//! `/volumes`.

use super::error::ApiError;
use super::request::{Json, Name, Query};
use super::{Shared, blocking};
use crate::volumes::NewVolume;
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json as Answer, Router};
use http::StatusCode;
use hull_api::{VolumeCreateRequest, VolumeList, VolumesPruneReport};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/volumes", get(list))
        .route("/volumes/create", post(create))
        .route("/volumes/prune", post(prune))
        .route("/volumes/{name}", get(inspect).delete(remove))
}

async fn list(State(engine): State<Shared>, query: Query) -> Result<Answer<VolumeList>, ApiError> {
    let volumes = engine.volumes.list(&query.filters()?)?.into_iter().map(|volume| volume.view()).collect();
    Ok(Answer(VolumeList { volumes, warnings: Vec::new() }))
}

async fn create(
    State(engine): State<Shared>,
    Json(request): Json<VolumeCreateRequest>,
) -> Result<(StatusCode, Answer<hull_api::Volume>), ApiError> {
    let new =
        NewVolume { name: request.name, driver: request.driver, labels: request.labels, options: request.driver_opts };
    let volume = blocking(move || engine.volumes.create(new)).await?;
    Ok((StatusCode::CREATED, Answer(volume.view())))
}

async fn inspect(State(engine): State<Shared>, Name(name): Name) -> Result<Answer<hull_api::Volume>, ApiError> {
    Ok(Answer(engine.volumes.inspect(&name)?.view()))
}

async fn remove(State(engine): State<Shared>, Name(name): Name, query: Query) -> Result<StatusCode, ApiError> {
    let force = query.flag("force");
    match blocking(move || engine.volumes.remove(&name)).await {
        // With force, what is gone already is what was wanted.
        Err(error) if force && error.status == StatusCode::NOT_FOUND => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(error),
        Ok(()) => Ok(StatusCode::NO_CONTENT),
    }
}

async fn prune(State(engine): State<Shared>, query: Query) -> Result<Answer<VolumesPruneReport>, ApiError> {
    let filters = query.filters()?;
    let pruned = blocking(move || engine.volumes.prune(&filters)).await?;
    Ok(Answer(VolumesPruneReport { volumes_deleted: pruned.names, space_reclaimed: pruned.reclaimed }))
}
