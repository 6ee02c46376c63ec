//! What Docker has and Hull answers with a clear no.

use super::Shared;
use super::error::ApiError;
use crate::events::{Event, Kind};
use axum::extract::{Path, State};
use axum::routing::{any, delete, get, post};
use axum::{Json, Router};
use http::{Method, StatusCode, Uri};
use hull_api::BuildCachePruneReport;
use serde_json::Value;

const NO_SWARM: &str = "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this \
                        node to swarm and try again.";

pub(super) fn routes() -> Router<Shared> {
    let mut router = Router::new()
        .route("/plugins", get(no_plugins))
        .route("/plugins/{*rest}", get(no_plugin).post(no_plugin).merge(delete(no_plugin)));
    for kind in ["/swarm", "/nodes", "/services", "/tasks", "/secrets", "/configs"] {
        router = router.route(kind, any(no_swarm)).route(&format!("{kind}/{{*rest}}"), any(no_swarm));
    }
    for path in ["/build", "/networks/create"] {
        router = router.route(path, post(not_yet));
    }
    router
        .route("/build/prune", post(nothing_built))
        .route("/networks/{id}/connect", post(not_yet))
        .route("/networks/{id}/disconnect", post(not_yet))
}

async fn no_swarm() -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, NO_SWARM)
}

async fn no_plugins() -> Json<Vec<Value>> {
    Json(Vec::new())
}

/// `pull`, `create`, `privileges`, and what is done to a plugin by its name.
async fn no_plugin(Path(rest): Path<String>) -> ApiError {
    if ["pull", "create", "privileges"].contains(&rest.as_str()) {
        return ApiError::new(StatusCode::NOT_IMPLEMENTED, "this hulld has no plugins");
    }
    // A name may have slashes; the verb comes last.
    let verbs = ["json", "enable", "disable", "upgrade", "push", "set"];
    let name = rest.rsplit_once('/').filter(|(_, verb)| verbs.contains(verb)).map_or(rest.as_str(), |(name, _)| name);
    ApiError::new(StatusCode::NOT_FOUND, format!("plugin \"{name}\" not found"))
}

/// Nothing is ever built, so nothing is cached; `docker system prune` asks.
async fn nothing_built(State(engine): State<Shared>) -> Json<BuildCachePruneReport> {
    engine.events.publish(Event::new(Kind::Builder, "prune", "").with("reclaimed", "0"));
    Json(BuildCachePruneReport::default())
}

/// Said plainly: "page not found" would look like a wrong address.
async fn not_yet(method: Method, uri: Uri) -> ApiError {
    ApiError::new(StatusCode::NOT_IMPLEMENTED, format!("this hulld does not serve {method} {} yet", uri.path()))
}
