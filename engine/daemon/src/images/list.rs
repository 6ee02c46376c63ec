//! Lists of images, pruning, and how much disk they take.

use super::ImageService;
use super::digest::Digest;
use super::error::ImageError;
use super::filter::{Filter, Filters};
use super::record::{Image, State};
use super::reference::Tagged;
use super::remove::ImageUse;
use crate::events::{Event, Kind as EventKind};
use hull_api::{DeleteItem, ImageSummary, ImagesPruneReport};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

const LIST_FILTERS: [&str; 7] = ["before", "dangling", "label", "label!", "reference", "since", "until"];
const PRUNE_FILTERS: [&str; 4] = ["dangling", "label", "label!", "until"];

/// What `list` shows.
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// Docker's map of filters.
    pub filters: Filters,
    /// Compute how much of each image others have too.
    pub shared_size: bool,
}

impl ImageService {
    /// The images, newest first.
    ///
    /// # Errors
    /// On a filter that Docker does not know.
    pub fn list(&self, options: &ListOptions) -> Result<Vec<ImageSummary>, ImageError> {
        let state = self.state();
        let filter = Filter::new(&options.filters, &LIST_FILTERS, &state)?;
        let users = options.shared_size.then(|| users_of_layers(&state));
        let mut images: Vec<&Arc<Image>> = state.visible().filter(|image| filter.image(image)).collect();
        images.sort_by_key(|image| (std::cmp::Reverse(image.created()), image.id));
        let mut list = Vec::new();
        for image in images {
            let all: Vec<&Tagged> = state.names_of(image.id).collect();
            let shown: Vec<&Tagged> = all.iter().copied().filter(|name| filter.name(name)).collect();
            let dangling = filter.dangling.is_none_or(|wanted| wanted == all.is_empty());
            if !dangling || (filter.names_wanted() && shown.is_empty()) {
                continue;
            }
            let shared = users.as_ref().map_or(-1, |users| shared_size(&state, image, users));
            list.push(summary(image, &shown, shared));
        }
        Ok(list)
    }

    /// Bytes of all layers, and the images with what they share and how many containers use them.
    pub fn disk_usage(&self, in_use: &[ImageUse]) -> (i64, Vec<ImageSummary>) {
        let state = self.state();
        let users = users_of_layers(&state);
        let total: u64 = state.layers.values().map(|layer| layer.size).sum();
        let of = |image: &Arc<Image>| {
            let names: Vec<&Tagged> = state.names_of(image.id).collect();
            let mut summary = summary(image, &names, shared_size(&state, image, &users));
            summary.containers = count(in_use.iter().filter(|used| used.image == summary.id).count());
            summary
        };
        (number(total), state.visible().map(of).collect())
    }

    /// Removes images that nothing uses: those without a name, or with the filter `dangling=false` all of them.
    ///
    /// # Errors
    /// On a filter that Docker does not know, or when the store cannot be written.
    pub fn prune(&self, filters: &Filters, in_use: &[ImageUse]) -> Result<ImagesPruneReport, ImageError> {
        let mut report = ImagesPruneReport::default();
        {
            let _writing = self.writing();
            let idle: Vec<Arc<Image>> = {
                let state = self.state();
                let filter = Filter::new(filters, &PRUNE_FILTERS, &state)?;
                let only_dangling = filter.dangling.unwrap_or(true);
                let used: BTreeSet<&str> = in_use.iter().map(|used| &used.image[..]).collect();
                let idle = |image: &&Arc<Image>| {
                    filter.image(image)
                        && !used.contains(&image.id.to_string()[..])
                        && !(only_dangling && state.names_of(image.id).next().is_some())
                };
                state.visible().filter(idle).cloned().collect()
            };
            for image in idle {
                let sizes: HashMap<Digest, u64> =
                    self.state().layers.iter().map(|(chain_id, layer)| (*chain_id, layer.size)).collect();
                let items = self.remove_idle(&image)?;
                report.space_reclaimed += items.iter().map(|item| freed(item, &sizes)).sum::<u64>();
                report.images_deleted.extend(items);
            }
        }
        self.sweep()?;
        let event = Event::new(EventKind::Image, "prune", "");
        self.inner.events.publish(event.with("reclaimed", report.space_reclaimed.to_string()));
        Ok(report)
    }
}

fn freed(item: &DeleteItem, sizes: &HashMap<Digest, u64>) -> u64 {
    item.deleted.parse().ok().and_then(|digest: Digest| sizes.get(&digest).copied()).unwrap_or(0)
}

/// How many images have a layer.
fn users_of_layers(state: &State) -> HashMap<Digest, usize> {
    let mut users = HashMap::new();
    for chain_id in state.visible().flat_map(|image| &image.chain) {
        *users.entry(*chain_id).or_default() += 1;
    }
    users
}

fn shared_size(state: &State, image: &Image, users: &HashMap<Digest, usize>) -> i64 {
    let shared = image.chain.iter().filter(|chain_id| users.get(chain_id).is_some_and(|count| *count > 1));
    number(shared.filter_map(|chain_id| state.layers.get(chain_id)).map(|layer| layer.size).sum())
}

fn summary(image: &Image, names: &[&Tagged], shared_size: i64) -> ImageSummary {
    ImageSummary {
        containers: -1,
        created: image.created().seconds(),
        id: image.id.to_string(),
        labels: image.config.config.labels.clone(),
        parent_id: String::new(),
        repo_digests: repo_digests(image, names),
        repo_tags: names.iter().map(|name| name.familiar()).collect(),
        shared_size,
        size: number(image.size),
    }
}

/// `repository@digest` for each repository, where the image came with a manifest.
pub(super) fn repo_digests(image: &Image, names: &[&Tagged]) -> Vec<String> {
    let Some(manifest) = image.record.manifest else { return Vec::new() };
    let repositories: BTreeSet<String> = names.iter().map(|name| name.repository.familiar()).collect();
    repositories.into_iter().map(|repository| format!("{repository}@{manifest}")).collect()
}

pub(super) fn number(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
