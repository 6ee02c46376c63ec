//! Content-addressed files: configurations, manifests, and layers as they were delivered.

use super::digest::{Digest, Hashing};
use super::error::ImageError;
use crate::archive::Limited;
use crate::store::object::{self, Durability};
use crate::store::paths::Paths;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// A configuration or a manifest larger than this is not one.
pub(super) const LARGEST_DOCUMENT: u64 = 4 << 20;

/// Writes a document under its digest.
pub(super) fn put(paths: &Paths, bytes: &[u8]) -> Result<Digest, ImageError> {
    let digest = Digest::of(bytes);
    let path = paths.blob(&digest.hex());
    if !path.exists() {
        object::write_bytes(&path, bytes, Durability::Synced)?;
    }
    Ok(digest)
}

/// Copies a stream into a file of a staging directory; its digest and its length.
pub(super) fn spool(input: impl Read, path: &Path, most: u64) -> Result<(Digest, u64), ImageError> {
    let mut input = Hashing::new(Limited::new(input, most));
    let mut file = File::create(path).map_err(ImageError::io("create", path))?;
    // Not io::copy with a map_err on the file: it may be the sender who failed.
    io::copy(&mut input, &mut file).map_err(ImageError::io("copy the archive into", path))?;
    Ok(input.finish())
}

/// Takes a spooled file over as a blob. The file stays usable until its staging directory goes.
pub(super) fn adopt(paths: &Paths, file: &Path, digest: Digest) -> Result<(), ImageError> {
    let path = paths.blob(&digest.hex());
    if path.exists() {
        return Ok(());
    }
    let synced = File::open(file).and_then(|file| file.sync_data());
    synced.map_err(ImageError::io("sync", file))?;
    match fs::hard_link(file, &path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        result => result.map_err(ImageError::io("link", &path))?,
    }
    let folder = paths.blobs();
    object::sync_directory(&folder).map_err(ImageError::io("sync", &folder))
}

/// Opens a blob.
pub(super) fn open(paths: &Paths, digest: Digest) -> Result<File, ImageError> {
    let path = paths.blob(&digest.hex());
    File::open(&path).map_err(ImageError::io("open", &path))
}
