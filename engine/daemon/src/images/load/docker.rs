//! The layout of `docker save` before version 25, and what every later one still writes: `manifest.json`.

use super::Found;
use super::spool::Spool;
use crate::images::error::ImageError;
use crate::images::reference::{Reference, Tagged};
use crate::images::register::Delivery;
use serde::Deserialize;

pub(super) const MANIFEST: &str = "manifest.json";

/// One image of `manifest.json`; its strings are names of files in the archive.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Item {
    pub(super) config: String,
    pub(super) repo_tags: Vec<String>,
    layers: Vec<String>,
}

impl Item {
    pub(super) fn names(&self) -> Result<Vec<Tagged>, ImageError> {
        self.repo_tags.iter().map(|tag| Ok(tag.parse::<Reference>()?.tagged())).collect()
    }
}

pub(super) fn images(spool: &Spool) -> Result<Vec<Found>, ImageError> {
    if !spool.has(MANIFEST) {
        return Err(ImageError::Layout("does not contain a manifest.json or an index.json".to_owned()));
    }
    let items: Vec<Item> = spool.document(MANIFEST)?;
    items.iter().map(|item| image(spool, item)).collect()
}

fn image(spool: &Spool, item: &Item) -> Result<Found, ImageError> {
    let config = spool.bytes(&item.config)?;
    let layers: Result<_, _> = item.layers.iter().map(|name| spool.layer_file(name)).collect();
    Ok(Found { delivery: Delivery { config, layers: layers?, manifest: None, parent: None }, names: item.names()? })
}
