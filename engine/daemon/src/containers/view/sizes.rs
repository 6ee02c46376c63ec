//! How much a container's files take up.

use crate::containers::ContainerService;
use crate::containers::model::Container;
use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::containers) struct Sizes {
    /// What it wrote.
    pub(in crate::containers) writable: i64,
    /// That, and its image.
    pub(in crate::containers) root: i64,
}

impl ContainerService {
    /// Reads the sizes from the disk.
    pub(in crate::containers) async fn sizes(&self, container: &Container) -> Sizes {
        let upper = self.shared.paths.container_upper(&container.id);
        let layers: Vec<_> = container.layers.iter().map(|layer| self.shared.paths.layers().join(layer)).collect();
        let measured = tokio::task::spawn_blocking(move || {
            let writable = directory_size(&upper);
            let image: i64 = layers.iter().map(|layer| directory_size(layer)).sum();
            Sizes { writable, root: writable + image }
        });
        measured.await.unwrap_or_default()
    }
}

/// The lengths of all files below, each inode once. What vanishes meanwhile counts nothing.
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
                total += meta.len();
            }
        }
    }
    total.cast_signed()
}
