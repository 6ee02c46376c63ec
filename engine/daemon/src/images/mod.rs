//! Images: what containers are made from.
//!
//! ```text
//!   load, import ->  staging/  -> register -> layers/<chain id>/diff      (unpacked, for overlayfs)
//!                                             blobs/sha256/<digest>       (as delivered, for save)
//!                                             images/<id>.json, names.json
//! ```
//! All of it is known in memory, so `resolve`, `list` and `inspect` touch no disk. A change is written first, then
//! shown. Two locks: `writing` makes changes of descriptions follow each other; `arriving` is shared by those who bring
//! layers and blobs that nothing refers to yet, and exclusive for the sweep that deletes what nothing refers to.
//!
//! Layers' tars are kept as they were delivered, beside what was unpacked from them: `save` gives back the same bytes,
//! under the same digests.
//!
//! Images don't know containers: whoever asks for a removal says what is in use ([`ImageUse`]).

mod blobs;
mod change;
mod commit;
mod config;
mod digest;
mod embedded;
mod error;
mod filter;
mod import;
mod inspect;
mod layers;
mod list;
mod load;
mod progress;
mod record;
mod reference;
mod register;
mod remove;
mod resolve;
mod save;
mod sweep;
mod tag;

pub use change::ChangeError;
pub use commit::{CommitOptions, Committed, apply_changes};
pub use config::{HistoryEntry, ImageConfig, RootFs};
pub use digest::{BadDigest, Digest};
pub use error::{ImageError, Kind};
pub use import::ImportOptions;
pub use layers::LayerError;
pub use list::ListOptions;
pub use progress::Sink;
pub use record::Image;
pub use reference::{Reference, ReferenceError, Repository, Tagged};
pub use remove::ImageUse;

use crate::events::{Event, EventBus, Kind as EventKind};
use crate::store::paths::Paths;
use record::State;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The store of images. Clones share it. Every function blocks; `resolve`, `list`, `inspect` and `history` only for as
/// long as memory takes.
#[derive(Clone)]
pub struct ImageService {
    inner: Arc<Inner>,
}

struct Inner {
    paths: Arc<Paths>,
    events: EventBus,
    state: RwLock<State>,
    writing: Mutex<()>,
    arriving: RwLock<()>,
    /// Something was removed while layers arrived; the last to arrive sweeps.
    sweep_wanted: AtomicBool,
}

impl ImageService {
    /// Reads the store, and clears away what a crash left half done.
    ///
    /// # Errors
    /// When the data root cannot be read or written.
    pub fn open(paths: Arc<Paths>, events: EventBus) -> Result<Self, ImageError> {
        let state = State::open(&paths)?;
        let inner = Inner {
            paths,
            events,
            state: RwLock::new(state),
            writing: Mutex::new(()),
            arriving: RwLock::new(()),
            sweep_wanted: AtomicBool::new(false),
        };
        let service = Self { inner: Arc::new(inner) };
        service.clear_leftovers()?;
        service.sweep()?;
        Ok(service)
    }

    // A panic in a holder leaves the state as it was or as it should be: every change is one assignment.
    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.inner.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.inner.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn writing(&self) -> MutexGuard<'_, ()> {
        self.inner.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, action: &'static str, image: Digest, name: impl Into<String>) {
        let labels =
            self.state().images.get(&image).map(|image| image.config.config.labels.clone()).unwrap_or_default();
        let mut event = Event::new(EventKind::Image, action, image.to_string());
        for (label, value) in labels {
            event = event.with(label, value);
        }
        self.inner.events.publish(event.with("name", name));
    }
}

#[cfg(test)]
mod tests;
