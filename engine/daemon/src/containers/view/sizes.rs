//! How much a container's files take up.

use crate::containers::ContainerService;
use crate::containers::model::Container;
use crate::store::object;
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file this small may lie in its inode, and take no block.
const SMALL: u64 = 64 * 1024;

/// Bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::containers) struct Sizes {
    /// What it wrote.
    pub(in crate::containers) writable: i64,
    /// That, and its image.
    pub(in crate::containers) root: i64,
}

/// What is needed of `layer.json`.
#[derive(Deserialize)]
struct Layer {
    size: u64,
}

impl ContainerService {
    /// Reads the sizes from the disk, of all in one go. An image's layers never change, and their size is written down
    /// beside them.
    pub(in crate::containers) async fn sizes(&self, containers: &[Arc<Container>]) -> Vec<Sizes> {
        let paths = self.shared.paths.clone();
        let containers = containers.to_vec();
        let unknown = vec![Sizes::default(); containers.len()];
        let measured = tokio::task::spawn_blocking(move || {
            let mut layers = Layers { directory: paths.layers(), sizes: HashMap::new() };
            let sizes = containers.iter().map(|container| {
                let writable = directory_size(&paths.container_upper(&container.id));
                let image: i64 = container.layers.iter().map(|layer| layers.size(layer)).sum();
                Sizes { writable, root: writable + image }
            });
            sizes.collect()
        });
        measured.await.unwrap_or(unknown)
    }
}

/// Layers' sizes; most containers are of a few images.
struct Layers {
    directory: PathBuf,
    sizes: HashMap<String, i64>,
}

impl Layers {
    fn size(&mut self, layer: &str) -> i64 {
        if let Some(size) = self.sizes.get(layer) {
            return *size;
        }
        let size = layer_size(&self.directory.join(layer));
        self.sizes.insert(layer.to_owned(), size);
        size
    }
}

fn layer_size(layer: &Path) -> i64 {
    // The short name is a link to the layer's files; its description lies beside them.
    match object::read::<Layer>(&layer.join("../layer.json")) {
        Ok(Some(layer)) => i64::try_from(layer.size).unwrap_or(i64::MAX),
        _ => directory_size(layer),
    }
}

/// What the files below take, each inode once. What vanishes meanwhile counts nothing.
fn directory_size(directory: &Path) -> i64 {
    let mut seen = HashSet::new();
    let mut total = 0;
    let mut pending = vec![directory.to_owned()];
    while let Some(directory) = pending.pop() {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for entry in entries.flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_dir() {
                pending.push(entry.path());
            } else if meta.nlink() == 1 || seen.insert((meta.dev(), meta.ino())) {
                total += file_size(&meta);
            }
        }
    }
    total.cast_signed()
}

/// A file's length, but for its holes: they take nothing, and give nothing back.
fn file_size(meta: &Metadata) -> u64 {
    if meta.len() < SMALL { meta.len() } else { meta.len().min(meta.blocks() * 512) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn bytes_count_and_holes_and_further_names_do_not() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        fs::create_dir_all(path("a/b")).unwrap();
        fs::write(path("a/small"), "hello\n").unwrap();
        fs::hard_link(path("a/small"), path("a/b/same")).unwrap();
        let holes = fs::File::create(path("a/holes")).unwrap();
        holes.set_len(1 << 30).unwrap();
        assert_eq!(directory_size(root.path()), 6);
        holes.write_all_at(&[1; 1 << 20], 1 << 29).unwrap();
        holes.sync_all().unwrap();
        let size = directory_size(root.path());
        assert!(((1 << 20) + 6..2 << 20).contains(&size), "{size}");
    }

    #[test]
    fn a_layers_size_is_read_beside_it() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("0123/diff")).unwrap();
        fs::create_dir(root.path().join("l")).unwrap();
        std::os::unix::fs::symlink("../0123/diff", root.path().join("l/01")).unwrap();
        let json = serde_json::json!({"size": 4711});
        object::write(&root.path().join("0123/layer.json"), &json, object::Durability::Renamed).unwrap();
        assert_eq!(layer_size(&root.path().join("l/01")), 4711);
    }
}
