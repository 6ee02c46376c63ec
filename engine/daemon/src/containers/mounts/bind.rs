//! `-v` (`HostConfig.Binds`): `source:target[:options]`, `name:target[:options]`.

use super::{MountKind, MountSpec, Wanted, normalize};
use crate::containers::error::ContainerError;
use std::path::PathBuf;

/// Words that a mode is made of, each group at most once: access, SELinux label (without meaning where SELinux is not), propagation,
/// copying, consistency (without meaning on Linux).
const MODES: [&[&str]; 5] = [
    &["ro", "rw"],
    &["z", "Z"],
    &["private", "rprivate", "slave", "rslave", "shared", "rshared"],
    &["nocopy"],
    &["consistent", "cached", "delegated"],
];

/// Whether this is a mode.
pub(super) fn is_mode(mode: &str) -> bool {
    let mut seen = [false; MODES.len()];
    mode.is_empty()
        || mode.split(',').all(|word| {
            let group = MODES.iter().position(|group| group.contains(&word));
            group.is_some_and(|group| !std::mem::replace(&mut seen[group], true))
        })
}

/// The word of a mode that belongs to a group.
fn word(mode: &str, group: usize) -> Option<&str> {
    mode.split(',').find(|word| MODES[group].contains(word))
}

pub(super) fn propagation(mode: &str) -> Option<&str> {
    word(mode, 2)
}

pub(super) fn is_nocopy(mode: &str) -> bool {
    word(mode, 3).is_some()
}

pub(super) fn is_read_only(mode: &str) -> bool {
    word(mode, 0) == Some("ro")
}

/// One bind, as written.
pub(super) fn parse(text: &str, driver: &str) -> Result<Wanted, ContainerError> {
    let bad = |why: &str| ContainerError::BadParameter(format!("invalid volume specification: '{text}'{why}"));
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, mode) = match parts[..] {
        [target] if !target.is_empty() => ("", target, ""),
        // `/target:ro` would be a mode without a source.
        [source, target] if !source.is_empty() && !is_mode(target) => (source, target, ""),
        [source, target, mode] if !source.is_empty() => (source, target, mode),
        _ => return Err(bad("")),
    };
    if !is_mode(mode) {
        return Err(ContainerError::BadParameter(format!("invalid mode: {mode}")));
    }
    let kind = if source.starts_with('/') { MountKind::Bind } else { MountKind::Volume };
    let of_kind = |why: String| bad(&format!(": invalid mount config for type \"{}\": {why}", kind.name()));
    if target.is_empty() {
        return Err(of_kind("field Target must not be empty".to_owned()));
    }
    let target = normalize(target).map_err(of_kind)?;
    let (propagation, nocopy) = (propagation(mode), is_nocopy(mode));
    match kind {
        MountKind::Bind if nocopy => return Err(of_kind("field VolumeOptions must not be specified".to_owned())),
        MountKind::Volume if propagation.is_some() => {
            return Err(of_kind("field BindOptions must not be specified".to_owned()));
        }
        _ => {}
    }
    let base = MountSpec { read_only: is_read_only(mode), mode: mode.to_owned(), ..MountSpec::volume(None, target) };
    let spec = match kind {
        MountKind::Bind => MountSpec {
            kind,
            source: PathBuf::from(super::clean(source)),
            copy_up: false,
            create_source: true,
            propagation: propagation.unwrap_or("rprivate").to_owned(),
            recursive: true,
            ..base
        },
        // What Docker shows for a named volume, with SELinux or without.
        _ if mode.is_empty() && !source.is_empty() => {
            MountSpec { name: Some(source.to_owned()), mode: "z".to_owned(), ..base }
        }
        _ => MountSpec { name: (!source.is_empty()).then(|| source.to_owned()), copy_up: !nocopy, ..base },
    };
    let mut wanted = Wanted::from(spec);
    wanted.volume.driver = driver.to_owned();
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> MountSpec {
        parse(text, "").unwrap().spec
    }

    #[test]
    fn binds_name_a_path_or_a_volume() {
        let bind = spec("/srv//x/../y/:/data:ro,rslave");
        assert_eq!(
            (bind.kind, bind.source.to_str().unwrap(), bind.target.as_str()),
            (MountKind::Bind, "/srv/y", "/data")
        );
        assert!(bind.read_only && bind.recursive && bind.create_source && bind.propagation == "rslave");
        assert_eq!(spec("/a:/b:rw").mode, "rw");
        assert!(spec("/a:/b:slave").recursive, "propagation says nothing about what comes along");
        let volume = spec("cache:/var/cache:nocopy");
        assert_eq!((volume.kind, volume.name.as_deref(), volume.copy_up), (MountKind::Volume, Some("cache"), false));
        assert_eq!((spec("cache:/c").mode.as_str(), spec("cache:/c").copy_up), ("z", true));
        assert_eq!(spec("/only").name, None);
    }

    #[test]
    fn what_is_no_bind_is_refused_in_dockers_words() {
        let invalid = |text: &str| format!("invalid volume specification: '{text}'");
        let of = |text: &str, kind: &str, why: &str| {
            format!("{}: invalid mount config for type \"{kind}\": {why}", invalid(text))
        };
        let relative = "invalid mount path: 'b' mount path must be absolute";
        let root = "invalid specification: destination can't be '/'";
        for (text, message) in [
            ("", invalid("")),
            (":/x", invalid(":/x")),
            ("/x:ro", invalid("/x:ro")),
            ("/a:/b:ro:x", invalid("/a:/b:ro:x")),
            ("/a:", invalid("/a:")),
            ("/a:b", of("/a:b", "bind", relative)),
            ("v:b", of("v:b", "volume", relative)),
            ("/a:/", of("/a:/", "bind", root)),
            ("/a:/b/..", of("/a:/b/..", "bind", root)),
            ("/a:/b:nosuch", "invalid mode: nosuch".to_owned()),
            ("/a:/b:ro,rw", "invalid mode: ro,rw".to_owned()),
            ("v:/b:rslave", of("v:/b:rslave", "volume", "field BindOptions must not be specified")),
            ("/a:/b:nocopy", of("/a:/b:nocopy", "bind", "field VolumeOptions must not be specified")),
        ] {
            assert_eq!(parse(text, "").err().map(|e| e.to_string()).unwrap_or_default(), message, "{text}");
        }
    }
}
