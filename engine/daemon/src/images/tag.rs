//! Giving an image another name.

use super::ImageService;
use super::error::ImageError;
use super::reference::Reference;

impl ImageService {
    /// Gives the image `source` the name `repository[:tag]`, taking it from whichever image has it.
    ///
    /// # Errors
    /// When there is no such image, or the name is none.
    pub fn tag(&self, source: &str, repository: &str, tag: Option<&str>) -> Result<(), ImageError> {
        let image = self.resolve(source)?;
        let name = target(repository, tag)?.tagged();
        self.name(&name, image.id)?;
        self.publish("tag", image.id, name.familiar());
        Ok(())
    }
}

/// `repository[:tag]` from the two parameters of the API, where the tag may also be in the first.
pub(super) fn target(repository: &str, tag: Option<&str>) -> Result<Reference, ImageError> {
    let reference: Reference = match tag.filter(|tag| !tag.is_empty()) {
        Some(tag) => {
            let parsed: Reference = repository.parse()?;
            format!("{}:{tag}", parsed.repository).parse()?
        }
        None => repository.parse()?,
    };
    if reference.digest.is_some() { Err(ImageError::TagWithDigest) } else { Ok(reference) }
}
