//! `cp`: look at a path, pack what is there, unpack what is sent.

use super::super::ContainerService;
use super::super::error::ContainerError;
use super::super::model::Container;
use super::error::FilesError;
use super::root::Access;
use super::view::View;
use super::walk::{self, Located, Written};
use super::{Revoked, blocking, stat, user};
use crate::archive::{Form, Limited, Limits, Rules, Tree, Writer, decompress, pack, unpack};
use crate::store::paths::Paths;
use hull_api::PathStat;
use rustix::fs::FileType;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::sync::Arc;

/// How to unpack what is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExtractOptions {
    /// What is unpacked becomes the container's user's.
    pub copy_uid_gid: bool,
    /// A directory does not give way to something else, nor something else to a directory.
    pub no_overwrite_dir_non_dir: bool,
}

/// Files on their way out of a container. They can be read until this value goes.
pub struct Outgoing {
    view: Arc<View>,
    what: What,
    /// The view is used up before the lease is given back.
    access: Access,
}

enum What {
    /// A directory and all that is in it, under this name.
    Directory { path: Vec<u8>, name: Vec<u8> },
    /// Anything else.
    One { located: Located, name: Vec<u8> },
    /// All but the mounts.
    Everything,
}

impl Outgoing {
    pub(super) fn export(paths: &Paths, access: Access) -> Result<Self, FilesError> {
        Ok(Self { view: access.bare(paths)?, what: What::Everything, access })
    }

    pub(super) fn container(&self) -> &Container {
        &self.access.container
    }

    /// Tells when this has to end.
    pub fn revoked(&self) -> Revoked {
        self.access.lease.revoked()
    }

    /// Writes a tar. Blocking.
    ///
    /// # Errors
    /// When a file cannot be read, or `output` takes no more.
    pub fn write(self, output: impl Write) -> Result<(), ContainerError> {
        self.pack(output).map_err(ContainerError::from)
    }

    fn pack(self, output: impl Write) -> Result<(), FilesError> {
        let root = self.view.root();
        let form = if matches!(self.what, What::Everything) { Form::Export } else { Form::Copy };
        let mut writer = Writer::new(output, form);
        match &self.what {
            What::Everything => pack(&mut writer, root, b"", b"")?,
            What::Directory { path, name } => pack(&mut writer, root, path, name)?,
            What::One { located, name } => {
                writer.entry(name, located.parent.as_fd(), &located.leaf, &located.stat)?;
            }
        }
        writer.finish()?;
        Ok(())
    }
}

impl ContainerService {
    /// What a path in a container names; a link at its end is not followed.
    ///
    /// # Errors
    /// When there is no such container or nothing has this path.
    pub async fn stat_path(&self, key: &str, path: &str) -> Result<PathStat, ContainerError> {
        let access = self.access(&self.find(key)?).await?;
        let (paths, key, path) = (self.shared.paths.clone(), key.to_owned(), path.to_owned());
        blocking(move || {
            let view = access.whole(&paths)?;
            look(&view, &Written::new(&path)).map(|(_, stat)| stat).map_err(FilesError::path(&path, &key))
        })
        .await
    }

    /// What a path names, to be packed.
    ///
    /// # Errors
    /// As [`ContainerService::stat_path`].
    pub async fn archive(&self, key: &str, path: &str) -> Result<(PathStat, Outgoing), ContainerError> {
        let access = self.access(&self.find(key)?).await?;
        let (paths, key, path) = (self.shared.paths.clone(), key.to_owned(), path.to_owned());
        let found = blocking(move || {
            let view = access.whole(&paths)?;
            let written = Written::new(&path);
            let failed = || FilesError::path(&path, &key);
            let (located, stat) = look(&view, &written).map_err(failed())?;
            let name = written.base().to_vec();
            let what = if located.is(FileType::Directory) {
                let path = walk::resolve(view.root(), &written.clean).map_err(failed())?;
                What::Directory { path, name }
            } else {
                What::One { located, name }
            };
            Ok((stat, Outgoing { view, what, access }))
        });
        let found = found.await?;
        // Not by the owner: it may wait for this very lease.
        self.shared.events.publish(found.1.access.container.event("archive-path"));
        Ok(found)
    }

    /// Unpacks an archive into a directory of a container. `body` gives it, and is told when it has to end.
    ///
    /// # Errors
    /// When there is no such container or directory, it must not be written to, or the archive is damaged or hostile.
    pub async fn extract<R: Read>(
        &self,
        key: &str,
        path: &str,
        options: ExtractOptions,
        body: impl FnOnce(Revoked) -> R + Send + 'static,
    ) -> Result<(), ContainerError> {
        let access = self.access(&self.find(key)?).await?;
        let (paths, key, path) = (self.shared.paths.clone(), key.to_owned(), path.to_owned());
        blocking(move || {
            let view = access.whole(&paths)?;
            let failed = || FilesError::path(&path, &key);
            let written = Written { directory: true, ..Written::new(&path) };
            let base = walk::resolve(view.root(), &written.clean).map_err(failed())?;
            let there = walk::find(view.root(), &base).map_err(failed())?;
            let stat = rustix::fs::fstat(&there).map_err(failed())?;
            if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
                return Err(FilesError::NotDirectory);
            }
            writable(&access.container, &base)?;
            let owner = match options.copy_uid_gid {
                true => user::owner(view.root(), &access.container.config.user)?,
                false => None,
            };
            let io = |operation| move |source| FilesError::Io { operation, source };
            let limits = Limits::of_file(&there).map_err(io("look at the disk of the container"))?;
            let root = view.root().try_clone_to_owned().map_err(io("keep the container's root"))?;
            let rules = Rules::Copy { owner, keep_kinds: options.no_overwrite_dir_non_dir };
            let tar = Limited::new(decompress(body(access.lease.revoked()))?, limits.bytes);
            unpack(tar, Tree::container(root, &base), rules, limits)?;
            Ok(access.container.event("extract-to-dir"))
        })
        .await
        .map(|event| self.shared.events.publish(event))
    }
}

fn look(view: &View, path: &Written) -> Result<(Located, PathStat), rustix::io::Errno> {
    let located = walk::locate(view.root(), path)?;
    let target = if located.is(FileType::Symlink) { walk::resolve(view.root(), &path.clean)? } else { Vec::new() };
    let stat = stat::of(path.base(), &located.stat, &target);
    Ok((located, stat))
}

/// Refuses what the container itself could not write to. The kernel would refuse most of it too, in other words.
fn writable(container: &Container, path: &[u8]) -> Result<(), FilesError> {
    let covers = |target: &str| {
        let rest = path.strip_prefix(target.as_bytes());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    };
    let mounts = container.mounts.iter().filter(|mount| covers(&mount.target));
    // The deepest one is what is seen there.
    match mounts.max_by_key(|mount| mount.target.len()) {
        Some(mount) if mount.read_only => Err(FilesError::ReadOnlyVolume),
        Some(mount) if mount.kind.is_on_the_host() || container.state.run().is_some() => Ok(()),
        _ if container.state.run().is_some() && container.host_config.tmpfs.keys().any(|target| covers(target)) => {
            Ok(())
        }
        _ if container.host_config.readonly_rootfs => Err(FilesError::ReadOnlyRoot),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Time;
    use serde_json::{Value, json};

    fn mount(target: &str, read_only: bool) -> Value {
        json!({"kind": "volume", "source": "/s", "target": target, "read_only": read_only, "propagation": "",
               "recursive": true, "copy_up": false, "mode": ""})
    }

    fn container(mounts: &[(&str, bool)], read_only: bool) -> Container {
        let mounts: Vec<Value> = mounts.iter().map(|(target, read_only)| mount(target, *read_only)).collect();
        let json = json!({
            "id": "0".repeat(64), "name": "c", "created": Time::NEVER, "image": "", "layers": [], "path": "", "args": [],
            "config": {}, "host_config": {"ReadonlyRootfs": read_only}, "networking": {}, "mounts": mounts,
            "state": {"status": "created"},
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn what_is_read_only_for_the_container_is_so_for_copies() {
        let answer = |container: &Container, path: &str| match writable(container, path.as_bytes()) {
            Ok(()) => String::new(),
            Err(error) => error.to_string(),
        };
        let open = container(&[("/data", false), ("/data/inner", false), ("/ro", true)], false);
        assert_eq!(answer(&open, "/"), "");
        assert_eq!(answer(&open, "/ro/below"), "mounted volume is marked read-only");
        assert_eq!(answer(&open, "/rosy"), "");
        let closed = container(&[("/data", false), ("/data/inner", true)], true);
        assert_eq!(answer(&closed, "/rosy"), "container rootfs is marked read-only");
        assert_eq!(answer(&closed, "/data/inner/x"), "mounted volume is marked read-only");
        assert_eq!(answer(&closed, "/data"), "");
    }
}
