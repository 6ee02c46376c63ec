//! A volume's directory: made whole, removed whole.

use super::{Volume, VolumeError, name};
use crate::ids::random_hex;
use crate::store::object::{self, Durability};
use crate::store::paths::Paths;
use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

const DESCRIPTION: &str = "volume.json";
const DATA: &str = "_data";
/// How our directories in the staging area and the trash begin, which other services use as well.
const OURS: &str = "volume-";

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> VolumeError {
    let path = path.to_owned();
    move |source| VolumeError::Io { operation, path, source }
}

/// Every volume below the data root.
pub(super) fn load(paths: &Paths) -> Result<Vec<Volume>, VolumeError> {
    let all = paths.volumes();
    fs::create_dir_all(&all).map_err(failed("create", &all))?;
    let mut volumes = Vec::new();
    for entry in fs::read_dir(&all).map_err(failed("read", &all))? {
        let file_name = entry.map_err(failed("read", &all))?.file_name();
        let Some(name) = file_name.to_str().filter(|n| name::validate(n).is_ok()) else {
            tracing::warn!(path = %all.join(&file_name).display(), "not a volume, left alone");
            continue;
        };
        match object::read::<Volume>(&paths.volume(name).join(DESCRIPTION))? {
            Some(mut volume) => {
                volume.mountpoint = paths.volume_data(name);
                volumes.push(volume);
            }
            // Volumes are renamed into place when complete, so this one was put here by somebody else. Its files may
            // be precious.
            None => tracing::warn!(volume = name, "has no {DESCRIPTION}, left alone"),
        }
    }
    Ok(volumes)
}

/// Removes what creations left half done whose daemon died. The trash is the containers' reaper's, whoever filled it.
pub(super) fn clear_staging(paths: &Paths) -> Result<(), VolumeError> {
    let folder = paths.staging();
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(failed("read", &folder)(e)),
    };
    for entry in entries {
        let entry = entry.map_err(failed("read", &folder))?;
        if entry.file_name().to_string_lossy().starts_with(OURS) {
            fs::remove_dir_all(entry.path()).map_err(failed("remove", &entry.path()))?;
        }
    }
    Ok(())
}

/// Makes the directory elsewhere and renames it into place, all of it durable.
pub(super) fn create(paths: &Paths, volume: &Volume) -> Result<(), VolumeError> {
    let staged = aside(&paths.staging(), &volume.name)?;
    // Others may pass through, as Docker's volumes allow, but not list what is there.
    fs::DirBuilder::new().mode(0o701).create(&staged).map_err(failed("create", &staged))?;
    let result = fill(paths, volume, &staged);
    if result.is_err() {
        let _ = fs::remove_dir_all(&staged);
    }
    result
}

fn fill(paths: &Paths, volume: &Volume, staged: &Path) -> Result<(), VolumeError> {
    let data = staged.join(DATA);
    fs::DirBuilder::new().mode(0o755).create(&data).map_err(failed("create", &data))?;
    object::write(&staged.join(DESCRIPTION), volume, Durability::Synced)?;
    let path = paths.volume(&volume.name);
    fs::rename(staged, &path).map_err(failed("create", &path))?;
    object::sync_directory(&paths.volumes()).map_err(failed("sync", &paths.volumes()))
}

/// Renames the directory away, which is durable and at once, and then deletes it.
pub(super) fn remove(paths: &Paths, name: &str) -> Result<(), VolumeError> {
    let path = paths.volume(name);
    let doomed = aside(&paths.trash(), name)?;
    fs::rename(&path, &doomed).map_err(failed("remove", &path))?;
    object::sync_directory(&paths.volumes()).map_err(failed("sync", &paths.volumes()))?;
    // The volume is gone for everybody; what is left of it in the trash is deleted at the next start.
    if let Err(error) = fs::remove_dir_all(&doomed) {
        tracing::warn!(path = %doomed.display(), %error, "files of a removed volume stay until the next start");
    }
    Ok(())
}

/// A new name in a directory on the same file system.
fn aside(directory: &Path, name: &str) -> Result<PathBuf, VolumeError> {
    fs::create_dir_all(directory).map_err(failed("create", directory))?;
    let unique = random_hex().map_err(failed("name a directory in", directory))?;
    Ok(directory.join(format!("{OURS}{name}-{}", &unique[..12])))
}

/// The lengths of all files below a directory, as Docker counts. Hard links count once; other file systems mounted there don't count.
pub(super) fn size(root: &Path) -> Result<u64, VolumeError> {
    let device = fs::symlink_metadata(root).map_err(failed("read", root))?.dev();
    let mut seen = HashSet::new();
    let mut total = 0;
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            // A container may be writing here: what vanishes meanwhile holds nothing.
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(e) => return Err(failed("read", &directory)(e)),
        };
        for entry in entries {
            let path = entry.map_err(failed("read", &directory))?.path();
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            if metadata.dev() != device {
                continue;
            }
            if metadata.is_dir() {
                open.push(path);
            } else if metadata.nlink() == 1 || seen.insert(metadata.ino()) {
                total += metadata.len();
            }
        }
    }
    Ok(total)
}
