//! What is mounted into a container: binds, volumes and tmpfs as the user wrote them, resolved at create.
//!
//! Three spellings mean mounts: `-v` (`HostConfig.Binds`), `--mount` (`HostConfig.Mounts`), and the set `Config.Volumes`, to which
//! an image adds its `VOLUME`s. A target in an earlier spelling hides the same target in a later one.

use super::error::ContainerError;
use crate::ids::ContainerId;
use crate::volumes::VolumeService;
use hull_api::{ContainerConfig, HostConfig, Mount, MountPoint};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What kind of thing is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MountKind {
    /// A file or directory of the host's.
    Bind,
    /// A named (or anonymous) volume.
    Volume,
    /// Memory.
    Tmpfs,
}

/// One mount, resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountSpec {
    /// What kind.
    pub kind: MountKind,
    /// The volume's name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// On the host; empty for a tmpfs.
    pub source: PathBuf,
    /// In the container, absolute and normalized.
    pub target: String,
    /// Not writable in the container.
    pub read_only: bool,
    /// `rprivate`, `rslave`...; empty where it means nothing.
    pub propagation: String,
    /// What is mounted below the source comes along.
    pub recursive: bool,
    /// A fresh volume gets what the image has at the target.
    pub copy_up: bool,
    /// As typed: `ro,z`.
    pub mode: String,
    /// A missing source is made at start, as `-v` does.
    #[serde(default)]
    pub create_source: bool,
    /// Data of mount(2), of a tmpfs.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub tmpfs_options: String,
}

impl MountSpec {
    /// As inspect shows it.
    pub fn view(&self) -> MountPoint {
        let kind = match self.kind {
            MountKind::Bind => "bind",
            MountKind::Volume => "volume",
            MountKind::Tmpfs => "tmpfs",
        };
        MountPoint {
            kind: kind.to_owned(),
            name: self.name.clone().unwrap_or_default(),
            source: self.source.display().to_string(),
            destination: self.target.clone(),
            driver: if self.kind == MountKind::Volume { crate::volumes::DRIVER.to_owned() } else { String::new() },
            mode: self.mode.clone(),
            rw: !self.read_only,
            propagation: self.propagation.clone(),
        }
    }
}

/// Resolves everything that is to be mounted; makes volumes that don't exist. Blocking.
pub(super) fn resolve(
    id: &ContainerId,
    config: &ContainerConfig,
    host: &HostConfig,
    volumes: &VolumeService,
) -> Result<Vec<MountSpec>, ContainerError> {
    let mut mounts: Vec<MountSpec> = Vec::new();
    for bind in &host.binds {
        add(&mut mounts, parse_bind(bind)?)?;
    }
    for mount in &host.mounts {
        add(&mut mounts, parse_mount(mount)?)?;
    }
    for target in config.volumes.keys() {
        let target = normalize(target).ok_or_else(|| invalid_target(target))?;
        let hidden = mounts.iter().any(|m| m.target == target) || host.tmpfs.contains_key(&target);
        if !hidden {
            mounts.push(volume(None, target));
        }
    }
    for mount in mounts.iter_mut().filter(|m| m.kind == MountKind::Volume) {
        let name = mount.name.clone().unwrap_or_default();
        let made = volumes.acquire(&name, id).map_err(|e| ContainerError::BadParameter(e.to_string()))?;
        mount.source = made.mountpoint;
        mount.name = Some(made.name);
    }
    Ok(mounts)
}

fn add(mounts: &mut Vec<MountSpec>, mount: MountSpec) -> Result<(), ContainerError> {
    if mounts.iter().any(|m| m.target == mount.target) {
        return Err(ContainerError::BadParameter(format!("Duplicate mount point: {}", mount.target)));
    }
    mounts.push(mount);
    Ok(())
}

fn volume(name: Option<String>, target: String) -> MountSpec {
    MountSpec {
        kind: MountKind::Volume,
        name,
        source: PathBuf::new(),
        target,
        read_only: false,
        propagation: String::new(),
        recursive: true,
        copy_up: true,
        mode: String::new(),
        create_source: false,
        tmpfs_options: String::new(),
    }
}

fn invalid_target(target: &str) -> ContainerError {
    ContainerError::BadParameter(format!("invalid mount path: '{target}' mount path must be absolute"))
}

/// An absolute path without `.`, `..` and doubled slashes; not `/` itself.
fn normalize(target: &str) -> Option<String> {
    if !target.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    (!parts.is_empty()).then(|| format!("/{}", parts.join("/")))
}

/// `source:target[:options]`, `name:target[:options]`.
fn parse_bind(text: &str) -> Result<MountSpec, ContainerError> {
    let bad = |why: &str| ContainerError::BadParameter(format!("invalid volume specification: '{text}'{why}"));
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, mode) = match parts[..] {
        [target] => ("", target, ""),
        [source, target] if !source.is_empty() => (source, target, ""),
        [source, target, mode] if !source.is_empty() => (source, target, mode),
        _ => return Err(bad("")),
    };
    if !target.starts_with('/') {
        return Err(bad(&format!(
            ": invalid mount config for type \"bind\": invalid mount path: '{target}' mount path must be absolute"
        )));
    }
    let target = normalize(target).ok_or_else(|| bad(": invalid specification: destination can't be '/'"))?;
    let mut spec = if source.starts_with('/') {
        let source = normalize(source).unwrap_or_else(|| "/".to_owned());
        MountSpec {
            kind: MountKind::Bind,
            source: PathBuf::from(source),
            copy_up: false,
            create_source: true,
            ..volume(None, target)
        }
    } else if source.is_empty() {
        volume(None, target)
    } else {
        volume(Some(source.to_owned()), target)
    };
    spec.mode = mode.to_owned();
    if spec.kind == MountKind::Bind {
        spec.propagation = "rprivate".to_owned();
    }
    for option in mode.split(',').filter(|o| !o.is_empty()) {
        match option {
            "ro" => spec.read_only = true,
            // SELinux labels mean nothing where SELinux is not; consistency only on other systems.
            "rw" | "z" | "Z" | "consistent" | "cached" | "delegated" => {}
            "nocopy" if spec.kind == MountKind::Volume => spec.copy_up = false,
            "private" | "rprivate" | "slave" | "rslave" | "shared" | "rshared" if spec.kind == MountKind::Bind => {
                spec.propagation = option.to_owned();
                spec.recursive = option.starts_with('r');
            }
            _ => return Err(ContainerError::BadParameter(format!("invalid mode: {mode}"))),
        }
    }
    Ok(spec)
}

fn parse_mount(mount: &Mount) -> Result<MountSpec, ContainerError> {
    let kind = mount.kind.as_str();
    let bad = |why: String| ContainerError::BadParameter(format!("invalid mount config for type {kind:?}: {why}"));
    if mount.target.is_empty() {
        return Err(bad("field Target must not be empty".to_owned()));
    }
    if !mount.target.starts_with('/') {
        return Err(bad(format!("invalid mount path: '{}' mount path must be absolute", mount.target)));
    }
    let target =
        normalize(&mount.target).ok_or_else(|| bad("invalid specification: destination can't be '/'".to_owned()))?;
    let base = MountSpec { read_only: mount.read_only, ..volume(None, target) };
    match kind {
        "bind" => {
            if mount.source.is_empty() {
                return Err(bad("field Source must not be empty".to_owned()));
            }
            if !mount.source.starts_with('/') {
                return Err(bad(format!("invalid mount path: '{}' mount path must be absolute", mount.source)));
            }
            let options = mount.bind_options.clone().unwrap_or_default();
            if !Path::new(&mount.source).exists() && !options.create_mountpoint {
                return Err(bad(format!("bind source path does not exist: {}", mount.source)));
            }
            Ok(MountSpec {
                kind: MountKind::Bind,
                source: PathBuf::from(normalize(&mount.source).unwrap_or_else(|| "/".to_owned())),
                propagation: if options.propagation.is_empty() { "rprivate".to_owned() } else { options.propagation },
                recursive: !options.non_recursive,
                copy_up: false,
                create_source: options.create_mountpoint,
                ..base
            })
        }
        "volume" => {
            let options = mount.volume_options.clone().unwrap_or_default();
            let name = (!mount.source.is_empty()).then(|| mount.source.clone());
            Ok(MountSpec { name, copy_up: !options.no_copy, mode: "z".to_owned(), ..base })
        }
        "tmpfs" => {
            if !mount.source.is_empty() {
                return Err(bad("field Source must not be specified".to_owned()));
            }
            let options = mount.tmpfs_options.clone().unwrap_or_default();
            let mut data = Vec::new();
            if options.size_bytes > 0 {
                data.push(format!("size={}", options.size_bytes));
            }
            if options.mode != 0 {
                data.push(format!("mode={:o}", options.mode));
            }
            Ok(MountSpec { kind: MountKind::Tmpfs, copy_up: false, tmpfs_options: data.join(","), ..base })
        }
        "image" | "npipe" | "cluster" => Err(bad("mounts of this type are not supported by this engine".to_owned())),
        _ => Err(ContainerError::BadParameter("mount type unknown".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binds_name_a_path_or_a_volume() {
        let spec = parse_bind("/srv//x/../y/:/data:ro,rslave").unwrap();
        assert_eq!(
            (spec.kind, spec.source.to_str().unwrap(), spec.target.as_str()),
            (MountKind::Bind, "/srv/y", "/data")
        );
        assert!(spec.read_only && spec.recursive && spec.create_source && spec.propagation == "rslave");
        let spec = parse_bind("cache:/var/cache:nocopy").unwrap();
        assert_eq!((spec.kind, spec.name.as_deref(), spec.copy_up), (MountKind::Volume, Some("cache"), false));
        assert_eq!(parse_bind("/only").unwrap().name, None);
        for bad in [":/x", "/a:", "/a:b", "/a:/", "/a:/b:nosuch", "/a:/b:ro:x", "v:/b:rslave"] {
            assert!(parse_bind(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_missing_bind_source_has_dockers_words() {
        let mount = Mount {
            kind: "bind".to_owned(),
            source: "/no/such".to_owned(),
            target: "/x".to_owned(),
            ..Mount::default()
        };
        assert_eq!(
            parse_mount(&mount).unwrap_err().to_string(),
            "invalid mount config for type \"bind\": bind source path does not exist: /no/such"
        );
    }

    #[test]
    fn an_images_volume_gives_way_to_an_explicit_mount() {
        let dir = tempfile::tempdir().unwrap();
        let paths = crate::store::paths::Paths::new(dir.path(), &dir.path().join("run"));
        std::fs::create_dir_all(paths.volumes()).unwrap();
        std::fs::create_dir_all(paths.staging()).unwrap();
        let volumes = VolumeService::open(std::sync::Arc::new(paths)).unwrap();
        let id = ContainerId::random().unwrap();
        let config = ContainerConfig {
            volumes: ["/data", "/cache"].map(|v| (v.to_owned(), hull_api::Empty {})).into(),
            ..ContainerConfig::default()
        };
        let host = HostConfig { binds: vec!["mine:/data".to_owned()], ..HostConfig::default() };
        let mounts = resolve(&id, &config, &host, &volumes).unwrap();
        assert_eq!(mounts.len(), 2);
        assert_eq!(mounts[0].name.as_deref(), Some("mine"));
        assert_eq!(mounts[1].target, "/cache");
        assert_eq!(mounts[1].name.as_ref().unwrap().len(), 64, "an anonymous volume");
        let twice = HostConfig { binds: vec!["a:/x".to_owned(), "b:/x".to_owned()], ..HostConfig::default() };
        assert_eq!(resolve(&id, &config, &twice, &volumes).unwrap_err().to_string(), "Duplicate mount point: /x");
    }
}
