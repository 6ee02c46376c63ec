//! `--mount` (`HostConfig.Mounts`): one object for each mount.

use super::{MountKind, MountSpec, Reach, Wanted, bind, clean, normalize};
use crate::containers::error::ContainerError;
use hull_api::{Mount, TmpfsOptions};
use std::path::{Component, Path, PathBuf};

/// Checks a mount and says what it comes to. The source of a bind must be there, unless it is to be made.
pub(super) fn parse(mount: &Mount) -> Result<Wanted, ContainerError> {
    let bad =
        |why: String| ContainerError::BadParameter(format!("invalid mount config for type {:?}: {why}", mount.kind));
    if mount.target.is_empty() {
        return Err(bad("field Target must not be empty".to_owned()));
    }
    let target = normalize(&mount.target).map_err(bad)?;
    let base = MountSpec { read_only: mount.read_only, ..MountSpec::volume(None, target) };
    let made = match mount.kind.as_str() {
        "bind" => bind(mount, base).map(Wanted::from),
        "volume" => volume(mount, base),
        "tmpfs" => tmpfs(mount, base).map(Wanted::from),
        "image" => image(mount, base).map(Wanted::from),
        "cluster" => Err("cluster volumes are not supported by this engine".to_owned()),
        _ => Err("mount type unknown".to_owned()),
    };
    made.map_err(bad)
}

fn refuse(field: &str, is: bool) -> Result<(), String> {
    if is { Err(format!("field {field} must not be specified")) } else { Ok(()) }
}

fn bind(mount: &Mount, base: MountSpec) -> Result<MountSpec, String> {
    if mount.source.is_empty() {
        return Err("field Source must not be empty".to_owned());
    }
    let options = mount.bind_options.clone().unwrap_or_default();
    if !options.propagation.is_empty() && bind::propagation(&options.propagation) != Some(&*options.propagation) {
        return Err(format!("invalid propagation mode: {}", options.propagation));
    }
    refuse("VolumeOptions", mount.volume_options.is_some())?;
    refuse("ImageOptions", mount.image_options.is_some())?;
    refuse("TmpfsOptions", mount.tmpfs_options.is_some())?;
    let reach = match (options.read_only_non_recursive, options.read_only_force_recursive) {
        (false, false) => Reach::Usual,
        (true, false) => Reach::Top,
        (false, true) => Reach::All,
        (true, true) => return Err("mount options conflict: ReadOnlyNonRecursive && ReadOnlyForceRecursive".to_owned()),
    };
    if !mount.source.starts_with('/') {
        return Err(format!("invalid mount path: '{}' mount path must be absolute", mount.source));
    }
    if !options.create_mountpoint && !Path::new(&mount.source).exists() {
        return Err(format!("bind source path does not exist: {}", mount.source));
    }
    Ok(MountSpec {
        kind: MountKind::Bind,
        source: PathBuf::from(clean(&mount.source)),
        propagation: if options.propagation.is_empty() { "rprivate".to_owned() } else { options.propagation },
        recursive: !options.non_recursive,
        reach,
        copy_up: false,
        create_source: options.create_mountpoint,
        ..base
    })
}

fn volume(mount: &Mount, base: MountSpec) -> Result<Wanted, String> {
    refuse("BindOptions", mount.bind_options.is_some())?;
    refuse("ImageOptions", mount.image_options.is_some())?;
    refuse("TmpfsOptions", mount.tmpfs_options.is_some())?;
    let options = mount.volume_options.clone().unwrap_or_default();
    let anonymous = mount.source.is_empty();
    if !options.subpath.is_empty() {
        if anonymous {
            return Err("must not set Subpath when using anonymous volumes".to_owned());
        }
        if !is_local(Path::new(&options.subpath)) {
            return Err("subpath must be a relative path within the volume".to_owned());
        }
    }
    if mount.read_only && anonymous {
        return Err("must not set ReadOnly mode when using anonymous volumes".to_owned());
    }
    let spec = MountSpec {
        name: (!anonymous).then(|| mount.source.clone()),
        // What is below a part of the volume is not what the image has at the target.
        copy_up: !options.no_copy && options.subpath.is_empty(),
        mode: "z".to_owned(),
        subpath: options.subpath,
        ..base
    };
    let mut wanted = Wanted::from(spec);
    wanted.volume.labels = options.labels;
    let driver = options.driver_config.unwrap_or_default();
    wanted.volume.driver = driver.name;
    wanted.volume.options = driver.options;
    Ok(wanted)
}

/// Neither absolute nor leading out.
fn is_local(path: &Path) -> bool {
    let mut depth = 0_i32;
    path.components().all(|component| {
        match component {
            Component::Normal(_) => depth += 1,
            Component::ParentDir => depth -= 1,
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return false,
        }
        depth >= 0
    })
}

fn image(mount: &Mount, base: MountSpec) -> Result<MountSpec, String> {
    refuse("BindOptions", mount.bind_options.is_some())?;
    refuse("VolumeOptions", mount.volume_options.is_some())?;
    refuse("TmpfsOptions", mount.tmpfs_options.is_some())?;
    if mount.source.is_empty() {
        return Err("field Source must not be empty".to_owned());
    }
    let subpath = mount.image_options.as_ref().map_or("", |options| options.subpath.as_str());
    if !is_local(Path::new(subpath)) {
        return Err("subpath must be a relative path within the volume".to_owned());
    }
    if !subpath.is_empty() {
        return Err("this engine mounts whole images only, no subpath".to_owned());
    }
    Ok(MountSpec { kind: MountKind::Image, source: PathBuf::from(&mount.source), copy_up: false, ..base })
}

fn tmpfs(mount: &Mount, base: MountSpec) -> Result<MountSpec, String> {
    refuse("BindOptions", mount.bind_options.is_some())?;
    refuse("VolumeOptions", mount.volume_options.is_some())?;
    refuse("ImageOptions", mount.image_options.is_some())?;
    refuse("Source", !mount.source.is_empty())?;
    let tmpfs_options = tmpfs_data(&mount.tmpfs_options.clone().unwrap_or_default())?;
    Ok(MountSpec { kind: MountKind::Tmpfs, copy_up: false, tmpfs_options, ..base })
}

fn tmpfs_data(options: &TmpfsOptions) -> Result<String, String> {
    let mut data = Vec::new();
    if options.mode != 0 {
        data.push(format!("mode={:o}", options.mode));
    }
    if options.size_bytes < 0 {
        return Err(format!("invalid tmpfs size: {}", options.size_bytes));
    }
    if options.size_bytes > 0 {
        data.push(format!("size={}", options.size_bytes));
    }
    for option in &options.options {
        match option.as_slice() {
            [name] | [name, _] if !matches!(name.as_str(), "exec" | "noexec") => {
                return Err(format!("invalid option: {name}"));
            }
            [name] => data.push(name.clone()),
            _ => return Err("invalid option array length".to_owned()),
        }
    }
    Ok(data.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hull_api::{BindOptions, ImageOptions, VolumeOptions};

    fn mount(kind: &str, source: &str, target: &str) -> Mount {
        let [kind, source, target] = [kind, source, target].map(str::to_owned);
        Mount { kind, source, target, ..Mount::default() }
    }

    fn volume_with(source: &str, options: VolumeOptions) -> Mount {
        Mount { volume_options: Some(options), ..mount("volume", source, "/x") }
    }

    #[test]
    fn each_kind_has_its_options() {
        let options = VolumeOptions { no_copy: true, ..VolumeOptions::default() };
        assert!(!parse(&volume_with("v", options)).unwrap().spec.copy_up);
        let options = VolumeOptions { subpath: "a/../b".to_owned(), ..VolumeOptions::default() };
        let spec = parse(&volume_with("v", options)).unwrap().spec;
        assert_eq!((spec.subpath.as_str(), spec.copy_up), ("a/../b", false));
        let options = TmpfsOptions { size_bytes: 1 << 20, mode: 0o1770, options: vec![vec!["exec".to_owned()]] };
        let tmpfs = Mount { tmpfs_options: Some(options), ..mount("tmpfs", "", "/t/") };
        let spec = parse(&tmpfs).unwrap().spec;
        assert_eq!((spec.tmpfs_options.as_str(), spec.target.as_str()), ("mode=1770,size=1048576,exec", "/t"));
        let options =
            BindOptions { create_mountpoint: true, propagation: "slave".to_owned(), ..BindOptions::default() };
        let bind = Mount { bind_options: Some(options), ..mount("bind", "/no/such", "/x") };
        let spec = parse(&bind).unwrap().spec;
        assert_eq!((spec.create_source, spec.propagation.as_str()), (true, "slave"));
    }

    #[test]
    fn what_is_no_mount_is_refused_in_dockers_words() {
        let subpath = |subpath: &str| VolumeOptions { subpath: subpath.to_owned(), ..VolumeOptions::default() };
        let wrong = BindOptions { propagation: "sideways".to_owned(), ..BindOptions::default() };
        let image_part = |subpath: &str| {
            let options = ImageOptions { subpath: subpath.to_owned() };
            Mount { image_options: Some(options), ..mount("image", "a", "/x") }
        };
        let both =
            BindOptions { read_only_non_recursive: true, read_only_force_recursive: true, ..BindOptions::default() };
        for (mount, kind, message) in [
            (mount("bind", "/no/such", "/x"), "bind", "bind source path does not exist: /no/such"),
            (mount("bind", "", "/x"), "bind", "field Source must not be empty"),
            (mount("bind", "a", "/x"), "bind", "invalid mount path: 'a' mount path must be absolute"),
            (mount("bind", "/", ""), "bind", "field Target must not be empty"),
            (mount("bind", "/", "x"), "bind", "invalid mount path: 'x' mount path must be absolute"),
            (mount("bind", "/", "/"), "bind", "invalid specification: destination can't be '/'"),
            (
                Mount { bind_options: Some(wrong), ..mount("bind", "/", "/x") },
                "bind",
                "invalid propagation mode: sideways",
            ),
            (
                Mount { bind_options: Some(both), ..mount("bind", "/", "/x") },
                "bind",
                "mount options conflict: ReadOnlyNonRecursive && ReadOnlyForceRecursive",
            ),
            (
                Mount { image_options: Some(ImageOptions::default()), ..mount("bind", "/", "/x") },
                "bind",
                "field ImageOptions must not be specified",
            ),
            (mount("tmpfs", "/a", "/x"), "tmpfs", "field Source must not be specified"),
            (
                Mount { bind_options: Some(BindOptions::default()), ..mount("volume", "v", "/x") },
                "volume",
                "field BindOptions must not be specified",
            ),
            (volume_with("", subpath("a")), "volume", "must not set Subpath when using anonymous volumes"),
            (volume_with("v", subpath("../a")), "volume", "subpath must be a relative path within the volume"),
            (volume_with("v", subpath("/a")), "volume", "subpath must be a relative path within the volume"),
            (
                Mount { read_only: true, ..mount("volume", "", "/x") },
                "volume",
                "must not set ReadOnly mode when using anonymous volumes",
            ),
            (mount("npipe", "a", "/x"), "npipe", "mount type unknown"),
            (mount("image", "", "/x"), "image", "field Source must not be empty"),
            (image_part("../a"), "image", "subpath must be a relative path within the volume"),
            (image_part("bin"), "image", "this engine mounts whole images only, no subpath"),
        ] {
            let said = parse(&mount).err().map(|e| e.to_string()).unwrap_or_default();
            assert_eq!(said, format!("invalid mount config for type \"{kind}\": {message}"));
        }
    }
}
