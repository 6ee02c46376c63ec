//! Deleting what nothing refers to any more: layers, blobs, and what a crash left behind.

use super::ImageService;
use super::digest::Digest;
use super::error::ImageError;
use super::layers::{self, OURS};
use super::remove::ImageUse;
use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{PoisonError, RwLockReadGuard, TryLockError};

/// Held by whoever brings layers and blobs, until an image refers to them.
pub(super) struct Arriving<'a> {
    service: &'a ImageService,
    guard: Option<RwLockReadGuard<'a, ()>>,
}

impl Drop for Arriving<'_> {
    fn drop(&mut self) {
        drop(self.guard.take());
        if self.service.inner.sweep_wanted.load(Ordering::Acquire)
            && let Err(error) = self.service.sweep()
        {
            tracing::warn!("delete unused layers: {error}; the next start does it");
        }
    }
}

impl ImageService {
    /// Keeps the sweep away.
    pub(super) fn arriving(&self) -> Arriving<'_> {
        let guard = self.inner.arriving.read().unwrap_or_else(PoisonError::into_inner);
        Arriving { service: self, guard: Some(guard) }
    }

    /// Whether an image that was removed by force still waits for a container that holds it.
    pub fn holds_removed(&self) -> bool {
        self.state().images.values().any(|image| image.record.removed)
    }

    /// Frees such images; call it when a container was removed.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn collect(&self, in_use: &[ImageUse]) -> Result<(), ImageError> {
        let used: HashSet<&str> = in_use.iter().map(|used| &used.image[..]).collect();
        let idle = |state: &super::State| -> Vec<Digest> {
            let removed = state.images.values().filter(|image| image.record.removed);
            removed.map(|image| image.id).filter(|id| !used.contains(&id.to_string()[..])).collect()
        };
        if idle(&self.state()).is_empty() {
            return Ok(());
        }
        let writing = self.writing();
        let ids = idle(&self.state());
        for id in ids {
            self.forget(id)?;
        }
        drop(writing);
        self.sweep()
    }

    /// Deletes an image's file and its place in memory; its layers wait for the sweep.
    pub(super) fn forget(&self, id: Digest) -> Result<(), ImageError> {
        let path = self.inner.paths.image_json(&id.hex());
        fs::remove_file(&path).map_err(ImageError::io("remove", &path))?;
        let folder = self.inner.paths.images();
        crate::store::object::sync_directory(&folder).map_err(ImageError::io("sync", &folder))?;
        self.state_mut().images.remove(&id);
        Ok(())
    }

    /// Deletes layers and blobs that no image refers to. If layers are just arriving, whoever brings them does it after
    /// that.
    pub(super) fn sweep(&self) -> Result<(), ImageError> {
        self.inner.sweep_wanted.store(true, Ordering::Release);
        let trash = {
            let _alone = match self.inner.arriving.try_write() {
                Ok(guard) => guard,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return Ok(()),
            };
            self.inner.sweep_wanted.store(false, Ordering::Release);
            let _writing = self.writing();
            self.sweep_blobs()?;
            self.sweep_layers()?
        };
        // Deleting a large tree takes time, and nobody needs to wait for it with a lock.
        for path in trash {
            fs::remove_dir_all(&path).map_err(ImageError::io("remove", &path))?;
        }
        Ok(())
    }

    fn sweep_layers(&self) -> Result<Vec<PathBuf>, ImageError> {
        let unused: Vec<Digest> = {
            let state = self.state();
            let used: HashSet<&Digest> = state.images.values().flat_map(|image| &image.chain).collect();
            state.layers.keys().filter(|chain_id| !used.contains(chain_id)).copied().collect()
        };
        let mut trash = Vec::new();
        for chain_id in unused {
            self.state_mut().layers.remove(&chain_id);
            trash.push(layers::discard(&self.inner.paths, &chain_id)?);
        }
        Ok(trash)
    }

    fn sweep_blobs(&self) -> Result<(), ImageError> {
        let used: HashSet<Digest> = {
            let state = self.state();
            let records = state.images.values().map(|image| &image.record);
            let of = |record: &super::record::Record| {
                let layers = record.layers.iter().map(|blob| blob.digest);
                layers.chain(record.manifest).chain([record.id]).collect::<Vec<_>>()
            };
            records.flat_map(of).collect()
        };
        let folder = self.inner.paths.blobs();
        for entry in fs::read_dir(&folder).map_err(ImageError::io("read", &folder))? {
            let path = entry.map_err(ImageError::io("read", &folder))?.path();
            let digest = path.file_name().and_then(|name| name.to_str()).and_then(|name| Digest::from_hex(name).ok());
            // A name that is no digest is a temporary file whose writer died.
            if digest.is_none_or(|digest| !used.contains(&digest)) {
                fs::remove_file(&path).map_err(ImageError::io("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Empties our part of `staging/` and `trash/`.
    pub(super) fn clear_leftovers(&self) -> Result<(), ImageError> {
        for folder in [self.inner.paths.staging(), self.inner.paths.trash()] {
            for entry in fs::read_dir(&folder).map_err(ImageError::io("read", &folder))? {
                let entry = entry.map_err(ImageError::io("read", &folder))?;
                if !entry.file_name().to_string_lossy().starts_with(OURS) {
                    continue;
                }
                match fs::remove_dir_all(entry.path()) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(ImageError::io("remove", &entry.path())(error));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }
}
