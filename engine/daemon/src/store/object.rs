//! One JSON file per object, replaced by temp + rename: a person can read it, and a crash leaves the old or the new.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Version of the files' layout, written into each of them.
pub const SCHEMA: u32 = 1;

/// How long a write may be at risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// On disk before the call returns: create, rename, update, remove.
    Synced,
    /// Renamed before the call returns; a power cut may lose it, a crash of the daemon may not: start and exit.
    Renamed,
}

/// Why an object could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The file system refused.
    #[error("{operation} {}", path.display())]
    Io {
        /// What was being done.
        operation: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The file is not what this version writes.
    #[error("parse {}", path.display())]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A newer Hull wrote it.
    #[error("{} has schema {found}, this hulld reads up to {SCHEMA}: start the newer hulld again", path.display())]
    Schema {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
}

#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    schema: u32,
    #[serde(flatten)]
    object: T,
}

/// Reads an object; a missing file is `Ok(None)`.
///
/// # Errors
/// When the file cannot be read, is not valid, or was written by a newer version.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ObjectError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ObjectError::Io { operation: "read", path: path.to_owned(), source }),
    };
    let envelope: Envelope<T> =
        serde_json::from_slice(&text).map_err(|source| ObjectError::Parse { path: path.to_owned(), source })?;
    if envelope.schema > SCHEMA {
        return Err(ObjectError::Schema { path: path.to_owned(), found: envelope.schema });
    }
    Ok(Some(envelope.object))
}

/// Replaces an object. Blocking; callers that are async run it on a blocking thread.
///
/// # Errors
/// When the file system refuses; the old object is then still there.
pub fn write<T: Serialize>(path: &Path, object: &T, durability: Durability) -> Result<(), ObjectError> {
    let text = serde_json::to_vec_pretty(&Envelope { schema: SCHEMA, object })
        .map_err(|source| ObjectError::Parse { path: path.to_owned(), source })?;
    write_bytes(path, &text, durability)
}

/// Replaces a file's content by temp + rename.
///
/// # Errors
/// As [`write`].
pub fn write_bytes(path: &Path, content: &[u8], durability: Durability) -> Result<(), ObjectError> {
    let io_error = |operation| {
        let path = path.to_owned();
        move |source| ObjectError::Io { operation, path, source }
    };
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let mut file = File::create(&temporary).map_err(io_error("create"))?;
    file.write_all(content).map_err(io_error("write"))?;
    if durability == Durability::Synced {
        file.sync_data().map_err(io_error("sync"))?;
    }
    fs::rename(&temporary, path).map_err(io_error("rename"))?;
    if durability == Durability::Synced
        && let Some(directory) = path.parent()
    {
        sync_directory(directory).map_err(io_error("sync the directory of"))?;
    }
    Ok(())
}

/// Makes renames, creations and removals in a directory durable.
///
/// # Errors
/// What the kernel says.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Thing {
        name: String,
    }

    #[test]
    fn a_written_object_reads_back_and_a_missing_one_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("thing.json");
        assert_eq!(read::<Thing>(&path).unwrap(), None);
        for durability in [Durability::Synced, Durability::Renamed] {
            let thing = Thing { name: format!("{durability:?}") };
            write(&path, &thing, durability).unwrap();
            assert_eq!(read::<Thing>(&path).unwrap(), Some(thing));
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file stays");
    }

    #[test]
    fn a_newer_schema_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("thing.json");
        fs::write(&path, r#"{"schema": 99, "name": "x"}"#).unwrap();
        assert!(matches!(read::<Thing>(&path), Err(ObjectError::Schema { found: 99, .. })));
    }
}
