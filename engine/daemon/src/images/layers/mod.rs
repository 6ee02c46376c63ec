//! Unpacked layers: one directory for each chain id, made whole or not at all.
//!
//! ```text
//! staging/images-<random>/{diff,discard}   while it is unpacked
//! layers/<chain id>/{diff,layer.json}      after one rename
//! layers/l/<16 digits> -> ../<chain id>/diff
//! ```
//! The links exist because mount(2) takes one page of options: 127 lower directories fit only with short names, relative
//! to `layers/`. They follow from the chain ids, so they are made anew where they are missing.

use super::digest::{Digest, Hashing};
use crate::archive::{ArchiveError, Limited, Limits, Rules, Tree, UnpackError, decompress, unpack};
use crate::ids::random_hex;
use crate::store::object::{self, Durability, ObjectError};
use crate::store::paths::Paths;
use rustix::fs::{Mode, OFlags, RenameFlags};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// More layers than Docker has ever accepted; see the module's text for what the kernel accepts.
pub(crate) const MOST_LAYERS: usize = 127;
/// Names of our own directories in `staging/` and `trash/`, which other services use as well.
pub(crate) const OURS: &str = "images-";

/// What `layer.json` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Layer {
    pub(crate) chain_id: Digest,
    pub(crate) diff_id: Digest,
    /// Size of the files in it.
    pub(crate) size: u64,
}

/// Why a layer could not be added. Nothing of it is left then.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// Its tar cannot be unpacked.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// It cannot even be decompressed.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The content is not what the image's configuration promises.
    #[error("layer has the content {found}, its image says {expected}")]
    DiffId {
        /// From the configuration.
        expected: Digest,
        /// Computed.
        found: Digest,
    },
    /// The store's own directories.
    #[error("{operation} {}", path.display())]
    Store {
        /// What was being done.
        operation: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The description of the layer.
    #[error(transparent)]
    Object(#[from] ObjectError),
}

impl LayerError {
    /// Another archive would have been unpacked; else it is the disk or the kernel.
    pub fn is_the_archives_fault(&self) -> bool {
        match self {
            Self::Unpack(error) => error.is_the_archives_fault(),
            Self::Archive(_) | Self::DiffId { .. } => true,
            Self::Store { .. } | Self::Object(_) => false,
        }
    }
}

/// The chain ids of a stack of layers, bottom first (OCI image-spec, config.md).
pub(crate) fn chain_ids(diff_ids: &[Digest]) -> Vec<Digest> {
    let mut chain: Vec<Digest> = Vec::with_capacity(diff_ids.len());
    for diff_id in diff_ids {
        chain.push(match chain.last() {
            Some(parent) => Digest::of(format!("{parent} {diff_id}").as_bytes()),
            None => *diff_id,
        });
    }
    chain
}

/// The directory of a layer relative to `layers/`, short enough for many in one mount.
pub(crate) fn lower_dir(chain_id: &Digest) -> PathBuf {
    Path::new("l").join(&chain_id.hex()[..16])
}

/// A directory below `staging/` that is gone when this value is.
pub(crate) struct Staging(PathBuf);

impl Staging {
    pub(crate) fn new(paths: &Paths) -> Result<Self, LayerError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| LayerError::Store { operation: "create", path, source }
        };
        let name = random_hex().map_err(failed(Path::new("/dev/urandom")))?;
        let path = paths.staging().join(format!("{OURS}{}", &name[..16]));
        fs::create_dir_all(&path).map_err(failed(&path))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!("remove {}: {error}; the next start does it", self.0.display());
        }
    }
}

/// Unpacks a layer unless it is there. `tar` may be compressed; its content must have the digest `diff_id`. Several
/// callers may do this for the same layer at once: the first rename wins, and the others throw theirs away.
pub(crate) fn add(paths: &Paths, chain_id: Digest, diff_id: Digest, tar: impl Read) -> Result<Layer, LayerError> {
    let failed = |operation, path: &Path| {
        let path = path.to_owned();
        move |source: io::Error| LayerError::Store { operation, path, source }
    };
    let target = paths.layer(&chain_id.hex());
    let staging = Staging::new(paths)?;
    let staged = staging.path().join("layer");
    let (diff, discard) = (staged.join("diff"), staging.path().join("discard"));
    let mut folders = Vec::new();
    for path in [&staged, &diff, &discard] {
        fs::create_dir(path).map_err(failed("create", path))?;
        folders.push(path);
    }
    fs::set_permissions(&diff, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .map_err(failed("set the mode of", &diff))?;
    let limits = Limits::of_path(&diff).map_err(failed("look at the disk of", &diff))?;
    let open = |path: &Path| open(path).map_err(failed("open", path));

    let plain = decompress(tar)?;
    let mut hashing = Hashing::new(Limited::new(plain, limits.bytes));
    let size = unpack(&mut hashing, Tree::layer(open(&diff)?, open(&discard)?), Rules::Layer, limits)?;
    let (found, _) = hashing.finish();
    if found != diff_id {
        return Err(LayerError::DiffId { expected: diff_id, found });
    }
    let layer = Layer { chain_id, diff_id, size };
    object::write(&staged.join("layer.json"), &layer, Durability::Synced)?;
    match rustix::fs::renameat_with(rustix::fs::CWD, &staged, rustix::fs::CWD, &target, RenameFlags::NOREPLACE) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => {}
        Err(errno) => return Err(failed("rename", &staged)(errno.into())),
    }
    object::sync_directory(&paths.layers()).map_err(failed("sync", &target))?;
    link(paths, &chain_id).map_err(failed("link", &target))?;
    Ok(layer)
}

/// Whole layers on disk, after their links are there.
pub(crate) fn open_all(paths: &Paths) -> Result<HashMap<Digest, Layer>, LayerError> {
    let folder = paths.layers();
    let failed = |operation, path: &Path| {
        let path = path.to_owned();
        move |source: io::Error| LayerError::Store { operation, path, source }
    };
    fs::create_dir_all(paths.layer_links()).map_err(failed("create", &folder))?;
    let mut layers = HashMap::new();
    for entry in fs::read_dir(&folder).map_err(failed("read", &folder))? {
        let entry = entry.map_err(failed("read", &folder))?;
        let Some(chain_id) = entry.file_name().to_str().and_then(|name| Digest::from_hex(name).ok()) else { continue };
        if let Some(layer) = object::read::<Layer>(&entry.path().join("layer.json"))? {
            link(paths, &chain_id).map_err(failed("link", &entry.path()))?;
            layers.insert(chain_id, layer);
        }
    }
    Ok(layers)
}

/// Takes a layer out of use with one rename; the caller deletes the returned directory without any lock.
pub(crate) fn discard(paths: &Paths, chain_id: &Digest) -> Result<PathBuf, LayerError> {
    let failed = |operation, path: &Path| {
        let path = path.to_owned();
        move |source: io::Error| LayerError::Store { operation, path, source }
    };
    let from = paths.layer(&chain_id.hex());
    let name = random_hex().map_err(failed("read", Path::new("/dev/urandom")))?;
    let trash = paths.trash().join(format!("{OURS}{}", &name[..16]));
    fs::create_dir_all(paths.trash()).map_err(failed("create", &trash))?;
    let link = paths.layers().join(lower_dir(chain_id));
    match fs::remove_file(&link) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("remove", &link)(error)),
        _ => {}
    }
    fs::rename(&from, &trash).map_err(failed("rename", &from))?;
    Ok(trash)
}

fn link(paths: &Paths, chain_id: &Digest) -> io::Result<()> {
    let link = paths.layers().join(lower_dir(chain_id));
    let target = Path::new("..").join(chain_id.hex()).join("diff");
    match std::os::unix::fs::symlink(&target, &link) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // Sixteen digits of SHA-256 do not collide by chance; an image made so on purpose must not get another's files.
            if fs::read_link(&link)? == target {
                return Ok(());
            }
            Err(io::Error::new(io::ErrorKind::AlreadyExists, "another layer has the same first 16 digits"))
        }
        result => result,
    }
}

fn open(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

#[cfg(test)]
mod tests;
