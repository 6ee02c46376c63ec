//! Which volumes `list` and `prune` mean.

use super::{ANONYMOUS, Volume, VolumeError};
use std::collections::BTreeMap;

/// The filters of a request: each key with all of its values.
pub type Filters = BTreeMap<String, Vec<String>>;

/// Filters of a list. Values of one key are alternatives, labels must all match, keys must all match.
pub(super) fn listed(volume: &Volume, used: bool, filters: &Filters) -> Result<bool, VolumeError> {
    let mut keep = true;
    for (key, values) in filters {
        keep &= match key.as_str() {
            "name" => values.iter().any(|v| volume.name.contains(v.as_str())),
            "driver" => values.iter().any(|v| v == super::DRIVER),
            "label" => values.iter().all(|v| has_label(volume, v)),
            "label!" => !values.iter().any(|v| has_label(volume, v)),
            "dangling" => boolean(key, values)? != used,
            _ => return Err(VolumeError::InvalidFilter(key.clone())),
        };
    }
    Ok(keep)
}

/// Filters of a prune: without `all`, only volumes that nobody named.
pub(super) fn pruned(volume: &Volume, filters: &Filters) -> Result<bool, VolumeError> {
    let mut all = false;
    let mut keep = true;
    for (key, values) in filters {
        match key.as_str() {
            "all" => all = boolean(key, values)?,
            "label" => keep &= values.iter().all(|v| has_label(volume, v)),
            "label!" => keep &= !values.iter().any(|v| has_label(volume, v)),
            _ => return Err(VolumeError::InvalidFilter(key.clone())),
        }
    }
    Ok(keep && (all || volume.labels.contains_key(ANONYMOUS)))
}

fn has_label(volume: &Volume, wanted: &str) -> bool {
    match wanted.split_once('=') {
        Some((key, value)) => volume.labels.get(key).is_some_and(|v| v == value),
        None => volume.labels.contains_key(wanted),
    }
}

fn boolean(key: &str, values: &[String]) -> Result<bool, VolumeError> {
    let one = |value: &String| match value.as_str() {
        "1" | "true" | "True" | "TRUE" | "t" | "T" => Some(true),
        "0" | "false" | "False" | "FALSE" | "f" | "F" => Some(false),
        _ => None,
    };
    match values {
        [value] => one(value),
        _ => None,
    }
    .ok_or_else(|| VolumeError::InvalidFilter(format!("{key}=[{}]", values.join(" "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(name: &str, labels: &[(&str, &str)]) -> Volume {
        Volume {
            name: name.to_owned(),
            created: String::new(),
            labels: labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            options: BTreeMap::new(),
            made_for: None,
            mountpoint: std::path::PathBuf::new(),
        }
    }

    fn filters(of: &[(&str, &[&str])]) -> Filters {
        of.iter().map(|(k, v)| ((*k).to_owned(), v.iter().map(|v| (*v).to_owned()).collect())).collect()
    }

    #[test]
    fn list_filters_by_table() {
        let v = volume("database", &[("env", "prod"), ("team", "")]);
        for (of, used, expected) in [
            (filters(&[]), true, true),
            (filters(&[("name", &["data"])]), true, true),
            (filters(&[("name", &["x", "base"])]), true, true),
            (filters(&[("name", &["x"])]), true, false),
            (filters(&[("driver", &["local"])]), true, true),
            (filters(&[("driver", &["nfs"])]), true, false),
            (filters(&[("label", &["env"])]), true, true),
            (filters(&[("label", &["env=prod", "team"])]), true, true),
            (filters(&[("label", &["env=prod", "absent"])]), true, false),
            (filters(&[("label!", &["absent"])]), true, true),
            (filters(&[("dangling", &["true"])]), true, false),
            (filters(&[("dangling", &["true"])]), false, true),
            (filters(&[("dangling", &["0"])]), false, false),
            (filters(&[("name", &["data"]), ("label", &["absent"])]), false, false),
        ] {
            assert_eq!(listed(&v, used, &of).unwrap(), expected, "{of:?} used={used}");
        }
        let unknown = listed(&v, false, &filters(&[("size", &["1"])])).unwrap_err();
        assert_eq!(unknown.to_string(), "invalid filter 'size'");
        let value = listed(&v, false, &filters(&[("dangling", &["maybe"])])).unwrap_err();
        assert_eq!(value.to_string(), "invalid filter 'dangling=[maybe]'");
    }

    #[test]
    fn prune_takes_named_volumes_only_when_told_all() {
        let named = volume("named", &[]);
        let anonymous = volume("anonymous", &[(ANONYMOUS, "")]);
        assert!(!pruned(&named, &filters(&[])).unwrap());
        assert!(pruned(&anonymous, &filters(&[])).unwrap());
        assert!(pruned(&named, &filters(&[("all", &["true"])])).unwrap());
        assert!(!pruned(&anonymous, &filters(&[("label!", &[ANONYMOUS])])).unwrap());
    }
}
