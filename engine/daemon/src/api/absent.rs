//! What Docker has and Hull answers with a clear no.

use super::Shared;
use super::error::ApiError;
use axum::routing::{any, get, post};
use axum::{Json, Router};
use http::{Method, StatusCode, Uri};
use hull_api::BuildCachePruneReport;
use serde_json::Value;

const NO_SWARM: &str = "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this \
                        node to swarm and try again.";

pub(super) fn routes() -> Router<Shared> {
    let mut router = Router::new().route("/plugins", get(no_plugins));
    for kind in ["/swarm", "/nodes", "/services", "/tasks", "/secrets", "/configs"] {
        router = router.route(kind, any(no_swarm)).route(&format!("{kind}/{{*rest}}"), any(no_swarm));
    }
    for path in ["/build", "/commit", "/networks/create"] {
        router = router.route(path, post(not_yet));
    }
    router
        .route("/build/prune", post(nothing_built))
        .route("/networks/{id}/connect", post(not_yet))
        .route("/networks/{id}/disconnect", post(not_yet))
        .route("/containers/{id}/archive", any(not_yet))
        .route("/containers/{id}/changes", get(not_yet))
        .route("/containers/{id}/export", get(not_yet))
        .route("/containers/{id}/attach/ws", get(not_yet))
}

async fn no_swarm() -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, NO_SWARM)
}

async fn no_plugins() -> Json<Vec<Value>> {
    Json(Vec::new())
}

/// Nothing is ever built, so nothing is cached; `docker system prune` asks.
async fn nothing_built() -> Json<BuildCachePruneReport> {
    Json(BuildCachePruneReport::default())
}

/// Said plainly: "page not found" would look like a wrong address.
async fn not_yet(method: Method, uri: Uri) -> ApiError {
    ApiError::new(StatusCode::NOT_IMPLEMENTED, format!("this hulld does not serve {method} {} yet", uri.path()))
}
