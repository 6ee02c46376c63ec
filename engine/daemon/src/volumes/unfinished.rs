//! After a crash: volumes are claimed again, and those that a create or a removal left half done go.

use super::{ANONYMOUS, VolumeError, VolumeService, lock};
use crate::ids::ContainerId;

impl VolumeService {
    /// A container that was there before the restart uses this volume. Unlike [`VolumeService::acquire`] it makes none:
    /// an empty volume in the place of a lost one would hide the loss.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn claim(&self, name: &str, container: &ContainerId) -> Result<(), VolumeError> {
        let mut entries = lock(&self.entries);
        let entry = entries.get_mut(name).ok_or_else(|| VolumeError::NotFound(name.to_owned()))?;
        entry.users.insert(container.clone());
        Ok(())
    }

    /// Removes those volumes that were made for a container which never came to be.
    ///
    /// # Errors
    /// When a volume's directory cannot be removed.
    pub fn forsake(&self, container: &ContainerId) -> Result<(), VolumeError> {
        let made = |entry: &super::Entry| entry.volume.made_for.as_deref() == Some(container.as_str());
        let names: Vec<String> =
            lock(&self.entries).values().filter(|entry| made(entry)).map(|entry| entry.volume.name.clone()).collect();
        self.discard(&names)
    }

    /// Removes those of these volumes that nobody named and nobody uses: the rest of a `rm -v`.
    ///
    /// # Errors
    /// When a volume's directory cannot be removed.
    pub fn discard(&self, names: &[String]) -> Result<(), VolumeError> {
        let _changing = lock(&self.changing);
        for name in names {
            let unused = lock(&self.entries)
                .get(name)
                .is_some_and(|entry| entry.users.is_empty() && entry.volume.labels.contains_key(ANONYMOUS));
            if unused {
                self.remove_locked(name)?;
            }
        }
        Ok(())
    }
}
