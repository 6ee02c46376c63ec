//! daemon.json.

use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Why daemon.json could not be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It could not be read.
    #[error("unable to configure the Hull daemon with file {}: cannot read it", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not a JSON object, or a value has the wrong type.
    #[error("unable to configure the Hull daemon with file {}: invalid JSON", path.display())]
    Json {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// It has keys that mean nothing.
    #[error(
        "unable to configure the Hull daemon with file {}: the following directives don't match any configuration option: {}",
        path.display(),
        keys.join(", ")
    )]
    UnknownKeys {
        /// Which file.
        path: PathBuf,
        /// The keys, sorted.
        keys: Vec<String>,
    },
}

/// What daemon.json may say. Absent keys are `None`.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
#[expect(missing_docs, reason = "each is the flag of the same name, which is documented there")]
pub struct File {
    pub hosts: Option<Vec<String>>,
    pub data_root: Option<PathBuf>,
    pub exec_root: Option<PathBuf>,
    pub pidfile: Option<PathBuf>,
    pub log_level: Option<String>,
    pub debug: Option<bool>,
    pub metrics_addr: Option<String>,
    pub bip: Option<String>,
    pub cgroup_parent: Option<String>,
    pub registry_mirrors: Option<Vec<String>>,
    pub insecure_registries: Option<Vec<String>>,
    pub labels: Option<Vec<String>>,
    pub tls: Option<bool>,
    pub tlsverify: Option<bool>,
    pub tlscacert: Option<PathBuf>,
    pub tlscert: Option<PathBuf>,
    pub tlskey: Option<PathBuf>,
    pub insecure_tcp: Option<bool>,
    pub no_ebpf: Option<bool>,
    pub log_driver: Option<String>,
    pub log_opts: Option<BTreeMap<String, String>>,
    pub exec_opts: Option<Vec<String>>,
}

/// Every key that [`File`] knows.
const KEYS: [&str; 22] = [
    "hosts",
    "data-root",
    "exec-root",
    "pidfile",
    "log-level",
    "debug",
    "metrics-addr",
    "bip",
    "cgroup-parent",
    "registry-mirrors",
    "insecure-registries",
    "labels",
    "tls",
    "tlsverify",
    "tlscacert",
    "tlscert",
    "tlskey",
    "insecure-tcp",
    "no-ebpf",
    "log-driver",
    "log-opts",
    "exec-opts",
];

/// Reads daemon.json; `None` when it is absent.
///
/// # Errors
/// When it cannot be read, is no JSON, or has unknown keys.
pub fn read(path: &Path) -> Result<Option<File>, FileError> {
    match std::fs::read_to_string(path) {
        Ok(text) => parse(path, &text).map(Some),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FileError::Read { path: path.to_owned(), source }),
    }
}

/// Parses daemon.json's text; an empty file says nothing.
///
/// # Errors
/// When it is no JSON or has unknown keys: all of them are named, not only the first.
pub fn parse(path: &Path, text: &str) -> Result<File, FileError> {
    // Editors on other systems put a byte order mark first; dockerd accepts it too.
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Ok(File::default());
    }
    let invalid = |source| FileError::Json { path: path.to_owned(), source };
    let object: Map<String, Value> = serde_json::from_str(text).map_err(invalid)?;
    let mut keys: Vec<String> = object.keys().filter(|key| !KEYS.contains(&key.as_str())).cloned().collect();
    if !keys.is_empty() {
        keys.sort();
        return Err(FileError::UnknownKeys { path: path.to_owned(), keys });
    }
    serde_json::from_value(Value::Object(object)).map_err(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Result<File, FileError> {
        parse(Path::new("/etc/hull/daemon.json"), text)
    }

    #[test]
    fn every_known_key_is_read() {
        // A key that KEYS lists but `File` lacks would be accepted and ignored: give each a value and look for it.
        for key in KEYS {
            let values = [r#"["x"]"#, r#""x""#, "true", r#"{"x": "y"}"#];
            let read = values.iter().find_map(|value| text(&format!("{{\"{key}\": {value}}}")).ok()).unwrap();
            assert_ne!(read, File::default(), "{key}");
        }
    }

    #[test]
    fn unknown_keys_are_all_named() {
        let error = text(r#"{"zebra": 1, "hosts": [], "ape": 2}"#).unwrap_err();
        assert_eq!(
            error.to_string(),
            "unable to configure the Hull daemon with file /etc/hull/daemon.json: the following directives don't \
             match any configuration option: ape, zebra"
        );
    }

    #[test]
    fn nonsense_is_refused_and_nothing_is_nothing() {
        assert_eq!(text(" \n").unwrap(), File::default());
        assert_eq!(text("\u{feff}{}").unwrap(), File::default());
        for bad in ["[]", "{", "{} {}", r#"{"hosts": "unix:///x"}"#, r#"{"tls": "yes"}"#] {
            assert!(matches!(text(bad), Err(FileError::Json { .. })), "{bad}");
        }
    }
}
