//! From a container to a view of its root.

use super::super::model::{Container, NetworkMode};
use super::super::mounts::MountKind;
use super::error::FilesError;
use super::gate::Lease;
use super::populate::populate;
use super::view::{Graft, Overlay, View, namespace_of};
use crate::ids::ContainerId;
use crate::store::paths::Paths;
use hull_runtime::plan::overlay_options;
use std::path::PathBuf;
use std::sync::Arc;

/// Files that the engine writes for each container, and where they are mounted.
const GENERATED: [(&str, &str); 3] =
    [("resolv.conf", "/etc/resolv.conf"), ("hostname", "/etc/hostname"), ("hosts", "/etc/hosts")];

/// A container's files, for as long as this value lives.
#[derive(Debug)]
pub(in crate::containers) struct Access {
    /// As it was when it was asked for.
    pub(in crate::containers) container: Arc<Container>,
    pub(in crate::containers) lease: Lease,
}

impl Access {
    /// The pid of its init, where that has the container's files as its root.
    fn pid(&self) -> Option<u32> {
        let own_root = self.container.host_config.mnt_mode != "host";
        self.container.state.run().map(|run| run.pid).filter(|_| own_root)
    }

    /// Its root without what is mounted there. Blocking.
    pub(super) fn bare(&self, paths: &Paths) -> Result<Arc<View>, FilesError> {
        let Some(pid) = self.pid() else { return self.still(paths) };
        let running = namespace_of(pid, self.container.id.as_str())
            .and_then(|namespace| View::of_namespace(namespace, Vec::new()));
        match running {
            Ok((view, _)) => Ok(Arc::new(view)),
            // It has just ended, and cannot start again while this lease is there.
            Err(error) if error.is_gone() => self.still(paths),
            Err(error) => Err(error.into()),
        }
    }

    /// Its root with volumes, binds, and where it runs its tmpfs. Blocking.
    pub(super) fn whole(&self, paths: &Paths) -> Result<Arc<View>, FilesError> {
        if self.container.host_config.mnt_mode == "host" {
            return Err(FilesError::HostFiles(self.container.id.to_string()));
        }
        if let Some(pid) = self.pid() {
            let running = namespace_of(pid, self.container.id.as_str())
                .and_then(|namespace| View::of_namespace(namespace, self.targets()))
                .and_then(|(bare, grafts)| bare.with(grafts));
            match running {
                Err(error) if error.is_gone() => {}
                view => return Ok(Arc::new(view?)),
            }
        }
        let bare = self.still(paths)?;
        Ok(Arc::new(bare.with(self.sources(&bare, paths)?)?))
    }

    fn still(&self, paths: &Paths) -> Result<Arc<View>, FilesError> {
        self.lease.still(|| {
            let id = &self.container.id;
            let lower: Vec<PathBuf> = self.container.layers.iter().map(PathBuf::from).collect();
            let writable = (&*paths.container_upper(id), &*paths.container_work(id));
            let options = overlay_options(&lower, Some(writable)).map_err(|error| FilesError::Io {
                operation: "name the container's layers",
                source: std::io::Error::other(error),
            })?;
            let overlay = Overlay { layers: paths.layers(), options, over: paths.exec_root().to_owned() };
            Ok(View::of_overlay(overlay)?)
        })
    }

    /// Where a running container has mounts that are worth seeing, the shallow ones first.
    fn targets(&self) -> Vec<String> {
        let generated = GENERATED.iter().map(|(_, target)| (*target).to_owned());
        let mounts = self.container.mounts.iter().map(|mount| mount.target.clone());
        let tmpfs = self.container.host_config.tmpfs.keys().cloned();
        let mut targets: Vec<String> = generated.chain(mounts).chain(tmpfs).collect();
        targets.sort_by_key(|target| depth(target));
        targets.dedup();
        targets
    }

    /// What a start would mount, but for memory.
    fn sources(&self, bare: &View, paths: &Paths) -> Result<Vec<Graft>, FilesError> {
        let container = &self.container;
        let mut grafts = Vec::new();
        // Who shares a network shares its names too.
        let other = match container.network_mode() {
            NetworkMode::Container(id) => ContainerId::try_from(id).ok(),
            _ => None,
        };
        let files_of = other.as_ref().unwrap_or(&container.id);
        for (file, target) in GENERATED {
            let source = paths.container_file(files_of, file);
            // Made at the first start.
            if source.exists() && !container.mounts.iter().any(|mount| mount.target == target) {
                grafts.push((target.to_owned(), Graft::of_host(&source, target, false, false)?));
            }
        }
        for mount in container.mounts.iter().filter(|mount| mount.kind.is_on_the_host()) {
            if !mount.source.exists() {
                if !mount.create_source {
                    return Err(FilesError::NoSource(mount.source.display().to_string()));
                }
                let made = std::fs::create_dir_all(&mount.source);
                made.map_err(|source| FilesError::Io { operation: "create the source of a bind mount", source })?;
            }
            if mount.kind == MountKind::Volume && mount.copy_up {
                populate(bare, mount)?;
            }
            let graft = match mount.subpath.is_empty() {
                true => Graft::of_host(&mount.source, &mount.target, mount.recursive, mount.read_only)?,
                false => Graft::of_part(&mount.source, &mount.subpath, &mount.target, mount.read_only)?,
            };
            grafts.push((mount.target.clone(), graft));
        }
        grafts.sort_by_key(|(target, _)| depth(target));
        Ok(grafts.into_iter().map(|(_, graft)| graft).collect())
    }
}

fn depth(path: &str) -> usize {
    path.matches('/').count()
}
