//! `/events`.

use crate::api::Shared;
use crate::api::error::ApiError;
use crate::api::request::Query;
use crate::events::{Event, EventFilter, Kind, TooSlow};
use crate::time::Time;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::StreamExt;
use http::header;
use hull_api::Actor;
use hull_api::version::ApiVersion;
use std::io;
use std::sync::Arc;

/// From this version on the spelling of old clients is gone.
const NO_LEGACY: ApiVersion = ApiVersion::new(1, 52);
/// Older clients would take the event `create` of an image for one of a container.
const IMAGE_CREATE: ApiVersion = ApiVersion::new(1, 46);

pub(super) async fn events(
    State(engine): State<Shared>,
    Extension(version): Extension<ApiVersion>,
    query: Query,
) -> Result<Response, ApiError> {
    let time = |name: &str| query.get(name).map(Time::parse_query).transpose();
    let (since, until) = (time("since")?, time("until")?);
    if let (Some(since), Some(until)) = (since, until)
        && since > until
    {
        let text = |name: &str| query.get(name).unwrap_or_default().to_owned();
        return Err(ApiError::bad_request(format!(
            "`since` time ({}) cannot be after `until` time ({})",
            text("since"),
            text("until")
        )));
    }
    let filter = EventFilter::new(query.filters()?)?;
    let wanted = move |event: &Result<Arc<Event>, TooSlow>| {
        let new = |event: &Arc<Event>| event.kind == Kind::Image && event.action == "create";
        std::future::ready(version >= IMAGE_CREATE || !event.as_ref().is_ok_and(new))
    };
    let id = engine.paths.engine_id().to_owned();
    let events = engine.events.follow(since, until, filter).filter(wanted);
    let lines = events.map(move |event| match event {
        Ok(event) => line(&view(&event, version)),
        Err(slow) => line(&view(&let_go(&id, slow), version)),
    });
    Ok(([(header::CONTENT_TYPE, "application/json")], Body::from_stream(lines)).into_response())
}

/// The last words to a client that reads too slowly: an event that says so, whatever its filters are. The stream ends
/// in good order behind it: hyper drops what it has not sent yet when a body breaks off.
fn let_go(engine: &str, slow: TooSlow) -> Event {
    tracing::warn!("events: {slow}: it is disconnected");
    let event = Event::new(Kind::Daemon, "events-lost", engine).with("lost", slow.lost.to_string());
    event.with("reason", slow.to_string())
}

fn line(event: &hull_api::Event) -> io::Result<Bytes> {
    let mut line = serde_json::to_vec(event).map_err(io::Error::other)?;
    line.push(b'\n');
    Ok(Bytes::from(line))
}

/// The wire's form, with the spelling of old clients for containers and images.
fn view(event: &Event, version: ApiVersion) -> hull_api::Event {
    let legacy = version < NO_LEGACY && matches!(event.kind, Kind::Container | Kind::Image);
    let from = event.attributes.get("image").filter(|_| legacy && event.kind == Kind::Container);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_clients_get_their_spelling_and_new_ones_do_not() {
        let event = Event::new(Kind::Container, "start", "abc").with("image", "busybox");
        let old = view(&event, ApiVersion::new(1, 51));
        assert_eq!((old.status.as_str(), old.id.as_str(), old.from.as_str()), ("start", "abc", "busybox"));
        let new = view(&event, NO_LEGACY);
        assert_eq!((new.status.as_str(), new.id.as_str(), new.from.as_str()), ("", "", ""));
        assert_eq!((new.action.as_str(), new.actor.id.as_str()), ("start", "abc"));
        let volume = view(&Event::new(Kind::Volume, "create", "v"), ApiVersion::new(1, 51));
        assert_eq!((volume.status.as_str(), volume.id.as_str()), ("", ""));
    }

    #[test]
    fn who_is_too_slow_reads_why() {
        let event = view(&let_go("engine", TooSlow { lost: 7 }), NO_LEGACY);
        assert_eq!((event.action.as_str(), event.actor.attributes["lost"].as_str()), ("events-lost", "7"));
        assert!(event.actor.attributes["reason"].contains("too slowly"), "{event:?}");
    }
}
