//! One image in the API's words.

use super::ImageService;
use super::error::ImageError;
use super::list::{number, repo_digests};
use super::reference::Tagged;
use super::resolve;
use crate::time::Time;
use hull_api::{GraphDriver, HistoryItem, ImageInspect, ImageMetadata};
use std::path::PathBuf;

/// Layers of another image, or none at all.
const MISSING: &str = "<missing>";

impl ImageService {
    /// All about an image.
    ///
    /// # Errors
    /// When there is no such image.
    pub fn inspect(&self, reference: &str) -> Result<ImageInspect, ImageError> {
        let state = self.state();
        let (image, _) = resolve::find(&state, reference)?;
        let names: Vec<&Tagged> = state.names_of(image.id).collect();
        let tagged = state.names.values().filter(|name| name.image == image.id).map(|name| name.tagged).max();
        let config = &image.config;
        Ok(ImageInspect {
            id: image.id.to_string(),
            repo_tags: names.iter().map(|name| name.familiar()).collect(),
            repo_digests: repo_digests(&image, &names),
            parent: image.record.parent.as_ref().map(ToString::to_string).unwrap_or_default(),
            comment: config.comment.clone(),
            created: config.created.clone().unwrap_or_default(),
            container: config.container.clone(),
            container_config: config.container_config.clone(),
            docker_version: config.docker_version.clone(),
            author: config.author.clone(),
            config: Some(config.config.clone()),
            architecture: config.architecture.clone(),
            variant: config.variant.clone(),
            os: if config.os.is_empty() { "linux".to_owned() } else { config.os.clone() },
            os_version: config.os_version.clone(),
            size: number(image.size),
            graph_driver: self.graph_driver(&image),
            root_fs: hull_api::image::RootFs {
                kind: "layers".to_owned(),
                layers: config.rootfs.diff_ids.iter().map(ToString::to_string).collect(),
            },
            metadata: ImageMetadata { last_tag_time: tagged.unwrap_or(Time::NEVER).to_string() },
        })
    }

    /// How an image came about, newest first.
    ///
    /// # Errors
    /// When there is no such image.
    pub fn history(&self, reference: &str) -> Result<Vec<HistoryItem>, ImageError> {
        let state = self.state();
        let (image, _) = resolve::find(&state, reference)?;
        let mut layers = image.chain.iter();
        let mut items: Vec<HistoryItem> = Vec::new();
        for entry in &image.config.history {
            let layer =
                if entry.empty_layer { None } else { layers.next().and_then(|chain_id| state.layers.get(chain_id)) };
            items.push(HistoryItem {
                comment: entry.comment.clone(),
                created: entry
                    .created
                    .as_deref()
                    .and_then(|text| Time::parse_query(text).ok())
                    .map_or(0, Time::seconds),
                created_by: entry.created_by.clone(),
                id: MISSING.to_owned(),
                size: layer.map_or(0, |layer| number(layer.size)),
                tags: Vec::new(),
            });
        }
        // Tools that write no history have layers all the same.
        for layer in layers.filter_map(|chain_id| state.layers.get(chain_id)) {
            items.push(HistoryItem { id: MISSING.to_owned(), size: number(layer.size), ..HistoryItem::default() });
        }
        if let Some(newest) = items.last_mut() {
            newest.id = image.id.to_string();
            newest.tags = state.names_of(image.id).map(Tagged::familiar).collect();
        }
        items.reverse();
        Ok(items)
    }

    /// Where the layers lie, in the words of Docker's driver for the same file system.
    fn graph_driver(&self, image: &super::Image) -> GraphDriver {
        let layers = self.inner.paths.layers();
        let mut directories = image.lower_dirs().into_iter().map(|lower| layers.join(lower).display().to_string());
        let mut data = std::collections::BTreeMap::new();
        if let Some(top) = directories.next() {
            let lower: Vec<String> = directories.collect();
            if !lower.is_empty() {
                data.insert("LowerDir".to_owned(), lower.join(":"));
            }
            data.insert("UpperDir".to_owned(), top);
        }
        GraphDriver { data, name: "overlay2".to_owned() }
    }

    /// `lowerdir`s of an image as absolute paths, top first: for reading, not for mounting.
    pub fn layer_paths(&self, image: &super::Image) -> Vec<PathBuf> {
        let layers = self.inner.paths.layers();
        image.lower_dirs().into_iter().map(|lower| layers.join(lower)).collect()
    }
}
