//! Which containers `GET /containers/json` and `POST /containers/prune` mean.

mod test;

use super::error::ContainerError;
use super::model::Container;
use super::{ContainerService, ResolvedImage, State};
use crate::time::Time;
use hull_api::ContainerSummary;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use test::Test;

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
        for container in &selected {
            let name = &container.config.image;
            if !meanings.contains_key(name) {
                meanings.insert(name.clone(), (self.shared.images)(name).ok().map(|image| image.id));
            }
            let image = match &meanings[name] {
                Some(id) if *id != container.image => container.image.clone(),
                // Untagged or removed: the name is all that is known.
                Some(_) | None => name.clone(),
            };
            summaries.push(super::view::summary(container, image));
        }
        if options.size {
            for (summary, sizes) in summaries.iter_mut().zip(self.sizes(&selected).await) {
                summary.size_rw = sizes.writable;
                summary.size_root_fs = sizes.root;
            }
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
        let ancestors = filters.get("ancestor").map(|names| self.ancestors(names));
        let tests = filters.iter().filter_map(|(key, values)| Test::parse(key, values).transpose());
        let tests: Vec<Test> = tests.collect::<Result<_, _>>()?;
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
                && ancestors.as_ref().is_none_or(|images| images.iter().any(|image| descends(&container, image)))
                && tests.iter().all(|test| test.holds(&container));
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

    /// The images that are meant; a name that means none matches nothing.
    fn ancestors(&self, names: &[String]) -> Vec<ResolvedImage> {
        names.iter().filter_map(|name| (self.shared.images)(name).ok()).collect()
    }
}

/// Whether the container's image is this one, or was built on it: it has all of its layers below others.
fn descends(container: &Container, image: &ResolvedImage) -> bool {
    let built_on = || {
        let (own, theirs) = (&container.layers, &image.layers);
        !theirs.is_empty() && own.len() > theirs.len() && own.ends_with(theirs)
    };
    container.image == image.id || built_on()
}

/// Whether a prune means this container: it doesn't run, and the filters `until` and `label` hold.
pub(super) fn prunable(container: &Container, filters: &Filters, until: Option<Time>) -> bool {
    let stopped = matches!(container.state, State::Created { .. } | State::Exited(_) | State::Dead { .. });
    let labelled = ["label", "label!"].iter().filter_map(|key| Some(Test::parse(key, filters.get(*key)?)));
    let labelled = labelled.flatten().flatten().all(|test| test.holds(container));
    stopped && labelled && until.is_none_or(|until| container.created <= until)
}
