//! What is mounted into a container: binds, volumes and tmpfs as the user wrote them, resolved at create.
//!
//! | spelling | where | a target that is taken already |
//! | --- | --- | --- |
//! | `--volumes-from` | [`from`] | of an earlier container's is replaced |
//! | `-v`, `HostConfig.Binds` | [`bind`] | replaces one of another container's; else an error |
//! | `--mount`, `HostConfig.Mounts` | [`mount`] | the same |
//! | `Config.Volumes`, with the image's `VOLUME`s | here | hides this one |

mod bind;
mod from;
mod mount;

use super::error::ContainerError;
use super::model::Container;
use super::resolve::ImageResolver;
use crate::ids::ContainerId;
use crate::volumes::{NewVolume, VolumeService};
use hull_api::{ContainerConfig, HostConfig, MountPoint};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

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
    /// An image's files, with a writable layer of the container's own.
    Image,
}

impl MountKind {
    /// Whether its source is a file or directory, which can be seen while the container doesn't run.
    pub const fn is_on_the_host(self) -> bool {
        matches!(self, Self::Bind | Self::Volume)
    }

    /// Docker's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Volume => "volume",
            Self::Tmpfs => "tmpfs",
            Self::Image => "image",
        }
    }
}

/// How far a read-only bind reaches into what is mounted below its source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// All of it, where the kernel can.
    #[default]
    Usual,
    /// Not at all (`bind-recursive=writable`).
    Top,
    /// All of it, or the container does not start (`bind-recursive=readonly`).
    All,
}

fn is_default(reach: &Reach) -> bool {
    *reach == Reach::default()
}

/// An image that is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountedImage {
    /// Its id.
    pub id: String,
    /// Its layers as overlay's lower directories, top first, relative to `Paths::layers`.
    pub layers: Vec<String>,
    /// Number of its writable layer among the container's: see `Paths::image_mount`.
    pub number: usize,
}

/// One mount, resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountSpec {
    /// What kind.
    pub kind: MountKind,
    /// The volume's name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// On the host; empty for a tmpfs. Of an image its name, as typed.
    pub source: PathBuf,
    /// The image, of an image's mount.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub image: Option<MountedImage>,
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
    /// How far read-only reaches.
    #[serde(skip_serializing_if = "is_default", default)]
    pub reach: Reach,
    /// As typed: `ro,z`.
    pub mode: String,
    /// A missing source is made at start, as `-v` does.
    #[serde(default)]
    pub create_source: bool,
    /// Data of mount(2), of a tmpfs.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub tmpfs_options: String,
    /// The part of a volume that is mounted; empty for all of it.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub subpath: String,
}

/// A mount, and the volume that is made for it unless there is one of the name.
struct Wanted {
    spec: MountSpec,
    volume: NewVolume,
}

impl From<MountSpec> for Wanted {
    fn from(spec: MountSpec) -> Self {
        Self { spec, volume: NewVolume::default() }
    }
}

impl MountSpec {
    /// A volume as `-v /target` has it.
    fn volume(name: Option<String>, target: String) -> Self {
        Self {
            kind: MountKind::Volume,
            name,
            source: PathBuf::new(),
            image: None,
            target,
            read_only: false,
            propagation: String::new(),
            recursive: true,
            copy_up: true,
            reach: Reach::default(),
            mode: String::new(),
            create_source: false,
            tmpfs_options: String::new(),
            subpath: String::new(),
        }
    }

    /// As inspect shows it.
    pub fn view(&self) -> MountPoint {
        MountPoint {
            kind: self.kind.name().to_owned(),
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

/// Resolves everything that is to be mounted; makes volumes that don't exist. `donor` finds the containers of `--volumes-from`.
/// Blocking.
pub(super) fn resolve(
    id: &ContainerId,
    config: &ContainerConfig,
    host: &HostConfig,
    volumes: &VolumeService,
    images: &ImageResolver,
    donor: &dyn Fn(&str) -> Result<Arc<Container>, ContainerError>,
) -> Result<Vec<MountSpec>, ContainerError> {
    let mut inherited: Vec<Wanted> = Vec::new();
    for text in &host.volumes_from {
        let (name, mode) = from::parse(text)?;
        for mount in from::mounts(&*donor(name)?, mode) {
            inherited.retain(|other| other.spec.target != mount.spec.target);
            inherited.push(mount);
        }
    }
    let mut own: Vec<Wanted> = Vec::new();
    let given = host.binds.iter().map(|text| bind::parse(text, &host.volume_driver));
    for mount in given.chain(host.mounts.iter().map(mount::parse)) {
        let mount = mount?;
        let target = &mount.spec.target;
        if own.iter().any(|other| other.spec.target == *target) || host.tmpfs.contains_key(target) {
            return Err(ContainerError::BadParameter(format!("Duplicate mount point: {target}")));
        }
        own.push(mount);
    }
    inherited.retain(|theirs| !own.iter().any(|ours| ours.spec.target == theirs.spec.target));
    let mut wanted = inherited;
    wanted.extend(own);
    for target in config.volumes.keys() {
        let target = normalize(target).map_err(ContainerError::BadParameter)?;
        let hidden = wanted.iter().any(|m| m.spec.target == target) || host.tmpfs.contains_key(&target);
        if !hidden {
            let volume = NewVolume { driver: host.volume_driver.clone(), ..NewVolume::default() };
            wanted.push(Wanted { spec: MountSpec::volume(None, target), volume });
        }
    }
    let mut mounts: Vec<MountSpec> =
        wanted.into_iter().map(|wanted| acquire(wanted, id, volumes)).collect::<Result<_, _>>()?;
    for (number, mount) in mounts.iter_mut().filter(|mount| mount.kind == MountKind::Image).enumerate() {
        let image = images(&mount.source.display().to_string())?;
        mount.image = Some(MountedImage { id: image.id, layers: image.layers, number });
    }
    Ok(mounts)
}

/// The mount, with its volume.
fn acquire(wanted: Wanted, id: &ContainerId, volumes: &VolumeService) -> Result<MountSpec, ContainerError> {
    let Wanted { mut spec, volume } = wanted;
    if spec.kind == MountKind::Volume {
        let new = NewVolume { name: spec.name.clone().unwrap_or_default(), ..volume };
        let made = volumes.acquire(new, id).map_err(|e| ContainerError::BadParameter(e.to_string()))?;
        spec.source = made.mountpoint;
        spec.name = Some(made.name);
    }
    Ok(spec)
}

/// An absolute path without `.`, `..` and doubled slashes; not `/` itself. Else why not.
fn normalize(target: &str) -> Result<String, String> {
    if !target.starts_with('/') {
        return Err(format!("invalid mount path: '{target}' mount path must be absolute"));
    }
    match clean(target) {
        root if root == "/" => Err("invalid specification: destination can't be '/'".to_owned()),
        cleaned => Ok(cleaned),
    }
}

/// An absolute path without `.`, `..` and doubled slashes.
pub(super) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::paths::Paths;
    use tempfile::TempDir;

    fn volumes() -> (TempDir, VolumeService) {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::new(dir.path(), &dir.path().join("run"));
        std::fs::create_dir_all(paths.volumes()).unwrap();
        std::fs::create_dir_all(paths.staging()).unwrap();
        let volumes = VolumeService::open(Arc::new(paths)).unwrap();
        (dir, volumes)
    }

    fn nobody(name: &str) -> Result<Arc<Container>, ContainerError> {
        Err(ContainerError::NotFound(name.to_owned()))
    }

    fn no_image() -> ImageResolver {
        Box::new(|name| Err(ContainerError::Missing(format!("No such image: {name}"))))
    }

    #[test]
    fn an_image_is_known_or_refused() {
        let (_dir, volumes) = volumes();
        let id = ContainerId::random().unwrap();
        let mount = |source: &str| {
            let [kind, source, target] = ["image", source, "/i"].map(str::to_owned);
            let mounts = vec![hull_api::Mount { kind, source, target, ..hull_api::Mount::default() }];
            HostConfig { mounts, ..HostConfig::default() }
        };
        let config = ContainerConfig::default();
        let known: ImageResolver = Box::new(|name| {
            let layers = vec!["l/a".to_owned()];
            Ok(super::super::ResolvedImage { id: format!("sha256:{name}"), layers, ..Default::default() })
        });
        let mounts = resolve(&id, &config, &mount("tools"), &volumes, &known, &nobody).unwrap();
        let image = MountedImage { id: "sha256:tools".to_owned(), layers: vec!["l/a".to_owned()], number: 0 };
        assert_eq!((mounts[0].kind, mounts[0].image.as_ref()), (MountKind::Image, Some(&image)));
        assert_eq!((mounts[0].view().kind.as_str(), mounts[0].view().source.as_str()), ("image", "tools"));
        let error = resolve(&id, &config, &mount("nosuch"), &volumes, &no_image(), &nobody).unwrap_err();
        assert_eq!(error.to_string(), "No such image: nosuch");
    }

    #[test]
    fn an_images_volume_gives_way_to_an_explicit_mount() {
        let (_dir, volumes) = volumes();
        let id = ContainerId::random().unwrap();
        let config = ContainerConfig {
            volumes: ["/data", "/cache"].map(|v| (v.to_owned(), hull_api::Empty {})).into(),
            ..ContainerConfig::default()
        };
        let host = HostConfig { binds: vec!["mine:/data".to_owned()], ..HostConfig::default() };
        let mounts = resolve(&id, &config, &host, &volumes, &no_image(), &nobody).unwrap();
        assert_eq!(mounts.len(), 2);
        assert_eq!(mounts[0].name.as_deref(), Some("mine"));
        assert_eq!(mounts[1].target, "/cache");
        assert_eq!(mounts[1].name.as_ref().unwrap().len(), 64, "an anonymous volume");
        let twice = HostConfig { binds: vec!["a:/x".to_owned(), "b:/x".to_owned()], ..HostConfig::default() };
        let error = resolve(&id, &config, &twice, &volumes, &no_image(), &nobody).unwrap_err();
        assert_eq!(error.to_string(), "Duplicate mount point: /x");
        let mut twice = HostConfig { binds: vec!["a:/x".to_owned()], ..HostConfig::default() };
        twice.tmpfs.insert("/x".to_owned(), String::new());
        assert!(resolve(&id, &config, &twice, &volumes, &no_image(), &nobody).is_err());
    }

    #[test]
    fn volumes_of_others_come_along_unless_something_of_ones_own_is_there() {
        let (_dir, volumes) = volumes();
        let id = ContainerId::random().unwrap();
        let config = ContainerConfig::default();
        let theirs = ["one:/one", "two:/two", "/srv:/three"].map(str::to_owned).to_vec();
        let theirs = HostConfig { binds: theirs, ..HostConfig::default() };
        let mut donor = Container::example();
        donor.mounts = resolve(&donor.id, &config, &theirs, &volumes, &no_image(), &nobody).unwrap();
        let donor = Arc::new(donor);
        let host = HostConfig {
            volumes_from: vec!["donor:ro".to_owned()],
            binds: vec!["own:/two".to_owned()],
            ..HostConfig::default()
        };
        let mounts = resolve(&id, &config, &host, &volumes, &no_image(), &|_| Ok(donor.clone())).unwrap();
        let seen: Vec<_> = mounts.iter().map(|m| (m.target.as_str(), m.name.as_deref(), m.read_only)).collect();
        assert_eq!(seen, [("/one", Some("one"), true), ("/three", None, true), ("/two", Some("own"), false)]);
        assert_eq!(volumes.users("one").len(), 2);
        let error = resolve(&id, &config, &host, &volumes, &no_image(), &nobody).unwrap_err();
        assert_eq!(error.to_string(), "No such container: donor");
    }
}
