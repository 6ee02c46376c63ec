//! `commit`: an image out of another one and one more layer.

use super::config::HistoryEntry;
use super::digest::{Digest, Hashing};
use super::error::ImageError;
use super::layers::Staging;
use super::record::Blob;
use super::register::{Delivered, Delivery};
use super::{ImageService, change, tag};
use crate::time::Time;
use hull_api::ContainerConfig;
use std::fs::File;
use std::io::{self, BufWriter, Write};

/// As little as one system call for each of many small files.
const BUFFER: usize = 128 * 1024;
const PLAIN_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// What the new image is.
#[derive(Debug, Clone, Default)]
pub struct CommitOptions {
    /// Id of the image that the new layer comes upon.
    pub parent: String,
    /// The name, without which the image has none.
    pub repository: Option<String>,
    /// Its tag.
    pub tag: Option<String>,
    /// Who made it.
    pub author: String,
    /// Free text.
    pub comment: String,
    /// What a container of it starts with.
    pub config: ContainerConfig,
    /// The container's id.
    pub container: String,
    /// What the container was.
    pub container_config: ContainerConfig,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The image.
    pub id: Digest,
    /// Its name as people write it; empty if it got none.
    pub name: String,
}

/// Applies Dockerfile instructions (`--change`) to a configuration.
///
/// # Errors
/// When one is none, or none of those that only touch the configuration.
pub fn apply_changes(config: &mut ContainerConfig, changes: &[String]) -> Result<(), ImageError> {
    Ok(change::apply(config, changes)?)
}

impl ImageService {
    /// Makes an image of `options.parent` and the layer that `write` writes as a tar; it says how many entries that has. A
    /// layer without any is left out. A crash leaves the image or nothing.
    ///
    /// # Errors
    /// When the parent is gone, the name is invalid, `write` fails, or the disk does.
    pub fn commit<E: From<ImageError>>(
        &self,
        options: &CommitOptions,
        write: impl FnOnce(&mut dyn Write) -> Result<u64, E>,
    ) -> Result<Committed, E> {
        // What is cheap to refuse comes before the copy.
        let repository = options.repository.as_deref().filter(|name| !name.is_empty());
        let name = repository.map(|name| tag::target(name, options.tag.as_deref())).transpose()?;
        let _arriving = self.arriving();
        let parent = self.resolve(&options.parent)?;
        let staging = Staging::new(&self.inner.paths).map_err(ImageError::from)?;
        let file = staging.path().join("layer.tar");
        let io = |operation| ImageError::io(operation, &file);

        let created = File::create(&file).map_err(io("create"))?;
        let mut output = Hashing::new(BufWriter::with_capacity(BUFFER, created));
        let entries = write(&mut output)?;
        output.flush().map_err(io("write"))?;
        let (digest, size) = output.finish();

        let paths = &self.inner.paths;
        let mut layers: Vec<Delivered> = parent
            .record
            .layers
            .iter()
            .map(|blob| Delivered { file: paths.blob(&blob.digest.hex()), blob: blob.clone() })
            .collect();
        let mut config = parent.config.clone();
        let now = Some(Time::now().to_string());
        config.created.clone_from(&now);
        config.author.clone_from(&options.author);
        config.comment.clone_from(&options.comment);
        config.config = options.config.clone();
        config.container.clone_from(&options.container);
        config.container_config = Some(options.container_config.clone());
        config.history.push(HistoryEntry {
            created: now,
            created_by: options.container_config.cmd.clone().unwrap_or_default().join(" "),
            author: options.author.clone(),
            comment: options.comment.clone(),
            empty_layer: entries == 0,
        });
        if entries > 0 {
            // It is no compressed one, so what it contains has the same digest as the file.
            config.rootfs.diff_ids.push(digest);
            layers.push(Delivered {
                file: file.clone(),
                blob: Blob { media_type: PLAIN_LAYER.to_owned(), digest, size },
            });
        }
        let json = serde_json::to_vec(&config)
            .map_err(|source| ImageError::io("encode the configuration of", &file)(io::Error::from(source)))?;
        let delivery = Delivery { config: json, layers, manifest: None, parent: Some(parent.id) };
        let image = self.register(delivery, None)?;
        let mut shown = String::new();
        if let Some(name) = name {
            let name = name.tagged();
            self.name(&name, image.id)?;
            shown = name.familiar();
            self.publish("tag", image.id, &shown);
        }
        Ok(Committed { id: image.id, name: shown })
    }
}
