//! An image as one tar that holds the OCI layout and Docker's `manifest.json`: every engine loads one of the two.

use super::layer::Layer;
use anyhow::Result;
use flate2::{Compression, GzBuilder};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::Write;
use tar::{Builder, EntryType, Header};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// An image of one layer.
pub(super) struct Image {
    /// `busybox:latest`, and what else it is called.
    pub(super) names: &'static [&'static str],
    /// What made the layer, for `history`.
    pub(super) made_by: &'static str,
    /// When: of the material, not of this run, so that the same material gives the same image.
    pub(super) created: Timestamp,
    /// The configuration's `config`.
    pub(super) config: Value,
    pub(super) layer: Layer,
}

impl Image {
    pub(super) fn tar(&self) -> Result<Vec<u8>> {
        let plain = self.layer.tar()?;
        // No time and no system in the header: they would differ from machine to machine.
        let mut gzip = GzBuilder::new().operating_system(255).write(Vec::new(), Compression::best());
        gzip.write_all(&plain)?;
        let layer = gzip.finish()?;
        let created = self.created.to_string();
        let config = json!({
            "architecture": architecture(),
            "os": "linux",
            "created": created,
            "config": self.config,
            "rootfs": {"type": "layers", "diff_ids": [digest(&plain)]},
            "history": [{"created": created, "created_by": self.made_by}],
        })
        .to_string()
        .into_bytes();
        let blob = |media_type: &str, bytes: &[u8]| json!({"mediaType": format!("application/vnd.oci.image.{media_type}"), "digest": digest(bytes), "size": bytes.len()});
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": blob("config.v1+json", &config),
            "layers": [blob("layer.v1.tar+gzip", &layer)],
        })
        .to_string()
        .into_bytes();

        let descriptors = self.names.iter().map(|name| {
            let (repository, tag) = name.split_once(':').unwrap_or((name, "latest"));
            let full = if repository.contains('/') { repository.to_owned() } else { format!("library/{repository}") };
            let mut descriptor = blob("manifest.v1+json", &manifest);
            descriptor["platform"] = json!({"architecture": architecture(), "os": "linux"});
            descriptor["annotations"] = json!({
                "io.containerd.image.name": format!("docker.io/{full}:{tag}"),
                "org.opencontainers.image.ref.name": tag,
            });
            descriptor
        });
        let index = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": descriptors.collect::<Vec<_>>(),
        });
        let docker = json!([{"Config": file(&config), "RepoTags": self.names, "Layers": [file(&layer)]}]);

        // Descriptions come first: a reader that wants to know what is inside need not read it all.
        let mut builder = Builder::new(Vec::new());
        add(&mut builder, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        add(&mut builder, "index.json", index.to_string().as_bytes())?;
        add(&mut builder, "manifest.json", docker.to_string().as_bytes())?;
        let mut blobs = [&config, &manifest, &layer].map(|bytes| (file(bytes), bytes));
        blobs.sort();
        for (name, bytes) in blobs {
            add(&mut builder, &name, bytes)?;
        }
        Ok(builder.into_inner()?)
    }
}

fn add(builder: &mut Builder<Vec<u8>>, name: &str, content: &[u8]) -> Result<()> {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_size(content.len() as u64);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    Ok(builder.append_data(&mut header, name, content)?)
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(bytes))
}

fn file(bytes: &[u8]) -> String {
    format!("blobs/sha256/{}", hex(bytes))
}

/// This machine's architecture as Go calls it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
