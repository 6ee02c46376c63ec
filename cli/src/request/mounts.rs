//! Files: volumes, mounts, tmpfs, read-only roots.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use clap::Args;
use hull_api::{BindOptions, ContainerConfig, Empty, HostConfig, Mount};

use super::error::RequestError;
use super::mount_flag;
use crate::client::Host;

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Files")]
pub(crate) struct MountFlags {
    /// Bind mount a volume ([SOURCE:]DESTINATION[:OPTIONS])
    #[arg(short, long, value_name = "list")]
    volume: Vec<String>,
    /// Attach a filesystem mount to the container
    #[arg(long, value_name = "mount", value_parser = mount_flag::parse)]
    mount: Vec<Mount>,
    /// Mount a tmpfs directory
    #[arg(long, value_name = "list")]
    tmpfs: Vec<String>,
    /// Mount the container's root filesystem as read only
    #[arg(long)]
    read_only: bool,
    /// Optional volume driver for the container
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    volume_driver: String,
    /// Mount volumes from the specified container(s)
    #[arg(long, value_name = "list")]
    volumes_from: Vec<String>,
    /// Storage driver options for the container
    #[arg(long, value_name = "list")]
    storage_opt: Vec<String>,
    /// Bind mount the engine's own socket as /var/run/docker.sock (who has it can do anything)
    #[arg(long)]
    use_api_socket: bool,
}

impl MountFlags {
    /// `engine`: where the engine is.
    pub(crate) fn apply(
        self,
        config: &mut ContainerConfig,
        host: &mut HostConfig,
        engine: &Host,
    ) -> Result<(), RequestError> {
        for spec in self.volume {
            match volume(&spec)? {
                Volume::Anonymous(target) => {
                    config.volumes.insert(target, Empty {});
                }
                Volume::Bind(bind) => host.binds.push(bind),
            }
        }
        host.mounts = self.mount;
        if self.use_api_socket {
            host.mounts.push(api_socket(engine)?);
        }
        host.tmpfs = self.tmpfs.iter().map(|spec| split_tmpfs(spec)).collect::<BTreeMap<_, _>>();
        host.readonly_rootfs = self.read_only;
        host.volume_driver = self.volume_driver;
        host.volumes_from = self.volumes_from;
        for option in self.storage_opt {
            let (name, value) = option.split_once('=').ok_or(RequestError::StorageOpt)?;
            host.storage_opt.insert(name.to_owned(), value.to_owned());
        }
        Ok(())
    }
}

/// Docker's client always takes `/var/run/docker.sock`; the one that is spoken to is the one that is meant.
fn api_socket(engine: &Host) -> Result<Mount, RequestError> {
    let Host::Unix(path) = engine else { return Err(RequestError::ApiSocket(engine.to_string())) };
    Ok(Mount {
        kind: "bind".to_owned(),
        source: path.display().to_string(),
        target: "/var/run/docker.sock".to_owned(),
        bind_options: Some(BindOptions::default()),
        ..Mount::default()
    })
}

fn split_tmpfs(spec: &str) -> (String, String) {
    let (path, options) = spec.split_once(':').unwrap_or((spec, ""));
    (path.to_owned(), options.to_owned())
}

#[derive(Debug, PartialEq)]
enum Volume {
    Anonymous(String),
    Bind(String),
}

fn volume(spec: &str) -> Result<Volume, RequestError> {
    let invalid = |reason| Err(RequestError::Volume { spec: spec.to_owned(), reason });
    // The rest is the daemon's to say.
    let parts: Vec<&str> = spec.split(':').collect();
    if parts.len() > 3 {
        return invalid("too many colons");
    }
    if parts.len() > 1 && parts.iter().any(|part| part.is_empty()) {
        return invalid("empty section between colons");
    }
    if parts.len() == 1 {
        return Ok(Volume::Anonymous(spec.to_owned()));
    }
    // A source that starts with a dot is relative to here, of which the daemon knows nothing.
    if parts[0].starts_with('.') {
        let absolute = std::path::absolute(parts[0]).map_err(|source| RequestError::CurrentDir { source })?;
        let mut parts = parts;
        let source = clean(&absolute);
        parts[0] = &source;
        return Ok(Volume::Bind(parts.join(":")));
    }
    Ok(Volume::Bind(spec.to_owned()))
}

/// Takes `.` and `..` out of a path by its text alone, as Go's `filepath.Clean` does.
pub(super) fn clean(path: &Path) -> String {
    let mut out: Vec<&str> = Vec::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                out.pop();
            }
            Component::Normal(name) => out.push(name.to_str().unwrap_or_default()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    format!("/{}", out.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_the_one_that_is_spoken_to() {
        let mount = api_socket(&Host::Unix("/x/hull.sock".into())).unwrap();
        assert_eq!((mount.source.as_str(), mount.target.as_str()), ("/x/hull.sock", "/var/run/docker.sock"));
        let remote = Host::Tcp { host: "engine".into(), port: 2375 };
        assert!(api_socket(&remote).unwrap_err().to_string().contains("tcp://engine:2375"));
    }

    #[test]
    fn volumes() {
        assert_eq!(volume("/data").unwrap(), Volume::Anonymous("/data".into()));
        assert_eq!(volume("/a:/b:ro").unwrap(), Volume::Bind("/a:/b:ro".into()));
        assert_eq!(volume("name:/b").unwrap(), Volume::Bind("name:/b".into()));
        let Volume::Bind(bind) = volume("./x:/b:ro").unwrap() else { panic!("a bind") };
        assert!(bind.starts_with('/') && bind.ends_with("/x:/b:ro"), "{bind}");
    }
}
