//! Docker's filters of events: values of one key are alternatives, different keys must all hold. Labels are the
//! exception: an event must have every one that is asked for.

use super::{Event, Kind};
use std::collections::BTreeMap;

/// Keys that `GET /events` accepts; those of swarm objects never match anything here.
const KEYS: [&str; 14] = [
    "config",
    "container",
    "daemon",
    "event",
    "image",
    "label",
    "network",
    "node",
    "plugin",
    "scope",
    "secret",
    "service",
    "type",
    "volume",
];

/// Which events a subscriber wants; the default wants all.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    wanted: BTreeMap<String, Vec<String>>,
}

/// The filter cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// Docker knows no such key.
    #[error("invalid filter '{0}'")]
    UnknownKey(String),
}

impl EventFilter {
    /// From the API's map of keys to values.
    ///
    /// # Errors
    /// On a key that Docker doesn't know.
    pub fn new(wanted: impl IntoIterator<Item = (String, Vec<String>)>) -> Result<Self, FilterError> {
        let wanted: BTreeMap<_, _> = wanted.into_iter().collect();
        match wanted.keys().find(|key| !KEYS.contains(&key.as_str())) {
            Some(key) => Err(FilterError::UnknownKey(key.clone())),
            None => Ok(Self { wanted }),
        }
    }

    /// Whether the event passes.
    pub fn matches(&self, event: &Event) -> bool {
        self.wanted.iter().all(|(key, values)| match key.as_str() {
            "label" => values.iter().all(|value| passes(key, value, event)),
            _ => values.is_empty() || values.iter().any(|value| passes(key, value, event)),
        })
    }
}

fn passes(key: &str, value: &str, event: &Event) -> bool {
    let attribute = |name: &str| event.attributes.get(name).map_or("", String::as_str);
    match key {
        "type" => event.kind.as_str() == value,
        "event" => action_matches(&event.action, value),
        "scope" => value == "local",
        "label" => match value.split_once('=') {
            Some((name, wanted)) => event.attributes.get(name).is_some_and(|v| v == wanted),
            None => event.attributes.contains_key(value),
        },
        "container" => names(event, Kind::Container, value),
        "network" => names(event, Kind::Network, value),
        "volume" => names(event, Kind::Volume, value),
        "daemon" => names(event, Kind::Daemon, value),
        "image" => {
            let of_image = event.kind == Kind::Image;
            let name = attribute(if of_image { "name" } else { "image" });
            let id = if of_image { event.id.as_str() } else { "" };
            [id, name].into_iter().any(|n| !n.is_empty() && (n == value || without_tag(n) == value))
        }
        _ => false,
    }
}

/// `exec_create: sh` is found by `exec_create` too, as are `exec_start` and `health_status`: their actions have an
/// argument.
fn action_matches(action: &str, wanted: &str) -> bool {
    action == wanted || action.split_once(':').is_some_and(|(verb, _)| verb == wanted)
}

/// By a prefix of the id or of the name, as Docker does.
fn names(event: &Event, kind: Kind, value: &str) -> bool {
    let name = event.attributes.get("name").map_or("", String::as_str);
    event.kind == kind && (event.id.starts_with(value) || name.starts_with(value))
}

fn without_tag(reference: &str) -> &str {
    match reference.rsplit_once(':') {
        // A colon before the last slash is a registry's port.
        Some((name, tag)) if !tag.contains('/') => name,
        _ => reference,
    }
}
