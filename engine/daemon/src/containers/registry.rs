//! Which containers there are, by id, by the beginning of an id, and by name.
//!
//! A name is reserved before its container exists, so that of two simultaneous creates one loses cleanly.

use super::error::ContainerError;
use super::owner::Handle;
use crate::ids::ContainerId;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// All containers of the engine.
#[derive(Debug, Default)]
pub(super) struct Registry {
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    containers: BTreeMap<String, Handle>,
    names: HashMap<String, ContainerId>,
}

impl Registry {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        // Every method leaves the tables whole.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// By id, name (with or without its slash) or a unique beginning of the id, in Docker's order.
    pub(super) fn find(&self, key: &str) -> Result<Handle, ContainerError> {
        let tables = self.tables();
        if let Some(handle) = tables.containers.get(key) {
            return Ok(handle.clone());
        }
        let name = key.strip_prefix('/').unwrap_or(key);
        if let Some(handle) = tables.names.get(name).and_then(|id| tables.containers.get(id.as_str())) {
            return Ok(handle.clone());
        }
        let not_found = || ContainerError::NotFound(key.to_owned());
        if key.is_empty() {
            return Err(not_found());
        }
        let from = (Bound::Included(key), Bound::Unbounded);
        let mut matches = tables.containers.range::<str, _>(from).take_while(|(id, _)| id.starts_with(key));
        match (matches.next(), matches.next()) {
            (Some((_, handle)), None) => Ok(handle.clone()),
            (Some(_), Some(_)) => Err(ContainerError::Ambiguous(key.to_owned())),
            (None, _) => Err(not_found()),
        }
    }

    /// All of them, by id.
    pub(super) fn all(&self) -> Vec<Handle> {
        self.tables().containers.values().cloned().collect()
    }

    /// Takes a name for a container that is about to exist or to be renamed.
    pub(super) fn reserve(&self, name: &str, id: &ContainerId) -> Result<(), ContainerError> {
        let mut tables = self.tables();
        match tables.names.get(name) {
            Some(owner) if owner != id => {
                Err(ContainerError::NameInUse { name: name.to_owned(), id: owner.to_string() })
            }
            _ => {
                tables.names.insert(name.to_owned(), id.clone());
                Ok(())
            }
        }
    }

    /// Gives a name back, if it is this container's.
    pub(super) fn release(&self, name: &str, id: &ContainerId) {
        let mut tables = self.tables();
        if tables.names.get(name) == Some(id) {
            tables.names.remove(name);
        }
    }

    /// Lets go of all containers.
    pub(super) fn clear(&self) {
        *self.tables() = Tables::default();
    }

    /// Makes a container visible.
    pub(super) fn insert(&self, handle: Handle) {
        self.tables().containers.insert(handle.id().to_string(), handle);
    }

    /// Takes a container and all its names out of sight.
    pub(super) fn remove(&self, id: &ContainerId) {
        let mut tables = self.tables();
        tables.containers.remove(id.as_str());
        tables.names.retain(|_, owner| owner != id);
    }
}
