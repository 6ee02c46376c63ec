//! `import`: an image with one layer out of any tar of a root file system.

use super::config::{HistoryEntry, ImageConfig, RootFs};
use super::digest::{Digest, Hashing};
use super::error::ImageError;
use super::layers::Staging;
use super::load::{architecture, media_type};
use super::progress::Sink;
use super::record::Blob;
use super::register::{Delivered, Delivery};
use super::{ImageService, blobs, change, tag};
use crate::archive::{Limited, Limits, decompress};
use crate::time::Time;
use hull_api::JsonMessage;
use std::fs::File;
use std::io::{self, Read};

/// What `import` makes of the tar.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// The name, without which the image has none.
    pub repository: Option<String>,
    /// Its tag.
    pub tag: Option<String>,
    /// The image's comment.
    pub message: String,
    /// Dockerfile instructions for its configuration.
    pub changes: Vec<String>,
    /// `os[/architecture[/variant]]`; this machine's if empty.
    pub platform: String,
    /// Where the tar came from, for the default comment.
    pub source: String,
}

impl ImageService {
    /// Makes an image out of a tar, compressed or not.
    ///
    /// # Errors
    /// When the tar is damaged or hostile, a change or the name is invalid, or the disk fails.
    pub fn import(&self, input: impl Read, options: &ImportOptions, sink: Sink<'_>) -> Result<Digest, ImageError> {
        // What is cheap to refuse comes before the transfer.
        let repository = options.repository.as_deref().filter(|name| !name.is_empty());
        let name = repository.map(|name| tag::target(name, options.tag.as_deref())).transpose()?;
        let mut config = configuration(options)?;
        change::apply(&mut config.config, &options.changes)?;

        let _arriving = self.arriving();
        let staging = Staging::new(&self.inner.paths)?;
        let most =
            Limits::of_path(staging.path()).map_err(ImageError::io("look at the disk of", staging.path()))?.bytes;
        let file = staging.path().join("layer.tar");
        let (digest, size) = blobs::spool(input, &file, most)?;
        let mut start = Vec::new();
        let opened = File::open(&file).map_err(ImageError::io("open", &file))?;
        (&opened).take(4).read_to_end(&mut start).map_err(ImageError::io("read", &file))?;

        let opened = File::open(&file).map_err(ImageError::io("open", &file))?;
        let plain = Limited::new(decompress(opened)?, most);
        let mut hashing = Hashing::new(plain);
        io::copy(&mut hashing, &mut io::sink()).map_err(ImageError::io("read", &file))?;
        config.rootfs = RootFs { diff_ids: vec![hashing.finish().0], ..RootFs::default() };

        let blob = Blob { media_type: media_type(&start).to_owned(), digest, size };
        let json = serde_json::to_vec(&config)
            .map_err(|source| ImageError::io("encode the configuration of", &file)(io::Error::from(source)))?;
        let delivery = Delivery { config: json, layers: vec![Delivered { file, blob }], manifest: None, parent: None };
        let image = self.register(delivery, None)?;
        if let Some(name) = name {
            let name = name.tagged();
            self.name(&name, image.id)?;
            self.publish("tag", image.id, name.familiar());
        }
        self.publish("import", image.id, image.id.to_string());
        sink(JsonMessage::status(image.id.to_string()));
        Ok(image.id)
    }
}

fn configuration(options: &ImportOptions) -> Result<ImageConfig, ImageError> {
    let mut platform = options.platform.split('/').filter(|part| !part.is_empty());
    let os = platform.next().unwrap_or("linux").to_owned();
    if os != "linux" {
        return Err(ImageError::OperatingSystem(os));
    }
    let source = if options.source.is_empty() { "-" } else { &options.source };
    let comment = if options.message.is_empty() { format!("Imported from {source}") } else { options.message.clone() };
    let created = Some(Time::now().to_string());
    Ok(ImageConfig {
        created: created.clone(),
        architecture: platform.next().unwrap_or(architecture()).to_owned(),
        variant: platform.next().unwrap_or_default().to_owned(),
        os,
        comment: comment.clone(),
        history: vec![HistoryEntry { created, comment, ..HistoryEntry::default() }],
        ..ImageConfig::default()
    })
}
