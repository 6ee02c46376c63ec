//! `/system/df`: what takes how much disk.

use crate::api::error::ApiError;
use crate::api::request::Query;
use crate::api::{Shared, blocking};
use crate::containers::ListOptions;
use axum::Json as Answer;
use axum::extract::State;
use hull_api::{SystemDf, VolumeUsage};
use std::collections::BTreeMap;

pub(super) async fn df(State(engine): State<Shared>, query: Query) -> Result<Answer<SystemDf>, ApiError> {
    let types = query.all("type");
    let wanted = |kind: &str| types.is_empty() || types.iter().any(|t| t == kind);
    if let Some(unknown) = types.iter().find(|t| !["container", "image", "volume", "build-cache"].contains(&t.as_str()))
    {
        return Err(ApiError::bad_request(format!("unknown object type: {unknown}")));
    }
    let mut usage = SystemDf::default();
    if wanted("container") {
        let options = ListOptions { all: true, size: true, ..ListOptions::default() };
        usage.containers = engine.containers.list(options).await?;
    }
    if wanted("image") {
        let in_use = engine.image_uses();
        let images = engine.images.clone();
        (usage.layers_size, usage.images) = blocking(move || Ok::<_, ApiError>(images.disk_usage(&in_use))).await?;
    }
    if wanted("volume") {
        usage.volumes = blocking(move || volumes_with_sizes(&engine)).await?;
    }
    Ok(Answer(usage))
}

fn volumes_with_sizes(engine: &Shared) -> Result<Vec<hull_api::Volume>, ApiError> {
    let mut list = Vec::new();
    for volume in engine.volumes.list(&BTreeMap::new())? {
        let users = engine.volumes.users(&volume.name).len();
        // Removed since the list was made, or unreadable: -1 is Docker's "unknown".
        let size = engine.volumes.size(&volume.name).map_or(-1, |size| i64::try_from(size).unwrap_or(i64::MAX));
        let mut view = volume.view();
        view.usage_data = Some(VolumeUsage { ref_count: i64::try_from(users).unwrap_or(i64::MAX), size });
        list.push(view);
    }
    Ok(list)
}
