//! Named volumes of the driver `local`: a directory below the data root each.
//!
//! ```text
//! volumes/<name>/volume.json   what was asked for
//! volumes/<name>/_data         what containers mount
//! ```
//! The directory is renamed into place from the staging area when it is complete and into the trash before it is
//! deleted, so a crash leaves a whole volume or none. Which containers use a volume lives in memory only: the
//! containers themselves are the durable record, and the containers service calls [`VolumeService::claim`]
//! for each after a restart. All functions block on the file system; async callers run them on a blocking thread.

mod directory;
mod error;
mod filter;
mod name;
mod unfinished;

pub use error::VolumeError;
pub use filter::Filters;

use crate::events::{Event, EventBus, Kind};
use crate::ids::{ContainerId, random_hex};
use crate::store::paths::Paths;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The one driver.
pub const DRIVER: &str = "local";

/// Label of a volume that nobody named: made for a container's `-v /path` or an image's `VOLUME`.
pub const ANONYMOUS: &str = "com.docker.volume.anonymous";

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// RFC 3339, when it was made.
    pub created: String,
    /// Labels of the request.
    pub labels: BTreeMap<String, String>,
    /// Driver options of the request.
    pub options: BTreeMap<String, String>,
    /// The container for which it was made, if nobody named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_for: Option<String>,
    /// Where its files are.
    #[serde(skip)]
    pub mountpoint: PathBuf,
}

impl Volume {
    /// The wire form. Sizes and users are asked for only where they are shown ([`VolumeService::size`],
    /// [`VolumeService::users`]).
    pub fn view(&self) -> hull_api::volume::Volume {
        hull_api::volume::Volume {
            name: self.name.clone(),
            driver: DRIVER.to_owned(),
            mountpoint: self.mountpoint.display().to_string(),
            created_at: self.created.clone(),
            labels: self.labels.clone(),
            options: self.options.clone(),
            scope: "local".to_owned(),
            ..hull_api::volume::Volume::default()
        }
    }
}

/// What `POST /volumes/create` may say.
#[derive(Debug, Clone, Default)]
pub struct NewVolume {
    /// Empty: a random name.
    pub name: String,
    /// Empty or `local`.
    pub driver: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Driver options.
    pub options: BTreeMap<String, String>,
}

impl From<&str> for NewVolume {
    /// Of this name, and nothing else said.
    fn from(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }
}

/// What a prune did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Names of the volumes that are gone.
    pub names: Vec<String>,
    /// Bytes that their files held.
    pub reclaimed: u64,
}

#[derive(Debug)]
struct Entry {
    volume: Volume,
    users: BTreeSet<ContainerId>,
}

/// The engine's volumes.
#[derive(Debug)]
pub struct VolumeService {
    paths: Arc<Paths>,
    /// One that nobody reads, until [`VolumeService::publish_to`].
    events: EventBus,
    /// Held while directories change, so that two requests for one name meet. Readers need only `entries`.
    changing: Mutex<()>,
    entries: Mutex<BTreeMap<String, Entry>>,
}

impl VolumeService {
    /// Reads all volumes.
    ///
    /// # Errors
    /// When the directory or a description in it cannot be read.
    pub fn open(paths: Arc<Paths>) -> Result<Self, VolumeError> {
        directory::clear_staging(&paths)?;
        let entries = directory::load(&paths)?
            .into_iter()
            .map(|volume| (volume.name.clone(), Entry { volume, users: BTreeSet::new() }))
            .collect();
        Ok(Self { paths, events: EventBus::new(), changing: Mutex::new(()), entries: Mutex::new(entries) })
    }

    /// Tells of volumes that are made and deleted from here on.
    #[must_use]
    pub fn publish_to(mut self, events: EventBus) -> Self {
        self.events = events;
        self
    }

    fn publish(&self, action: &'static str, volume: &str) {
        self.events.publish(Event::new(Kind::Volume, action, volume).with("driver", DRIVER));
    }

    /// Makes a volume. One that exists is returned as it is, as Docker does.
    ///
    /// # Errors
    /// When the name, driver or options are not acceptable, or the file system refuses.
    pub fn create(&self, new: NewVolume) -> Result<Volume, VolumeError> {
        let _changing = lock(&self.changing);
        self.create_locked(new, None)
    }

    fn create_locked(&self, mut new: NewVolume, container: Option<&ContainerId>) -> Result<Volume, VolumeError> {
        let mut made_for = None;
        if new.name.is_empty() {
            new.name = random_hex().map_err(VolumeError::Random)?;
            new.labels.insert(ANONYMOUS.to_owned(), String::new());
            made_for = container.map(ContainerId::to_string);
        }
        if !new.driver.is_empty() && new.driver != DRIVER {
            return Err(VolumeError::NoDriver { name: new.name, driver: new.driver });
        }
        name::validate(&new.name)?;
        check_options(&new)?;
        if let Some(entry) = lock(&self.entries).get(&new.name) {
            return Ok(entry.volume.clone());
        }
        let volume = Volume {
            mountpoint: self.paths.volume_data(&new.name),
            name: new.name,
            created: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            labels: new.labels,
            options: new.options,
            made_for,
        };
        directory::create(&self.paths, &volume)?;
        let entry = Entry { volume: volume.clone(), users: BTreeSet::new() };
        lock(&self.entries).insert(volume.name.clone(), entry);
        self.publish("create", &volume.name);
        Ok(volume)
    }

    /// The volume for a mount of a container, made when it doesn't exist (an empty name: always a new one). It can't
    /// be removed until [`VolumeService::release`].
    ///
    /// # Errors
    /// As [`VolumeService::create`].
    pub fn acquire(&self, new: impl Into<NewVolume>, container: &ContainerId) -> Result<Volume, VolumeError> {
        let _changing = lock(&self.changing);
        let volume = self.create_locked(new.into(), Some(container))?;
        if let Some(entry) = lock(&self.entries).get_mut(&volume.name) {
            entry.users.insert(container.clone());
        }
        Ok(volume)
    }

    /// The container is removed: it uses no volume any more. With `remove_anonymous` (`rm -v`, `--rm`) volumes that
    /// nobody named and nobody else uses go with it; their names are returned.
    ///
    /// # Errors
    /// When a volume's directory cannot be removed; the container's references are gone all the same.
    pub fn release(&self, container: &ContainerId, remove_anonymous: bool) -> Result<Vec<String>, VolumeError> {
        let _changing = lock(&self.changing);
        let mut orphans = Vec::new();
        for (name, entry) in lock(&self.entries).iter_mut() {
            let used = entry.users.remove(container);
            if used && remove_anonymous && entry.users.is_empty() && entry.volume.labels.contains_key(ANONYMOUS) {
                orphans.push(name.clone());
            }
        }
        for name in &orphans {
            self.remove_locked(name)?;
        }
        Ok(orphans)
    }

    /// Volumes that match the filters, by name.
    ///
    /// # Errors
    /// When a filter is unknown.
    pub fn list(&self, filters: &Filters) -> Result<Vec<Volume>, VolumeError> {
        let mut found = Vec::new();
        for entry in lock(&self.entries).values() {
            if filter::listed(&entry.volume, !entry.users.is_empty(), filters)? {
                found.push(entry.volume.clone());
            }
        }
        Ok(found)
    }

    /// One volume.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn inspect(&self, name: &str) -> Result<Volume, VolumeError> {
        let entries = lock(&self.entries);
        entries.get(name).map(|e| e.volume.clone()).ok_or_else(|| VolumeError::NotFound(name.to_owned()))
    }

    /// The containers that use it.
    pub fn users(&self, name: &str) -> Vec<ContainerId> {
        lock(&self.entries).get(name).map(|e| e.users.iter().cloned().collect()).unwrap_or_default()
    }

    /// How many bytes its files hold.
    ///
    /// # Errors
    /// When there is none of this name or its files cannot be read.
    pub fn size(&self, name: &str) -> Result<u64, VolumeError> {
        directory::size(&self.inspect(name)?.mountpoint)
    }

    /// Deletes a volume and its files.
    ///
    /// # Errors
    /// When there is none, containers use it, or the file system refuses.
    pub fn remove(&self, name: &str) -> Result<(), VolumeError> {
        let _changing = lock(&self.changing);
        self.remove_locked(name)
    }

    fn remove_locked(&self, name: &str) -> Result<(), VolumeError> {
        match lock(&self.entries).get(name) {
            None => return Err(VolumeError::NotFound(name.to_owned())),
            Some(entry) if !entry.users.is_empty() => {
                let users = entry.users.iter().map(ContainerId::to_string).collect();
                return Err(VolumeError::InUse { name: name.to_owned(), users });
            }
            Some(_) => {}
        }
        directory::remove(&self.paths, name)?;
        lock(&self.entries).remove(name);
        self.publish("destroy", name);
        Ok(())
    }

    /// Deletes unused volumes: those that nobody named, or all of them with the filter `all`.
    ///
    /// # Errors
    /// When a filter is unknown or the file system refuses.
    pub fn prune(&self, filters: &Filters) -> Result<Pruned, VolumeError> {
        let _changing = lock(&self.changing);
        let mut doomed = Vec::new();
        for entry in lock(&self.entries).values() {
            if filter::pruned(&entry.volume, filters)? && entry.users.is_empty() {
                doomed.push(entry.volume.clone());
            }
        }
        let mut pruned = Pruned::default();
        for volume in doomed {
            let size = directory::size(&volume.mountpoint)?;
            self.remove_locked(&volume.name)?;
            pruned.reclaimed += size;
            pruned.names.push(volume.name);
        }
        let event = Event::new(Kind::Volume, "prune", "");
        self.events.publish(event.with("reclaimed", pruned.reclaimed.to_string()));
        Ok(pruned)
    }
}

/// `type`, `o` and `device` would mount something at first use, `size` needs a quota: not built yet, and said so
/// rather than ignored.
fn check_options(new: &NewVolume) -> Result<(), VolumeError> {
    match new.options.keys().next() {
        None => Ok(()),
        Some(option) if ["type", "o", "device", "size"].contains(&option.as_str()) => {
            Err(VolumeError::UnsupportedOption { name: new.name.clone(), option: option.clone() })
        }
        Some(option) => Err(VolumeError::InvalidOption { name: new.name.clone(), option: option.clone() }),
    }
}

/// A panic elsewhere leaves the maps whole: each is changed by single calls.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
