//! `load`: images out of one archive, in either of the two layouts that exist.
//!
//! The archive is a stream, and what describes its content may come last. So it is copied into a staging directory
//! first, every file with its digest; then [`oci`] (`index.json`) or [`docker`] (`manifest.json`) says what it holds.
//! Names in the archive are keys of a table, never paths of this host.

mod docker;
mod oci;
mod spool;

use super::ImageService;
use super::error::ImageError;
use super::layers::Staging;
use super::progress::Sink;
use super::reference::Tagged;
use super::register::Delivery;
use hull_api::JsonMessage;
use spool::Spool;

pub(super) use oci::architecture;
pub(super) use spool::media_type;
use std::io::Read;

/// An image in the archive and its names.
struct Found {
    delivery: Delivery,
    names: Vec<Tagged>,
}

impl ImageService {
    /// Loads every image of an archive, as `docker save` or any OCI tool wrote it, compressed or not. Returns their names,
    /// or ids where they have none. What was there before an error stays; of the image with the error nothing does.
    ///
    /// # Errors
    /// When the archive is damaged or hostile, or the disk fails.
    pub fn load(&self, input: impl Read, quiet: bool, sink: Sink<'_>) -> Result<Vec<String>, ImageError> {
        let _arriving = self.arriving();
        let staging = Staging::new(&self.inner.paths)?;
        let spool = Spool::read(input, staging.path())?;
        let images = if spool.has(oci::INDEX) { oci::images(&spool)? } else { docker::images(&spool)? };
        let mut loaded = Vec::new();
        for Found { delivery, names } in images {
            let image = self.register(delivery, (!quiet).then_some(sink))?;
            if names.is_empty() {
                sink(JsonMessage::stream(format!("Loaded image ID: {}\n", image.id)));
                loaded.push(image.id.to_string());
            }
            for name in names {
                let familiar = name.familiar();
                if let Some(old) = self.name(&name, image.id)? {
                    let text = format!(
                        "The image {familiar} already exists, renaming the old one with ID {old} to empty string\n"
                    );
                    sink(JsonMessage::stream(text));
                }
                sink(JsonMessage::stream(format!("Loaded image: {familiar}\n")));
                loaded.push(familiar);
            }
            self.publish("load", image.id, image.id.to_string());
        }
        Ok(loaded)
    }
}
