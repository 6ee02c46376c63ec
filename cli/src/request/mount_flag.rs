//! `--mount type=bind,source=/a,target=/b,readonly`.

use hull_api::{BindOptions, DriverConfig, ImageOptions, Mount, TmpfsOptions, VolumeOptions};

use super::devices::fields;
use super::values;

/// Parses one `--mount`; the errors are Docker's.
pub(crate) fn parse(text: &str) -> Result<Mount, String> {
    if text.is_empty() {
        return Err("value is empty".to_owned());
    }
    let mut mount = Mount { kind: "volume".to_owned(), ..Mount::default() };
    for field in fields(text) {
        let (key, value) = match field.split_once('=') {
            Some((key, value)) => (key.to_lowercase(), Some(value)),
            None => (field.to_lowercase(), None),
        };
        let flag = |value: Option<&str>| match value {
            None => Ok(true),
            Some(text) => values::boolean(text).map_err(|_| format!("invalid value for {key}: {text}")),
        };
        let bind = |mount: &mut Mount, set: &dyn Fn(&mut BindOptions)| set(mount.bind_options.get_or_insert_default());
        match (key.as_str(), value) {
            ("readonly" | "ro", value) => mount.read_only = flag(value)?,
            ("volume-nocopy", value) => {
                let on = flag(value)?;
                volume(&mut mount).no_copy = on;
            }
            ("bind-nonrecursive", value) => {
                let on = flag(value)?;
                bind(&mut mount, &|options| options.non_recursive = on);
            }
            (_, None) => return Err(format!("invalid field '{field}' must be a key=value pair")),
            ("type", Some(value)) => {
                let kind = value.to_lowercase();
                mount.kind = kind;
            }
            ("source" | "src", Some(value)) => mount.source = source(value)?,
            ("target" | "dst" | "destination", Some(value)) => mount.target = value.to_owned(),
            ("consistency", Some(value)) => mount.consistency = value.to_lowercase(),
            ("bind-propagation", Some(value)) => {
                let value = value.to_lowercase();
                bind(&mut mount, &|options| options.propagation.clone_from(&value));
            }
            ("bind-recursive", Some(value)) => match value {
                "enabled" => {}
                "disabled" => bind(&mut mount, &|options| options.non_recursive = true),
                "writable" => bind(&mut mount, &|options| options.read_only_non_recursive = true),
                "readonly" => bind(&mut mount, &|options| options.read_only_force_recursive = true),
                other => {
                    return Err(format!(
                        "invalid value for {key}: {other} (must be \"enabled\", \"disabled\", \"writable\", or \"readonly\")"
                    ));
                }
            },
            ("volume-driver", Some(value)) => driver(&mut mount).name = value.to_owned(),
            ("volume-opt", Some(value)) => {
                let (name, option) = value.split_once('=').unwrap_or((value, ""));
                driver(&mut mount).options.insert(name.to_owned(), option.to_owned());
            }
            ("volume-label", Some(value)) => {
                let (name, label) = value.split_once('=').unwrap_or((value, ""));
                volume(&mut mount).labels.insert(name.to_owned(), label.to_owned());
            }
            ("volume-subpath", Some(value)) => volume(&mut mount).subpath = value.to_owned(),
            ("image-subpath", Some(value)) => {
                *mount.image_options.get_or_insert_default() = ImageOptions { subpath: value.to_owned() };
            }
            ("tmpfs-size", Some(value)) => {
                let size = values::bytes(value).map_err(|_| format!("invalid value for {key}: {value}"))?;
                mount.tmpfs_options.get_or_insert_default().size_bytes = size;
            }
            ("tmpfs-mode", Some(value)) => {
                let mode = u32::from_str_radix(value, 8).map_err(|_| format!("invalid value for {key}: {value}"))?;
                mount.tmpfs_options.get_or_insert_default().mode = mode;
            }
            (_, Some(_)) => return Err(format!("unexpected key '{key}' in '{field}'")),
        }
    }
    check(mount)
}

/// With an empty driver, as Docker's client sends it.
fn volume(mount: &mut Mount) -> &mut VolumeOptions {
    let options = mount.volume_options.get_or_insert_default();
    options.driver_config.get_or_insert_default();
    options
}

fn driver(mount: &mut Mount) -> &mut DriverConfig {
    volume(mount).driver_config.get_or_insert_default()
}

/// A path that is relative to here: the daemon knows no "here".
fn source(text: &str) -> Result<String, String> {
    if !text.starts_with('.') {
        return Ok(text.to_owned());
    }
    let absolute = std::path::absolute(text).map_err(|e| format!("invalid value for source: {text}: {e}"))?;
    Ok(super::mounts::clean(&absolute))
}

fn check(mut mount: Mount) -> Result<Mount, String> {
    let kind = mount.kind.as_str();
    if mount.target.is_empty() {
        return Err("target is required".to_owned());
    }
    let mixed = |option: &str| Err(format!("cannot mix '{option}-*' options with mount type '{kind}'"));
    if mount.volume_options.is_some() && kind != "volume" {
        return mixed("volume");
    }
    if mount.bind_options.is_some() && kind != "bind" {
        return mixed("bind");
    }
    if mount.image_options.is_some() && kind != "image" {
        return mixed("image");
    }
    if mount.tmpfs_options.is_some() && kind != "tmpfs" {
        return mixed("tmpfs");
    }
    if let Some(options) = &mount.bind_options {
        if options.read_only_non_recursive && !mount.read_only {
            return Err(
                "option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction".to_owned()
            );
        }
        if options.read_only_force_recursive {
            if !mount.read_only {
                return Err(
                    "option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction".to_owned()
                );
            }
            if options.propagation != "rprivate" {
                return Err("option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction".to_owned());
            }
        }
    }
    if kind == "tmpfs" && mount.tmpfs_options == Some(TmpfsOptions::default()) {
        mount.tmpfs_options = None;
    }
    Ok(mount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant() {
        let mount = parse("type=bind,src=/a,dst=/b,ro,bind-propagation=rslave").unwrap();
        assert_eq!((mount.kind.as_str(), mount.source.as_str(), mount.target.as_str()), ("bind", "/a", "/b"));
        assert!(mount.read_only);
        assert_eq!(mount.bind_options.unwrap().propagation, "rslave");
        let mount = parse("target=/data,volume-driver=local,\"volume-opt=o=size=1,uid=3\",readonly=false").unwrap();
        assert_eq!(mount.kind, "volume");
        assert!(!mount.read_only);
        let driver = mount.volume_options.unwrap().driver_config.unwrap();
        assert_eq!(driver.options["o"], "size=1,uid=3");
        let mount = parse("type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1770").unwrap();
        assert_eq!(mount.tmpfs_options, Some(TmpfsOptions { size_bytes: 1 << 20, mode: 0o1770, options: vec![] }));
        let here = parse("type=bind,source=./x/../y,target=/b").unwrap().source;
        assert!(here.starts_with('/') && here.ends_with("/y"), "{here}");
    }

    #[test]
    fn what_is_refused() {
        for (text, message) in [
            ("", "value is empty"),
            ("foo", "invalid field 'foo' must be a key=value pair"),
            ("type=bind", "target is required"),
            ("type=bind,target=/x,bogus=1", "unexpected key 'bogus' in 'bogus=1'"),
            ("type=bind,target=/x,readonly=maybe", "invalid value for readonly: maybe"),
            ("type=bind,target=/x,volume-nocopy", "cannot mix 'volume-*' options with mount type 'bind'"),
            ("type=tmpfs,target=/x,tmpfs-mode=9", "invalid value for tmpfs-mode: 9"),
        ] {
            assert_eq!(parse(text).unwrap_err(), message, "{text}");
        }
    }
}
