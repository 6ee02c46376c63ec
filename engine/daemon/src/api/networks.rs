//! `/networks`: the three that are always there.

use super::Shared;
use super::error::ApiError;
use super::request::{Filters, Name, Query};
use crate::events::{Event, Kind};
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json as Answer, Router};
use hull_api::{Network, NetworksPruneReport};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/networks", get(list))
        .route("/networks/prune", post(prune))
        .route("/networks/{id}", get(inspect))
}

async fn list(State(engine): State<Shared>, query: Query) -> Result<Answer<Vec<Network>>, ApiError> {
    let filters = query.filters()?;
    let mut networks = Vec::new();
    for mut network in engine.networks.list() {
        if matches(&network, &filters)? {
            // Who is on it is told by `inspect` only, as by dockerd.
            network.containers.clear();
            networks.push(network);
        }
    }
    Ok(Answer(networks))
}

async fn inspect(State(engine): State<Shared>, Name(name): Name) -> Result<Answer<Network>, ApiError> {
    let mut network = engine.networks.inspect(&name)?;
    for (id, container) in &mut network.containers {
        // Networks don't know containers' names. One that is being removed has none any more.
        if let Ok(known) = engine.containers.get(id) {
            container.name.clone_from(&known.name);
        }
    }
    Ok(Answer(network))
}

/// Nothing to prune: the three are built in.
async fn prune(State(engine): State<Shared>, query: Query) -> Result<Answer<NetworksPruneReport>, ApiError> {
    let filters = query.filters()?;
    if let Some(key) = filters.keys().find(|key| !["label", "label!", "until"].contains(&key.as_str())) {
        return Err(ApiError::bad_request(format!("invalid filter '{key}'")));
    }
    engine.events.publish(Event::new(Kind::Network, "prune", "").with("reclaimed", "0"));
    Ok(Answer(NetworksPruneReport::default()))
}

fn matches(network: &Network, filters: &Filters) -> Result<bool, ApiError> {
    let mut keep = true;
    for (key, values) in filters {
        let any = |test: &dyn Fn(&str) -> bool| values.iter().any(|value| test(value));
        keep &= match key.as_str() {
            "name" => any(&|value| network.name.contains(value)),
            "id" => any(&|value| network.id.starts_with(value)),
            "driver" => any(&|value| network.driver == value),
            "scope" => any(&|value| value == "local"),
            "type" => any(&|value| value == "builtin"),
            // None of them has a label; none is ever unused in Docker's sense.
            "label" => false,
            "dangling" => any(&|value| matches!(value, "0" | "false" | "False")),
            _ => return Err(ApiError::bad_request(format!("invalid filter '{key}'"))),
        };
    }
    Ok(keep)
}
