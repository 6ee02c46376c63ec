//! What containers need to know of an image: no more than this.

use super::error::ContainerError;
use hull_api::ContainerConfig;

/// An image, as a container is made from it.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedImage {
    /// `sha256:...`.
    pub id: String,
    /// What a container of it starts with.
    pub config: ContainerConfig,
    /// Its layers as overlay's lower directories, top first, relative to `Paths::layers`.
    pub layers: Vec<String>,
}

/// Finds an image by name, digest, id or short id. Reads memory only, so it may be called from async code.
pub type ImageResolver = Box<dyn Fn(&str) -> Result<ResolvedImage, ContainerError> + Send + Sync>;
