//! What containers need to know of an image: no more than this.

use super::error::ContainerError;
use crate::images::{ImageService, Kind};
use hull_api::ContainerConfig;

/// An image, as a container is made from it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ResolvedImage {
    /// `sha256:...`.
    pub id: String,
    /// What a container of it starts with.
    pub config: ContainerConfig,
    /// Its layers as overlay's lower directories, top first, relative to `Paths::layers`.
    pub layers: Vec<String>,
    /// `linux/amd64`, with the variant if it has one; empty when it does not say.
    pub platform: String,
}

/// Finds an image by name, digest, id or short id. Reads memory only, so it may be called from async code.
pub type ImageResolver = Box<dyn Fn(&str) -> Result<ResolvedImage, ContainerError> + Send + Sync>;

/// The engine's images, as containers see them.
pub fn images(service: ImageService) -> ImageResolver {
    Box::new(move |reference| {
        let image = service.resolve(reference).map_err(|error| match error.kind() {
            Kind::NotFound => ContainerError::Missing(error.to_string()),
            _ => ContainerError::BadParameter(error.to_string()),
        })?;
        let layers = image.lower_dirs().iter().map(|dir| dir.display().to_string()).collect();
        Ok(ResolvedImage {
            id: image.id.to_string(),
            config: image.config.config.clone(),
            layers,
            platform: image.config.platform(),
        })
    })
}
