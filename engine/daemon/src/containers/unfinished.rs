//! Removals with volumes that a crash cut short.
//!
//! A container is removed by the rename of its directory into the trash; the volumes that go with it are removed after
//! that. A mark in the directory says that they should: whoever finds it in the trash has them still to do.

use super::model::Container;
use crate::store::object;
use crate::store::paths::Paths;
use crate::volumes::VolumeService;
use std::fs::{self, File};
use std::io;
use std::path::Path;

const MARK: &str = "volumes-too";
const DESCRIPTION: &str = "container.json";

/// Its anonymous volumes will be removed with it.
pub(super) fn mark(paths: &Paths, container: &Container) -> io::Result<()> {
    if container.mounts.iter().all(|mount| mount.name.is_none()) {
        return Ok(());
    }
    match File::create(paths.container(&container.id).join(MARK)) {
        // Somebody deleted the directory by hand: there is nothing to be cut short.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.map(drop),
    }
}

/// Does what is left, once every volume that is in use is claimed. What fails stays, with a line in the log.
pub(super) fn finish(paths: &Paths, volumes: &VolumeService) -> io::Result<()> {
    for entry in fs::read_dir(paths.trash())? {
        let directory = entry?.path();
        if directory.join(MARK).exists()
            && let Err(error) = finish_one(&directory, volumes)
        {
            tracing::warn!(path = %directory.display(), error, "volumes of a removed container stay");
        }
    }
    Ok(())
}

fn finish_one(directory: &Path, volumes: &VolumeService) -> Result<(), String> {
    let container = object::read::<Container>(&directory.join(DESCRIPTION)).map_err(|error| error.to_string())?;
    let names: Vec<String> =
        container.into_iter().flat_map(|container| container.mounts).filter_map(|mount| mount.name).collect();
    volumes.discard(&names).map_err(|error| error.to_string())
}
