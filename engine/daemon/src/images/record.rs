//! What is written about images: one file per image and one of all names.
//!
//! Order makes every crash harmless: layers and blobs first, then the image's file, then the names. What a crash left
//! without an image's file is swept at the next start; an image without a name is a dangling one.

use super::config::ImageConfig;
use super::digest::Digest;
use super::error::ImageError;
use super::layers::{self, Layer};
use super::reference::Tagged;
use crate::store::object::{self, Durability};
use crate::store::paths::Paths;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

/// One image, as the services see it. It never changes: names are kept elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// Digest of the configuration's bytes.
    pub id: Digest,
    /// What the configuration says.
    pub config: ImageConfig,
    /// Size of all files in all layers.
    pub size: u64,
    pub(super) record: Record,
    /// Bottom first.
    pub(super) chain: Vec<Digest>,
}

impl Image {
    /// `lowerdir`s of an overlay mount, top first, relative to [`Paths::layers`]: that must be the current directory
    /// when the options are given to mount(2).
    pub fn lower_dirs(&self) -> Vec<PathBuf> {
        self.chain.iter().rev().map(layers::lower_dir).collect()
    }

    /// When it was built; [`Time::NEVER`] where its configuration says nothing useful.
    pub fn created(&self) -> Time {
        self.config.created.as_deref().and_then(|text| Time::parse_query(text).ok()).unwrap_or(Time::NEVER)
    }
}

/// The file of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) id: Digest,
    /// The layers as they were delivered, bottom first: `save` gives the same bytes back.
    pub(super) layers: Vec<Blob>,
    /// The manifest that it came with, also kept as a blob.
    pub(super) manifest: Option<Digest>,
    pub(super) added: Time,
    /// Removed by force while a stopped container still needs its layers: nothing shows it any more.
    #[serde(default)]
    pub(super) removed: bool,
    /// The image that it was made of here.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) parent: Option<Digest>,
}

/// What a manifest says about a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Blob {
    #[serde(default)]
    pub(super) media_type: String,
    pub(super) digest: Digest,
    #[serde(default)]
    pub(super) size: u64,
}

/// What a name means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Name {
    pub(super) image: Digest,
    pub(super) tagged: Time,
}

#[derive(Default, Serialize, Deserialize)]
struct Names {
    names: BTreeMap<Tagged, Name>,
}

/// All that is known, in memory: look-ups touch no disk.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    pub(super) images: BTreeMap<Digest, Arc<Image>>,
    pub(super) names: BTreeMap<Tagged, Name>,
    pub(super) layers: HashMap<Digest, Layer>,
}

impl State {
    /// Reads what an earlier daemon left. An image whose parts are missing is left out and named in the log: the others
    /// must stay usable.
    pub(super) fn open(paths: &Paths) -> Result<Self, ImageError> {
        for folder in [paths.images(), paths.blobs(), paths.staging(), paths.trash()] {
            fs::create_dir_all(&folder).map_err(ImageError::io("create", &folder))?;
        }
        let mut state = Self { layers: layers::open_all(paths)?, ..Self::default() };
        let folder = paths.images();
        for entry in fs::read_dir(&folder).map_err(ImageError::io("read", &folder))? {
            let file = entry.map_err(ImageError::io("read", &folder))?.path();
            let stem = file.file_stem().and_then(|stem| stem.to_str());
            let Some(id) = stem.and_then(|stem| Digest::from_hex(stem).ok()) else { continue };
            match state.read_image(paths, id) {
                Ok(image) => drop(state.images.insert(id, Arc::new(image))),
                Err(error) => tracing::error!("image {id} cannot be used: {error}: load it again"),
            }
        }
        let names = object::read::<Names>(&paths.image_names())?.unwrap_or_default().names;
        state.names = names.into_iter().filter(|(_, name)| state.images.contains_key(&name.image)).collect();
        Ok(state)
    }

    fn read_image(&self, paths: &Paths, id: Digest) -> Result<Image, ImageError> {
        let missing = |what: &str| ImageError::Layout(format!("{what} of {id} is missing"));
        let record: Record = object::read(&paths.image_json(&id.hex()))?.ok_or_else(|| missing("description"))?;
        let path = paths.blob(&id.hex());
        let config = fs::read(&path).map_err(ImageError::io("read", &path))?;
        self.image(record, &config)
    }

    /// The image of a record and its configuration's bytes; its layers must be known.
    pub(super) fn image(&self, record: Record, config: &[u8]) -> Result<Image, ImageError> {
        let found = Digest::of(config);
        if found != record.id {
            return Err(ImageError::Digest { expected: record.id, found });
        }
        let parse = |source| ImageError::Document { name: format!("configuration {}", record.id), source };
        let config: ImageConfig = hull_api::decode::from_slice(config).map_err(parse)?;
        let chain = layers::chain_ids(&config.rootfs.diff_ids);
        let mut size = 0;
        for chain_id in &chain {
            let layer = self.layers.get(chain_id);
            size += layer.ok_or_else(|| ImageError::Layout(format!("layer {chain_id} is missing")))?.size;
        }
        Ok(Image { id: record.id, config, size, record, chain })
    }

    /// Names of an image, sorted.
    pub(super) fn names_of(&self, id: Digest) -> impl Iterator<Item = &Tagged> {
        self.names.iter().filter(move |(_, name)| name.image == id).map(|(tagged, _)| tagged)
    }

    /// Images that are shown.
    pub(super) fn visible(&self) -> impl Iterator<Item = &Arc<Image>> {
        self.images.values().filter(|image| !image.record.removed)
    }

    /// Layers that no other image than this one has, top first.
    pub(super) fn only_in(&self, image: &Image) -> Vec<Digest> {
        let shared = |chain_id: &Digest| {
            self.images.values().any(|other| other.id != image.id && other.chain.contains(chain_id))
        };
        image.chain.iter().rev().filter(|chain_id| !shared(chain_id)).copied().collect()
    }
}

pub(super) fn write_names(paths: &Paths, names: &BTreeMap<Tagged, Name>) -> Result<(), ImageError> {
    let names = Names { names: names.clone() };
    Ok(object::write(&paths.image_names(), &names, Durability::Synced)?)
}

pub(super) fn write_record(paths: &Paths, record: &Record) -> Result<(), ImageError> {
    Ok(object::write(&paths.image_json(&record.id.hex()), record, Durability::Synced)?)
}
