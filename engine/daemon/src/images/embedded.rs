//! The image inside `hulld`: `hull run hull/hello` works with no registry and no file.

use super::ImageService;
use super::digest::Digest;
use super::error::ImageError;
use super::reference::Reference;
use crate::archive::Archive;
use crate::artifacts;
use std::io::Read;

/// Its name.
const NAME: &str = "hull/hello:latest";
/// Marks images that were loaded from a `hulld`, so that a newer one may put its own in their place.
const LABEL: &str = "org.hull.embedded";

impl ImageService {
    /// Loads the embedded image if its name is free, or means the image of another build of `hulld`. Whatever a user gave
    /// that name stays.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn load_embedded(&self) -> Result<(), ImageError> {
        let Some(tar) = artifacts::HELLO else { return Ok(()) };
        let name = NAME.parse::<Reference>()?.tagged();
        let known = {
            let state = self.state();
            state.names.get(&name).and_then(|name| state.images.get(&name.image)).cloned()
        };
        if let Some(image) = known {
            let ours = image.config.config.labels.contains_key(LABEL);
            if !ours || (image.record.manifest.is_some() && image.record.manifest == first_manifest(tar)) {
                return Ok(());
            }
            self.remove(NAME, true, false, &[])?;
        }
        self.load(tar, true, &|_| {}).map(drop)
    }
}

/// The manifest's digest, from the beginning of the archive: all of it is read only when it is new.
fn first_manifest(tar: &[u8]) -> Option<Digest> {
    let mut archive = Archive::new(tar);
    while let Some(entry) = archive.next().ok()? {
        if entry.path == b"index.json" {
            let mut text = Vec::new();
            archive.read_to_end(&mut text).ok()?;
            let index: serde_json::Value = serde_json::from_slice(&text).ok()?;
            return index["manifests"][0]["digest"].as_str()?.parse().ok();
        }
    }
    None
}
