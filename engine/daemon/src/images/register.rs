//! How every image comes into the store, whichever way it came: load, import, and whatever fetches or builds.

use super::digest::Digest;
use super::error::ImageError;
use super::layers::{self, MOST_LAYERS};
use super::progress::{Reporting, Sink};
use super::record::{self, Blob, Image, Name, Record};
use super::reference::Tagged;
use super::{ImageService, blobs, config::ImageConfig};
use crate::time::Time;
use std::path::PathBuf;
use std::sync::Arc;

/// A layer that was delivered.
pub(super) struct Delivered {
    /// In a staging directory.
    pub(super) file: PathBuf,
    pub(super) blob: Blob,
}

/// An image that was delivered: every digest of it has been computed from its bytes, not believed.
pub(super) struct Delivery {
    /// The configuration's bytes.
    pub(super) config: Vec<u8>,
    /// Bottom first.
    pub(super) layers: Vec<Delivered>,
    /// The manifest's bytes, if it came with one.
    pub(super) manifest: Option<Vec<u8>>,
    /// The image that it was made of here.
    pub(super) parent: Option<Digest>,
}

impl ImageService {
    /// Unpacks the layers that are missing and makes the image known, without a name. The caller holds the store's
    /// guard against sweeping from before its look at the state until the image has its name.
    pub(super) fn register(&self, delivery: Delivery, sink: Option<Sink<'_>>) -> Result<Arc<Image>, ImageError> {
        let id = Digest::of(&delivery.config);
        let parse = |source| ImageError::Document { name: format!("configuration {id}"), source };
        let config: ImageConfig = hull_api::decode::from_slice(&delivery.config).map_err(parse)?;
        let diff_ids = &config.rootfs.diff_ids;
        if diff_ids.len() != delivery.layers.len() {
            let (expected, got) = (diff_ids.len(), delivery.layers.len());
            return Err(ImageError::Layout(format!("layers length mismatch: expected {expected}, got {got}")));
        }
        if diff_ids.len() > MOST_LAYERS {
            return Err(ImageError::TooManyLayers(diff_ids.len()));
        }
        if !matches!(&config.os[..], "" | "linux") {
            return Err(ImageError::OperatingSystem(config.os));
        }
        let chain = layers::chain_ids(diff_ids);
        for (index, (layer, (chain_id, diff_id))) in delivery.layers.iter().zip(chain.iter().zip(diff_ids)).enumerate()
        {
            if self.state().layers.contains_key(chain_id) {
                continue;
            }
            let file = std::fs::File::open(&layer.file).map_err(ImageError::io("open", &layer.file))?;
            let file = Reporting::new(file, diff_id.short(), layer.blob.size, sink);
            let unpacked = layers::add(&self.inner.paths, *chain_id, *diff_id, file)
                .map_err(|source| ImageError::Layer { index, source })?;
            self.state_mut().layers.insert(*chain_id, unpacked);
        }
        self.keep(delivery, id)
    }

    fn keep(&self, delivery: Delivery, id: Digest) -> Result<Arc<Image>, ImageError> {
        let paths = &self.inner.paths;
        for layer in &delivery.layers {
            blobs::adopt(paths, &layer.file, layer.blob.digest)?;
        }
        blobs::put(paths, &delivery.config)?;
        let manifest = delivery.manifest.as_deref().map(|bytes| blobs::put(paths, bytes)).transpose()?;
        let record = Record {
            id,
            layers: delivery.layers.into_iter().map(|layer| layer.blob).collect(),
            manifest,
            added: Time::now(),
            removed: false,
            parent: delivery.parent,
        };
        let _writing = self.writing();
        // Known already: what came first stays, unless only this delivery has a manifest.
        let known = self.state().images.get(&id).cloned();
        if let Some(known) =
            known.filter(|known| !known.record.removed && (known.record.manifest.is_some() || manifest.is_none()))
        {
            return Ok(known);
        }
        let image = Arc::new(self.state().image(record, &delivery.config)?);
        record::write_record(paths, &image.record)?;
        self.state_mut().images.insert(id, Arc::clone(&image));
        Ok(image)
    }

    /// Gives the image a name, which may be another's until then: that one is returned.
    pub(super) fn name(&self, name: &Tagged, image: Digest) -> Result<Option<Digest>, ImageError> {
        let _writing = self.writing();
        // It may have been removed since the caller found it.
        if !self.state().images.contains_key(&image) {
            return Err(ImageError::NotFound(image.to_string()));
        }
        let mut names = self.state().names.clone();
        let old = names.insert(name.clone(), Name { image, tagged: Time::now() });
        record::write_names(&self.inner.paths, &names)?;
        self.state_mut().names = names;
        Ok(old.map(|old| old.image).filter(|old| *old != image))
    }
}
