//! Which containers `GET /containers/json` and `POST /containers/prune` mean.

use super::error::ContainerError;
use super::model::{Container, NetworkMode};
use super::{ContainerService, State};
use crate::time::Time;
use hull_api::ContainerSummary;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The filters of a request: each key with all of its values.
pub type Filters = BTreeMap<String, Vec<String>>;

const LIST_KEYS: [&str; 16] = [
    "ancestor",
    "before",
    "exited",
    "expose",
    "health",
    "id",
    "is-task",
    "isolation",
    "label",
    "label!",
    "name",
    "network",
    "publish",
    "since",
    "status",
    "volume",
];

const STATES: [&str; 7] = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];

const VERDICTS: [&str; 4] = ["starting", "healthy", "unhealthy", "none"];

/// What `list` is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListOptions {
    /// Stopped ones too.
    pub all: bool,
    /// So many of the newest, stopped or not.
    pub limit: Option<usize>,
    /// With the sizes of their files.
    pub size: bool,
    /// Which.
    pub filters: Filters,
    /// Only those that are older than this one.
    pub before: Option<String>,
    /// Only those that are newer than this one.
    pub since: Option<String>,
}

impl ContainerService {
    /// The containers that the options mean, newest first.
    ///
    /// # Errors
    /// When a filter is unknown or has a value that makes no sense.
    pub async fn list(&self, options: ListOptions) -> Result<Vec<ContainerSummary>, ContainerError> {
        let selected = self.select(&options)?;
        let mut summaries = Vec::with_capacity(selected.len());
        // Most containers are of a few images, and to resolve one copies its configuration.
        let mut meanings: HashMap<String, Option<String>> = HashMap::new();
        for container in selected {
            let name = &container.config.image;
            if !meanings.contains_key(name) {
                meanings.insert(name.clone(), (self.shared.images)(name).ok().map(|image| image.id));
            }
            let image = match &meanings[name] {
                Some(id) if *id != container.image => container.image.clone(),
                // Untagged or removed: the name is all that is known.
                Some(_) | None => name.clone(),
            };
            let mut summary = super::view::summary(&container, image);
            if options.size {
                let sizes = self.sizes(&container).await;
                summary.size_rw = sizes.writable;
                summary.size_root_fs = sizes.root;
            }
            summaries.push(summary);
        }
        Ok(summaries)
    }

    fn select(&self, options: &ListOptions) -> Result<Vec<Arc<Container>>, ContainerError> {
        let filters = &options.filters;
        if let Some(key) = filters.keys().find(|key| !LIST_KEYS.contains(&key.as_str())) {
            return Err(ContainerError::BadParameter(format!("invalid filter '{key}'")));
        }
        let first = |key: &str| filters.get(key).and_then(|values| values.last());
        let created = |key: Option<&String>| key.map(|k| self.get(k).map(|c| c.created)).transpose();
        let before = created(first("before").or(options.before.as_ref()))?;
        let since = created(first("since").or(options.since.as_ref()))?;
        let exited = self.exited(filters)?;
        let status = filters.get("status").map(Vec::as_slice).unwrap_or_default();
        if let Some(bad) = status.iter().find(|s| !STATES.contains(&s.as_str())) {
            let message = format!("invalid filter 'status={bad}': Unrecognised filter value for status: {bad}");
            return Err(ContainerError::BadParameter(message));
        }
        let all = options.all
            || !status.is_empty()
            || exited.is_some()
            || before.is_some()
            || since.is_some()
            || options.limit.is_some();
        let health = filters.get("health").map(Vec::as_slice).unwrap_or_default();
        if let Some(bad) = health.iter().find(|verdict| !VERDICTS.contains(&verdict.as_str())) {
            return Err(ContainerError::BadParameter(format!("Unrecognised filter value for health: {bad}")));
        }
        let ancestors = filters.get("ancestor").map(|names| self.ancestors(names));
        let mut selected = Vec::new();
        for container in self.all() {
            let state = &container.state;
            let keep = (all || state.is_active())
                && before.is_none_or(|time| container.created < time)
                && since.is_none_or(|time| container.created > time)
                && (status.is_empty() || status.iter().any(|s| s == state.status()))
                && exited
                    .as_ref()
                    .is_none_or(|codes| matches!(state, State::Exited(exit) if codes.contains(&exit.code.into())))
                && ancestors.as_ref().is_none_or(|ids| ids.contains(&container.image))
                && filters.iter().all(|(key, values)| values.is_empty() || matches(&container, key, values));
            if keep {
                selected.push(container);
            }
        }
        selected.truncate(options.limit.unwrap_or(usize::MAX));
        Ok(selected)
    }

    fn exited(&self, filters: &Filters) -> Result<Option<Vec<i64>>, ContainerError> {
        let Some(values) = filters.get("exited") else { return Ok(None) };
        let parse = |value: &String| {
            value.parse().map_err(|_| ContainerError::BadParameter(format!("invalid filter 'exited={value}'")))
        };
        values.iter().map(parse).collect::<Result<_, _>>().map(Some)
    }

    /// Ids of the images that are meant; a name that means none matches nothing.
    fn ancestors(&self, names: &[String]) -> Vec<String> {
        names.iter().filter_map(|name| (self.shared.images)(name).ok()).map(|image| image.id).collect()
    }
}

/// Keys that look at nothing but the container.
fn matches(container: &Container, key: &str, values: &[String]) -> bool {
    let any = |test: &dyn Fn(&str) -> bool| values.iter().any(|value| test(value));
    match key {
        "id" => any(&|value| container.id.as_str().starts_with(value)),
        "name" => any(&|value| name_matches(&container.name, value)),
        "label" => values.iter().all(|value| has_label(container, value)),
        "label!" => !values.iter().any(|value| has_label(container, value)),
        "network" => any(&|value| in_network(container, value)),
        "volume" => any(&|value| {
            container
                .mounts
                .iter()
                .any(|m| m.name.as_deref() == Some(value) || m.target == value || m.source.as_os_str() == value)
        }),
        "health" => {
            let verdict = container.health.as_ref().map_or("none", |health| health.status.as_str());
            any(&|value| value == verdict)
        }
        "expose" | "publish" => any(&|value| {
            let port = if value.contains('/') { value.to_owned() } else { format!("{value}/tcp") };
            if key == "expose" {
                container.config.exposed_ports.contains_key(&port)
            } else {
                container.host_config.port_bindings.contains_key(&port)
            }
        }),
        "is-task" => any(&|value| matches!(value, "false" | "0")),
        "isolation" => any(&|value| matches!(value, "" | "default")),
        // Looked at in `select`.
        _ => true,
    }
}

/// Docker matches a regular expression against the name with and without its slash. What people write is a part of the name, or
/// one anchored with `^` (`^/`) and `$`.
fn name_matches(name: &str, pattern: &str) -> bool {
    let (pattern, at_start) = match pattern.strip_prefix('^') {
        Some(rest) => (rest, true),
        None => (pattern, false),
    };
    let (pattern, at_end) = match pattern.strip_suffix('$') {
        Some(rest) => (rest, true),
        None => (pattern, false),
    };
    let (pattern, at_start) = match pattern.strip_prefix('/') {
        Some(rest) => (rest, true),
        None => (pattern, at_start),
    };
    match (at_start, at_end) {
        (true, true) => name == pattern,
        (true, false) => name.starts_with(pattern),
        (false, true) => name.ends_with(pattern),
        (false, false) => name.contains(pattern),
    }
}

pub(super) fn has_label(container: &Container, wanted: &str) -> bool {
    match wanted.split_once('=') {
        Some((name, value)) => container.config.labels.get(name).is_some_and(|v| v == value),
        None => container.config.labels.contains_key(wanted),
    }
}

fn in_network(container: &Container, wanted: &str) -> bool {
    let by_mode = match container.network_mode() {
        NetworkMode::Bridge => wanted == "bridge",
        NetworkMode::Host => wanted == "host",
        NetworkMode::None => wanted == "none",
        NetworkMode::Container(_) => false,
        NetworkMode::Named(name) => wanted == name,
    };
    by_mode || container.endpoint.as_ref().is_some_and(|e| !wanted.is_empty() && e.network_id.starts_with(wanted))
}

/// Whether a prune means this container: it doesn't run, and the filters `until` and `label` hold.
pub(super) fn prunable(container: &Container, filters: &Filters, until: Option<Time>) -> bool {
    let stopped = matches!(container.state, State::Created { .. } | State::Exited(_) | State::Dead { .. });
    let labelled = filters.iter().all(|(key, values)| match key.as_str() {
        "label" | "label!" => matches(container, key, values),
        _ => true,
    });
    stopped && labelled && until.is_none_or(|until| container.created <= until)
}

#[cfg(test)]
mod tests {
    use super::name_matches;

    #[test]
    fn names_match_in_part_or_anchored() {
        for pattern in ["web", "eb_1", "^web", "^/web_1$", "/web", "_1$", "web_1"] {
            assert!(name_matches("web_1", pattern), "{pattern}");
        }
        for pattern in ["^eb", "web$", "^/web$", "other"] {
            assert!(!name_matches("web_1", pattern), "{pattern}");
        }
    }
}
