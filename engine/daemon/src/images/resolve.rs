//! From what a person writes to an image.

use super::ImageService;
use super::digest::Digest;
use super::error::ImageError;
use super::record::{Image, State};
use super::reference::{Reference, ReferenceError, Tagged};
use std::sync::Arc;

/// How an image was found, which decides what a removal means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// By a name that it has.
    Name(Tagged),
    /// By its id, by a part of it, or by a digest.
    Id,
}

impl ImageService {
    /// The image of `name[:tag]`, `name@digest`, an id or the beginning of one.
    ///
    /// # Errors
    /// When the text cannot name an image, or none has this name.
    pub fn resolve(&self, reference: &str) -> Result<Arc<Image>, ImageError> {
        find(&self.state(), reference).map(|(image, _)| image)
    }

    /// Names of an image as people write them, sorted.
    pub fn names(&self, id: Digest) -> Vec<String> {
        self.state().names_of(id).map(Tagged::familiar).collect()
    }
}

pub(super) fn find(state: &State, text: &str) -> Result<(Arc<Image>, Found), ImageError> {
    let missing = |name: String| ImageError::NotFound(name);
    // Containers keep the id, and still need their image when it was removed by force.
    if let Some(image) = full_id(text).and_then(|id| state.images.get(&id)) {
        return Ok((Arc::clone(image), Found::Id));
    }
    if let Some(hex) = text.strip_prefix("sha256:") {
        return by_prefix(state, hex).map(|image| (image, Found::Id)).ok_or_else(|| missing(text.to_owned()));
    }
    let reference = match text.parse::<Reference>() {
        Ok(reference) => reference,
        Err(ReferenceError::LooksLikeId(_)) => return Err(missing(format!("sha256:{text}"))),
        Err(error) => return Err(error.into()),
    };
    if let Some(digest) = reference.digest {
        let image = by_digest(state, &reference, digest);
        return image.map(|image| (image, Found::Id)).ok_or_else(|| missing(reference.familiar()));
    }
    let name = reference.tagged();
    if let Some(image) = state.names.get(&name).and_then(|name| state.images.get(&name.image)) {
        return Ok((Arc::clone(image), Found::Name(name)));
    }
    by_prefix(state, text).map(|image| (image, Found::Id)).ok_or_else(|| missing(reference.familiar()))
}

fn full_id(text: &str) -> Option<Digest> {
    Digest::from_hex(text.strip_prefix("sha256:").unwrap_or(text)).ok()
}

/// The only image whose id begins so.
fn by_prefix(state: &State, hex: &str) -> Option<Arc<Image>> {
    if hex.is_empty() || hex.len() > 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut matching = state.visible().filter(|image| image.id.hex().starts_with(hex));
    matching.next().filter(|_| matching.next().is_none()).cloned()
}

/// The digest is that of the manifest (what registries say) or of the configuration, and the repository must be one of
/// the image's.
fn by_digest(state: &State, reference: &Reference, digest: Digest) -> Option<Arc<Image>> {
    let named = |image: &&Arc<Image>| state.names_of(image.id).any(|name| name.repository == reference.repository);
    let same = |image: &&Arc<Image>| image.id == digest || image.record.manifest == Some(digest);
    state.visible().find(|image| same(image) && named(image)).cloned()
}
