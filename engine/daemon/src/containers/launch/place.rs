//! Where a container's cgroup is: below the engine's own, whose name says whose it is, or below a parent of the user's, where
//! nothing does. Then a note in the run directory tells the next daemon, whatever becomes of this one: it is written before the
//! cgroup is made, and goes after it.

use super::super::Kind;
use super::super::model::Container;
use super::super::runtime::StartError;
use super::super::spec;
use super::start::{refused, with_cause};
use crate::ids::ContainerId;
use crate::store::object::{self, Durability, ObjectError};
use crate::store::paths::Paths;
use hull_runtime::cgroup::{Cgroup, CgroupError, Hierarchies, Warning};
use oci_spec::runtime::LinuxResources;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// See [`Paths::cgroup_note`].
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    directories: Vec<PathBuf>,
}

/// Makes the cgroup, where the container wants it, or else the daemon.
pub(super) fn make(
    host: &spec::Host,
    paths: &Paths,
    container: &Container,
    resources: &LinuxResources,
) -> Result<(Cgroup, Vec<Warning>), StartError> {
    let hierarchies = &host.features.hierarchies;
    let wanted = spec::cgroup_parent(&container.host_config).map_err(|invalid| refused(invalid.into()))?;
    let Some(parent) = wanted.as_ref().or(host.cgroup_parent.as_ref()) else {
        let made = Cgroup::create(hierarchies, paths.engine_id(), container.id.as_str(), resources);
        return made.map_err(|error| failed(&error, Kind::System));
    };
    let cgroup = Cgroup::layout_below(hierarchies, parent, container.id.as_str());
    let note = Note { directories: cgroup.directories() };
    object::write(&paths.cgroup_note(&container.id), &note, Durability::Renamed)
        .map_err(|error| StartError::system(with_cause("note the cgroup's place", &error)))?;
    cgroup.create_below(hierarchies, resources).map_err(|error| {
        let kind = if error.is_no_place() { Kind::BadParameter } else { Kind::System };
        failed(&error, kind)
    })
}

fn failed(error: &CgroupError, kind: Kind) -> StartError {
    StartError { kind, ..StartError::system(with_cause("set up the cgroup", error)) }
}

/// The cgroup of a container that an earlier daemon has started.
pub(super) fn find(host: &spec::Host, paths: &Paths, id: &ContainerId) -> Result<Cgroup, CgroupError> {
    let hierarchies = &host.features.hierarchies;
    match noted(hierarchies, &paths.run(id)) {
        Ok(Some(cgroup)) => cgroup.opened(),
        Ok(None) => Cgroup::open(hierarchies, paths.engine_id(), id.as_str()),
        Err(error) => {
            tracing::error!(container = %id, %error, "it is looked for among the engine's own cgroups");
            Cgroup::open(hierarchies, paths.engine_id(), id.as_str())
        }
    }
}

/// The cgroup that a run directory has a note of, there or not.
pub(super) fn noted(hierarchies: &Hierarchies, run: &Path) -> Result<Option<Cgroup>, ObjectError> {
    let note: Option<Note> = object::read(&run.join(crate::store::paths::CGROUP_NOTE))?;
    Ok(note.and_then(|note| Cgroup::noted(hierarchies, &note.directories)))
}
