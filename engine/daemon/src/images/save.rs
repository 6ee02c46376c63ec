//! `save`: images in one archive that holds both layouts, as Docker has written it since version 25.
//!
//! Layers go out as they came in, so digests stay the same; the same images give the same bytes.

use super::digest::Digest;
use super::error::ImageError;
use super::record::{Blob, Image};
use super::reference::{Reference, Tagged};
use super::resolve::{self, Found};
use super::{ImageService, blobs};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::sync::Arc;
use tar::{Builder, EntryType, Header};

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// An image with the names under which it leaves.
type Chosen = BTreeMap<Digest, (Arc<Image>, BTreeSet<Tagged>)>;

impl ImageService {
    /// Writes images: by name with that name, by repository with all its tags, by id without a name.
    ///
    /// # Errors
    /// When there is no such image, or the stream takes no more.
    pub fn save(&self, references: &[String], output: impl Write) -> Result<(), ImageError> {
        // What is being written must not be swept away.
        let _arriving = self.arriving();
        let chosen = self.choose(references)?;
        let mut archive = Archive { tar: Builder::new(output), written: BTreeSet::new() };
        let (mut index, mut manifests) = (Vec::new(), Vec::new());
        for (image, names) in chosen.values() {
            let (descriptor, item) = self.save_image(image, names, &mut archive)?;
            index.extend(named(&descriptor, names));
            manifests.push(item);
        }
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": index});
        archive.bytes("index.json", index.to_string().as_bytes())?;
        archive.bytes("manifest.json", Value::Array(manifests).to_string().as_bytes())?;
        archive.bytes("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        archive.tar.into_inner().and_then(|mut output| output.flush()).map_err(ImageError::Write)?;
        for id in chosen.keys() {
            self.publish("save", *id, id.to_string());
        }
        Ok(())
    }

    fn choose(&self, references: &[String]) -> Result<Chosen, ImageError> {
        let state = self.state();
        let mut chosen = Chosen::new();
        for text in references {
            let written: Option<Reference> = text.parse().ok();
            let repository = written.filter(|reference| reference.tag.is_none() && reference.digest.is_none());
            let all: Vec<(&Tagged, Digest)> = repository.map_or_else(Vec::new, |wanted| {
                let same = state.names.iter().filter(|(name, _)| name.repository == wanted.repository);
                same.map(|(name, meaning)| (name, meaning.image)).collect()
            });
            for (name, id) in &all {
                if let Some(image) = state.images.get(id) {
                    chosen.entry(*id).or_insert_with(|| (Arc::clone(image), BTreeSet::new())).1.insert((*name).clone());
                }
            }
            if all.is_empty() {
                let (image, found) = resolve::find(&state, text)?;
                let entry = chosen.entry(image.id).or_insert_with(|| (image, BTreeSet::new()));
                if let Found::Name(name) = found {
                    entry.1.insert(name);
                }
            }
        }
        Ok(chosen)
    }

    /// The image's blobs; its descriptor and its item of `manifest.json`.
    fn save_image(
        &self,
        image: &Image,
        names: &BTreeSet<Tagged>,
        archive: &mut Archive<impl Write>,
    ) -> Result<(Value, Value), ImageError> {
        let paths = &self.inner.paths;
        for layer in &image.record.layers {
            archive.blob(layer.digest, layer.size, blobs::open(paths, layer.digest)?)?;
        }
        let config = self.document(image.id)?;
        archive.blob(image.id, config.len() as u64, &config[..])?;
        let manifest = match image.record.manifest {
            Some(digest) => self.document(digest)?,
            None => manifest(&config, image).to_string().into_bytes(),
        };
        let digest = Digest::of(&manifest);
        archive.blob(digest, manifest.len() as u64, &manifest[..])?;
        let media_type = serde_json::from_slice::<Value>(&manifest)
            .ok()
            .and_then(|manifest| manifest["mediaType"].as_str().map(str::to_owned));
        let descriptor = json!({
            "mediaType": media_type.as_deref().unwrap_or(OCI_MANIFEST),
            "digest": digest.to_string(),
            "size": manifest.len(),
            "platform": {"architecture": image.config.architecture, "os": "linux"},
        });
        let item = json!({
            "Config": name(image.id),
            "RepoTags": names.iter().map(Tagged::familiar).collect::<Vec<_>>(),
            "Layers": image.record.layers.iter().map(|layer| name(layer.digest)).collect::<Vec<_>>(),
        });
        Ok((descriptor, item))
    }

    fn document(&self, digest: Digest) -> Result<Vec<u8>, ImageError> {
        let path = self.inner.paths.blob(&digest.hex());
        std::fs::read(&path).map_err(ImageError::io("read", &path))
    }
}

/// The descriptor once for each name, as containerd and Docker write it; once without, if there is none.
fn named(descriptor: &Value, names: &BTreeSet<Tagged>) -> Vec<Value> {
    if names.is_empty() {
        return vec![descriptor.clone()];
    }
    let with = |name: &Tagged| {
        let mut descriptor = descriptor.clone();
        descriptor["annotations"] = json!({
            "io.containerd.image.name": name.to_string(),
            "org.opencontainers.image.ref.name": name.tag,
        });
        descriptor
    };
    names.iter().map(with).collect()
}

/// For an image that came without one.
fn manifest(config: &[u8], image: &Image) -> Value {
    let blob =
        |blob: &Blob| json!({"mediaType": blob.media_type, "digest": blob.digest.to_string(), "size": blob.size});
    json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": image.id.to_string(), "size": config.len()},
        "layers": image.record.layers.iter().map(blob).collect::<Vec<_>>(),
    })
}

fn name(digest: Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

struct Archive<W: Write> {
    tar: Builder<W>,
    /// Images share layers; each is written once.
    written: BTreeSet<Digest>,
}

impl<W: Write> Archive<W> {
    fn blob(&mut self, digest: Digest, size: u64, content: impl Read) -> Result<(), ImageError> {
        if self.written.is_empty() {
            for folder in ["blobs/", "blobs/sha256/"] {
                self.add(EntryType::Directory, folder, 0o755, 0, io::empty())?;
            }
        }
        if self.written.insert(digest) {
            self.add(EntryType::Regular, &name(digest), 0o644, size, content)?;
        }
        Ok(())
    }

    fn bytes(&mut self, name: &str, content: &[u8]) -> Result<(), ImageError> {
        self.add(EntryType::Regular, name, 0o644, content.len() as u64, content)
    }

    fn add(&mut self, kind: EntryType, name: &str, mode: u32, size: u64, content: impl Read) -> Result<(), ImageError> {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        self.tar.append_data(&mut header, name, content).map_err(ImageError::Write)
    }
}
