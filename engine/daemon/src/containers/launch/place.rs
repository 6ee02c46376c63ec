//! Where a container's cgroup is: below the engine's own, whose name says whose it is, or below a parent of the user's or in a
//! scope of systemd's, where nothing does. Then a note in the run directory tells the next daemon, whatever becomes of this one: it is written before the
//! cgroup is made, and goes after it.

use super::super::Kind;
use super::super::model::Container;
use super::super::runtime::StartError;
use super::super::spec;
use super::ShimRuntime;
use super::start::{blocking, refused, with_cause};
use super::systemd::Scope;
use crate::ids::ContainerId;
use crate::store::object::{self, Durability, ObjectError};
use crate::store::paths::Paths;
use hull_runtime::cgroup::{self, Cgroup, CgroupError, Driver, Hierarchies, ParentPath};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::oneshot;

/// See [`Paths::cgroup_note`].
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    directories: Vec<PathBuf>,
}

/// Makes the cgroup, where the container wants it, or else the daemon. `shim` tells the shim's pid, if there is one.
pub(super) async fn make(
    runtime: &ShimRuntime,
    container: Arc<Container>,
    shim: oneshot::Receiver<u32>,
) -> Result<Option<cgroup::Handle>, StartError> {
    let driver = spec::cgroup_driver(&container.host_config, &runtime.host.cgroups).map_err(|e| refused(e.into()))?;
    let place = match driver {
        Driver::Cgroupfs { parent: None } => Place::Own,
        Driver::Cgroupfs { parent: Some(parent) } => Place::Below(parent),
        Driver::Systemd { slice } => {
            // Its own error is the start's.
            let Ok(pid) = shim.await else { return Ok(None) };
            let scope = Scope::of(&container, &slice, pid);
            runtime
                .systemd
                .start_scope(&scope)
                .await
                .map_err(|e| StartError::system(with_cause("set up the cgroup", &e)))?;
            Place::Scope(pid)
        }
    };
    let (host, paths) = (runtime.host.clone(), runtime.paths.clone());
    blocking(move || make_at(&host, &paths, &container, place)).await.map(Some)
}

/// See [`Driver`].
enum Place {
    Own,
    Below(ParentPath),
    /// In the scope of this process.
    Scope(u32),
}

fn make_at(
    host: &spec::Host,
    paths: &Paths,
    container: &Container,
    place: Place,
) -> Result<cgroup::Handle, StartError> {
    let id = &container.id;
    fs::create_dir_all(paths.run(id)).map_err(|e| StartError::system(format!("create the run directory: {e}")))?;
    let resources = spec::resources(&container.host_config, &host.features).map_err(refused)?;
    let hierarchies = &host.features.hierarchies;
    let elsewhere = match place {
        Place::Own => None,
        Place::Below(parent) => Some(Cgroup::layout_below(hierarchies, &parent, id.as_str())),
        Place::Scope(pid) => Some(Cgroup::layout_in_scope(hierarchies, pid).map_err(failed)?),
    };
    let made = match elsewhere {
        None => Cgroup::create(hierarchies, paths.engine_id(), id.as_str(), &resources),
        Some(cgroup) => {
            let note = Note { directories: cgroup.directories() };
            object::write(&paths.cgroup_note(id), &note, Durability::Renamed)
                .map_err(|error| StartError::system(with_cause("note the cgroup's place", &error)))?;
            cgroup.create_below(hierarchies, &resources)
        }
    };
    let (cgroup, warnings) = made.map_err(failed)?;
    for warning in warnings {
        tracing::warn!(container = %id, %warning, "a limit is not applied");
    }
    Ok(Arc::new(cgroup))
}

fn failed(error: CgroupError) -> StartError {
    let kind = if error.is_no_place() { Kind::BadParameter } else { Kind::System };
    StartError { kind, ..StartError::system(with_cause("set up the cgroup", &error)) }
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
