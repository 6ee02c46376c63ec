//! What is on disk of an exec, beside its container's control socket: what was asked for, and how it ended once a daemon has told of that.
//!
//! Together with the record that the shim writes this says everything after a restart: an end here is one that was told; no end here but a
//! record is one that nobody saw; neither, and the shim knows it, is a running one. It goes with the container's run.

use super::ExecSpec;
use super::table::ExecEnd;
use crate::ids::ContainerId;
use crate::store::object::{self, Durability};
use crate::store::paths::Paths;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Description {
    pub(super) spec: ExecSpec,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) end: Option<ExecEnd>,
}

impl Description {
    /// Writes it. Without it the exec runs all the same; a restarted daemon will not know it.
    pub(super) async fn save(self, paths: &Arc<Paths>, container: &ContainerId) {
        let (paths, container) = (paths.clone(), container.clone());
        let _ = tokio::task::spawn_blocking(move || self.write(&paths, &container)).await;
    }

    fn write(&self, paths: &Paths, container: &ContainerId) {
        let path = paths.exec_json(container, &self.spec.id);
        if let Err(error) = object::write(&path, self, Durability::Renamed) {
            // With the container's end its run directory goes, and nobody needs this any more.
            let gone = !paths.run(container).exists();
            if !gone {
                tracing::warn!(%container, exec = self.spec.id, %error, "an exec will not survive a restart");
            }
        }
    }

    /// Writes the end that has been told, and takes away the shim's record of it. Blocking.
    pub(super) fn finish(self, paths: &Paths, container: &ContainerId) {
        self.write(paths, container);
        remove(&paths.exec_record(container, &self.spec.id));
    }
}

/// All descriptions of a container's present run. Blocking.
pub(super) fn read_all(paths: &Paths, container: &ContainerId) -> Vec<Description> {
    let directory = match fs::read_dir(paths.run(container)) {
        Ok(directory) => directory,
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::error!(%container, %error, "the execs of a container cannot be listed");
            }
            return Vec::new();
        }
    };
    let names = directory.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let ids = names.filter_map(|name| Some(Paths::exec_of(&name)?.to_owned()));
    let read = ids.filter_map(|id| match object::read::<Description>(&paths.exec_json(container, &id)) {
        Ok(found) => found.filter(|found| found.spec.id == id),
        Err(error) => {
            tracing::error!(%container, exec = id, %error, "an exec is left out");
            None
        }
    });
    read.collect()
}

/// The end of an exec that the shim has written down. Blocking.
pub(super) fn recorded(paths: &Paths, container: &ContainerId, exec: &str) -> Option<ExecEnd> {
    #[derive(Deserialize)]
    struct OnDisk {
        pid: u32,
        code: u8,
        finished_at: u64,
    }
    let text = fs::read(paths.exec_record(container, exec)).ok()?;
    match serde_json::from_slice::<OnDisk>(&text) {
        Ok(record) => Some(ExecEnd { pid: record.pid, code: record.code, at: Time::from_nanos(record.finished_at) }),
        Err(error) => {
            tracing::error!(%container, exec, %error, "an exec's exit record is damaged");
            None
        }
    }
}

/// Removes what is left of execs that nobody asks for any more.
pub(super) fn discard(paths: Arc<Paths>, execs: Vec<(ContainerId, String)>) {
    tokio::task::spawn_blocking(move || {
        for (container, exec) in execs {
            remove(&paths.exec_json(&container, &exec));
            remove(&paths.exec_record(&container, &exec));
        }
    });
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "a file of an exec stays behind");
    }
}
