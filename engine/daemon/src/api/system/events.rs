//! `/events`.

use crate::api::Shared;
use crate::api::error::ApiError;
use crate::api::request::Query;
use crate::api::transfer::json_lines;
use crate::events::{Event, EventFilter, Kind};
use crate::time::Time;
use axum::extract::State;
use axum::response::Response;
use futures_util::StreamExt;
use hull_api::Actor;

pub(super) async fn events(State(engine): State<Shared>, query: Query) -> Result<Response, ApiError> {
    let time = |name: &str| query.get(name).map(Time::parse_query).transpose();
    let (since, until) = (time("since")?, time("until")?);
    if let (Some(since), Some(until)) = (since, until)
        && since > until
    {
        return Err(ApiError::bad_request(format!("`since` time ({since}) cannot be after `until` time ({until})")));
    }
    let filter = EventFilter::new(query.filters()?)?;
    Ok(json_lines(engine.events.subscribe(since, until, filter).map(|event| view(&event))))
}

/// The wire's form, with the spelling of old clients for containers and images.
fn view(event: &Event) -> hull_api::Event {
    let legacy = matches!(event.kind, Kind::Container | Kind::Image);
    let from = event.attributes.get("image").filter(|_| event.kind == Kind::Container);
    hull_api::Event {
        status: if legacy { event.action.clone().into_owned() } else { String::new() },
        id: if legacy { event.id.clone() } else { String::new() },
        from: from.cloned().unwrap_or_default(),
        kind: event.kind.as_str().to_owned(),
        action: event.action.clone().into_owned(),
        actor: Actor { id: event.id.clone(), attributes: event.attributes.clone() },
        scope: "local".to_owned(),
        time: event.time.seconds(),
        time_nano: event.time.nanos().cast_signed(),
    }
}
