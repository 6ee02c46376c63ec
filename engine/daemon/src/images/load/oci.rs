//! The OCI image layout: `index.json` names manifests, they name blobs, each by digest.

use super::Found;
use super::docker::{self, Item};
use super::spool::{Spool, parse};
use crate::images::digest::Digest;
use crate::images::error::ImageError;
use crate::images::record::Blob;
use crate::images::reference::{Reference, Tagged};
use crate::images::register::Delivery;
use serde::Deserialize;
use std::collections::BTreeMap;

pub(super) const INDEX: &str = "index.json";
/// What containerd, and so Docker, writes: the whole name.
const FULL_NAME: &str = "io.containerd.image.name";
/// The specification's: often only a tag.
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// An index may hold indexes; more levels than this are a loop or a joke.
const MOST_LEVELS: usize = 4;
/// What the build tools attach to an image for other purposes than running it.
const UNKNOWN: &str = "unknown";

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Index {
    manifests: Vec<Descriptor>,
}

#[derive(Default, Deserialize, Clone)]
#[serde(default, rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: Option<Digest>,
    size: u64,
    platform: Option<Platform>,
    annotations: BTreeMap<String, String>,
}

#[derive(Default, Deserialize, Clone)]
#[serde(default)]
struct Platform {
    architecture: String,
    os: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Manifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
    /// An index where a manifest was expected: media types are often missing.
    manifests: Vec<Descriptor>,
}

impl Descriptor {
    fn blob(&self) -> Result<Blob, ImageError> {
        let digest = self.digest.ok_or_else(|| ImageError::Layout("a descriptor has no digest".to_owned()))?;
        Ok(Blob { media_type: self.media_type.clone(), digest, size: self.size })
    }

    fn runs_here(&self) -> bool {
        self.platform.as_ref().is_none_or(|platform| platform.os == "linux" && platform.architecture == architecture())
    }

    fn runs_nowhere(&self) -> bool {
        self.platform.as_ref().is_some_and(|platform| platform.os == UNKNOWN || platform.architecture == UNKNOWN)
    }

    /// An image's name, where the annotations give one; a tag alone names nothing.
    fn name(&self) -> Result<Option<Tagged>, ImageError> {
        let reference = self.annotations.get(REF_NAME).filter(|name| name.contains(['/', ':']));
        let Some(name) = self.annotations.get(FULL_NAME).or(reference) else { return Ok(None) };
        Ok(Some(name.parse::<Reference>()?.tagged()))
    }
}

pub(super) fn images(spool: &Spool) -> Result<Vec<Found>, ImageError> {
    let index: Index = spool.document(INDEX)?;
    let mut found: BTreeMap<Digest, Found> = BTreeMap::new();
    for descriptor in choose(&index.manifests) {
        let name = descriptor.name()?;
        let (config, delivery) = image(spool, descriptor, 0)?;
        let image = found.entry(config).or_insert(Found { delivery, names: Vec::new() });
        image.names.extend(name);
    }
    // Docker writes both layouts into one archive, and some tools put the names only into its own.
    if spool.has(docker::MANIFEST) {
        for item in spool.document::<Vec<Item>>(docker::MANIFEST)? {
            let id = Digest::of(&spool.bytes(&item.config)?);
            if let Some(image) = found.get_mut(&id) {
                image.names.extend(item.names()?);
            }
        }
    }
    for image in found.values_mut() {
        image.names.sort();
        image.names.dedup();
    }
    Ok(found.into_values().collect())
}

/// Those for this machine; if there are none, all: a person may carry images of another one.
fn choose(manifests: &[Descriptor]) -> Vec<&Descriptor> {
    let real: Vec<&Descriptor> = manifests.iter().filter(|descriptor| !descriptor.runs_nowhere()).collect();
    let here: Vec<&Descriptor> = real.iter().copied().filter(|descriptor| descriptor.runs_here()).collect();
    if here.is_empty() { real } else { here }
}

fn image(spool: &Spool, descriptor: &Descriptor, level: usize) -> Result<(Digest, Delivery), ImageError> {
    let blob = descriptor.blob()?;
    let bytes = spool.blob(&blob)?;
    let manifest: Manifest = parse(&format!("manifest {}", blob.digest), &bytes)?;
    if manifest.config.digest.is_none() && !manifest.manifests.is_empty() {
        let inner = manifest.manifests.iter().find(|inner| !inner.runs_nowhere() && inner.runs_here());
        return match inner {
            Some(inner) if level < MOST_LEVELS => image(spool, inner, level + 1),
            Some(_) => Err(ImageError::Layout("indexes within indexes".to_owned())),
            None => Err(ImageError::Layout(format!("no image for linux/{} in {}", architecture(), blob.digest))),
        };
    }
    let config = manifest.config.blob()?;
    let layers: Result<_, _> = manifest.layers.iter().map(|layer| spool.layer_blob(&layer.blob()?)).collect();
    Ok((config.digest, Delivery { config: spool.blob(&config)?, layers: layers?, manifest: Some(bytes), parent: None }))
}

/// This machine's architecture as Go calls it.
pub(in crate::images) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "powerpc64" => "ppc64le",
        "loongarch64" => "loong64",
        other => other,
    }
}
