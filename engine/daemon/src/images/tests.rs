//! The store as a whole: archives in, images, names and archives out.

use super::*;
use crate::artifacts;
use hull_api::JsonMessage;
use serde_json::json;
use std::fs;
use std::path::Path;
use tar::{Builder, Header};

mod load;
mod remove;

/// A store in a directory of its own.
struct Store {
    root: tempfile::TempDir,
    service: ImageService,
}

impl Store {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let service = Self::open(root.path()).unwrap();
        Self { root, service }
    }

    fn open(root: &Path) -> Result<ImageService, ImageError> {
        ImageService::open(Arc::new(Paths::new(&root.join("data"), &root.join("exec"))), EventBus::new())
    }

    /// As after a restart of the daemon.
    fn again(&mut self) {
        self.service = Self::open(self.root.path()).unwrap();
    }

    fn load(&self, archive: &[u8]) -> Result<Vec<String>, ImageError> {
        self.service.load(archive, true, &|_: JsonMessage| {})
    }

    fn count(&self, folder: &str) -> usize {
        fs::read_dir(self.root.path().join("data").join(folder)).unwrap().count()
    }

    /// Layers, blobs, half-made things.
    fn counts(&self) -> (usize, usize, usize) {
        (self.count("layers") - 1, self.count("blobs/sha256"), self.count("staging") + self.count("trash"))
    }
}

/// A tar of these files.
fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = Header::new_ustar();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        builder.append_data(&mut header, name, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn layer(file: &str) -> Vec<u8> {
    tar(&[(file, file.as_bytes())])
}

fn config(layers: &[&[u8]]) -> Vec<u8> {
    let diff_ids: Vec<_> = layers.iter().map(|layer| Digest::of(layer).to_string()).collect();
    let config = json!({
        "architecture": "amd64", "os": "linux", "created": "2024-01-02T03:04:05Z",
        "config": {"Cmd": ["sh"], "Env": ["PATH=/bin"], "Labels": {"team": "a"}},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [{"created_by": "base"}, {"created_by": "env", "empty_layer": true}],
    });
    config.to_string().into_bytes()
}

/// What `docker save` wrote before version 25.
fn docker_archive(names: &[&str], layers: &[&[u8]]) -> Vec<u8> {
    let config = config(layers);
    let files: Vec<String> = (0..layers.len()).map(|n| format!("{n}/layer.tar")).collect();
    let manifest = json!([{"Config": "config.json", "RepoTags": names, "Layers": files}]).to_string();
    let mut entries: Vec<(&str, &[u8])> = files.iter().map(String::as_str).zip(layers.iter().copied()).collect();
    entries.push(("config.json", &config));
    entries.push(("manifest.json", manifest.as_bytes()));
    tar(&entries)
}

#[test]
fn the_embedded_image_is_there_at_the_first_start_and_not_twice() {
    if artifacts::HELLO.is_none() {
        println!("skipped: this build embeds no hello.tar; `cargo xtask build` makes it");
        return;
    }
    let mut store = Store::new();
    for _ in 0..2 {
        store.service.load_embedded().unwrap();
        let image = store.service.resolve("hull/hello").unwrap();
        assert_eq!(image.config.config.cmd.as_deref().unwrap(), ["/hello"]);
        let program = store.service.layer_paths(&image)[0].join("hello");
        assert!(fs::read(program).unwrap().starts_with(b"\x7fELF"));
        store.again();
    }
    assert_eq!(store.counts(), (1, 3, 0));

    // What a user put there stays.
    store.service.remove("hull/hello", true, false, &[]).unwrap();
    store.load(&docker_archive(&["hull/hello:latest"], &[&layer("mine")])).unwrap();
    let mine = store.service.resolve("hull/hello").unwrap();
    store.service.load_embedded().unwrap();
    assert_eq!(store.service.resolve("hull/hello").unwrap(), mine);
}
