//! Flags and daemon.json put together. A thing that both say is refused: guessing which one was meant would surprise.

use super::file::{self, File, FileError};
use super::{DEFAULT_FILE, Flags};
use crate::logs::options::parse_flag;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::{Path, PathBuf};

/// Why flags and file don't go together.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// daemon.json is not usable.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file that `--config-file` names is missing.
    #[error("unable to configure the Hull daemon with file {}: no such file", path.display())]
    NoFile {
        /// Which file.
        path: PathBuf,
    },
    /// Both say the same thing.
    #[error(
        "unable to configure the Hull daemon with file {}: the following directives are specified both as a flag and in the configuration file: {}",
        path.display(),
        directives.join(", ")
    )]
    Conflict {
        /// Which file.
        path: PathBuf,
        /// `key: (from flag: x, from file: y)`.
        directives: Vec<String>,
    },
}

/// What was said, by whomever; `None` and empty are unsaid. The fields are [`Flags`]'.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the flag of the same name, which is documented there")]
pub struct Settings {
    pub hosts: Vec<String>,
    pub data_root: Option<PathBuf>,
    pub exec_root: Option<PathBuf>,
    pub pidfile: Option<PathBuf>,
    pub log_level: Option<String>,
    pub debug: bool,
    pub metrics_addr: Option<String>,
    pub bip: Option<String>,
    pub cgroup_parent: Option<String>,
    pub registry_mirrors: Vec<String>,
    pub insecure_registries: Vec<String>,
    pub labels: Vec<String>,
    pub tls: bool,
    pub tlsverify: bool,
    pub tlscacert: Option<PathBuf>,
    pub tlscert: Option<PathBuf>,
    pub tlskey: Option<PathBuf>,
    pub insecure_tcp: bool,
    pub no_ebpf: bool,
    pub log_driver: Option<String>,
    pub log_opts: BTreeMap<String, String>,
    pub exec_opts: Vec<String>,
}

impl Settings {
    /// Reads the file that the flags name, or the default one if it exists, and puts both together.
    ///
    /// # Errors
    /// When the file is missing though named, unusable, or in conflict with a flag.
    pub fn load(flags: &Flags) -> Result<Self, SettingsError> {
        let path = flags.config_file.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
        match file::read(path)? {
            Some(file) => Self::merge(flags, file, path),
            None if flags.config_file.is_some() => Err(SettingsError::NoFile { path: path.to_owned() }),
            None => Self::merge(flags, File::default(), path),
        }
    }

    /// Puts flags and file together.
    ///
    /// # Errors
    /// When both say the same thing; all such things are named.
    pub fn merge(flags: &Flags, file: File, path: &Path) -> Result<Self, SettingsError> {
        let mut conflicts = Conflicts::default();
        let settings = Self {
            hosts: conflicts.list("hosts", &flags.hosts, file.hosts),
            data_root: conflicts.one("data-root", flags.data_root.as_ref(), file.data_root),
            exec_root: conflicts.one("exec-root", flags.exec_root.as_ref(), file.exec_root),
            pidfile: conflicts.one("pidfile", flags.pidfile.as_ref(), file.pidfile),
            log_level: conflicts.one("log-level", flags.log_level.as_ref(), file.log_level),
            debug: conflicts.switch("debug", flags.debug, file.debug),
            metrics_addr: conflicts.one("metrics-addr", flags.metrics_addr.as_ref(), file.metrics_addr),
            bip: conflicts.one("bip", flags.bip.as_ref(), file.bip),
            cgroup_parent: conflicts.one("cgroup-parent", flags.cgroup_parent.as_ref(), file.cgroup_parent),
            registry_mirrors: conflicts.list("registry-mirrors", &flags.registry_mirrors, file.registry_mirrors),
            insecure_registries: conflicts.list(
                "insecure-registries",
                &flags.insecure_registries,
                file.insecure_registries,
            ),
            labels: conflicts.list("labels", &flags.labels, file.labels),
            tls: conflicts.switch("tls", flags.tls, file.tls),
            tlsverify: conflicts.switch("tlsverify", flags.tlsverify, file.tlsverify),
            tlscacert: conflicts.one("tlscacert", flags.tlscacert.as_ref(), file.tlscacert),
            tlscert: conflicts.one("tlscert", flags.tlscert.as_ref(), file.tlscert),
            tlskey: conflicts.one("tlskey", flags.tlskey.as_ref(), file.tlskey),
            insecure_tcp: conflicts.switch("insecure-tcp", flags.insecure_tcp, file.insecure_tcp),
            no_ebpf: conflicts.switch("no-ebpf", flags.no_ebpf, file.no_ebpf),
            log_driver: conflicts.one("log-driver", flags.log_driver.as_ref(), file.log_driver),
            log_opts: conflicts.options("log-opts", &flags.log_opts, file.log_opts),
            exec_opts: conflicts.list("exec-opts", &flags.exec_opts, file.exec_opts),
        };
        if conflicts.0.is_empty() {
            Ok(settings)
        } else {
            Err(SettingsError::Conflict { path: path.to_owned(), directives: conflicts.0 })
        }
    }
}

#[derive(Default)]
struct Conflicts(Vec<String>);

impl Conflicts {
    fn one<T: Clone + Debug>(&mut self, key: &str, flag: Option<&T>, file: Option<T>) -> Option<T> {
        match (flag, file) {
            (Some(flag), Some(file)) => {
                self.note(key, flag, &file);
                None
            }
            (flag, file) => flag.cloned().or(file),
        }
    }

    fn list(&mut self, key: &str, flag: &[String], file: Option<Vec<String>>) -> Vec<String> {
        match file {
            Some(file) if flag.is_empty() => file,
            Some(file) => {
                self.note(key, &flag, &file);
                Vec::new()
            }
            None => flag.to_vec(),
        }
    }

    fn options(
        &mut self,
        key: &str,
        flag: &[String],
        file: Option<BTreeMap<String, String>>,
    ) -> BTreeMap<String, String> {
        let flag = flag.iter().map(|text| parse_flag(text)).collect::<BTreeMap<_, _>>();
        match file {
            Some(file) if !flag.is_empty() => {
                self.note(key, &flag, &file);
                BTreeMap::new()
            }
            file => file.unwrap_or(flag),
        }
    }

    fn switch(&mut self, key: &str, flag: bool, file: Option<bool>) -> bool {
        match file {
            Some(file) if flag => {
                self.note(key, &true, &file);
                false
            }
            file => file.unwrap_or(flag),
        }
    }

    fn note(&mut self, key: &str, flag: &dyn Debug, file: &dyn Debug) {
        self.0.push(format!("{key}: (from flag: {flag:?}, from file: {file:?})"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn merge(arguments: &[&str], text: &str) -> Result<Settings, SettingsError> {
        let flags = Flags::try_parse_from(["hulld"].iter().chain(arguments)).unwrap();
        let path = Path::new("d.json");
        Settings::merge(&flags, file::parse(path, text).unwrap(), path)
    }

    #[test]
    fn what_only_one_says_holds() {
        let settings = merge(&["-H", "unix:///a", "--tls"], r#"{"data-root": "/d", "insecure-registries": ["r"]}"#);
        let expected = Settings {
            hosts: vec!["unix:///a".to_owned()],
            tls: true,
            data_root: Some("/d".into()),
            insecure_registries: vec!["r".to_owned()],
            ..Settings::default()
        };
        assert_eq!(settings.unwrap(), expected);
    }

    #[test]
    fn what_both_say_is_refused_even_if_they_agree() {
        let error = merge(
            &["-H", "unix:///a", "--log-level", "info", "--tls"],
            r#"{"hosts": ["unix:///a"], "log-level": "warn", "tls": false}"#,
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "unable to configure the Hull daemon with file d.json: the following directives are specified both as a \
             flag and in the configuration file: hosts: (from flag: [\"unix:///a\"], from file: [\"unix:///a\"]), \
             log-level: (from flag: \"info\", from file: \"warn\"), tls: (from flag: true, from file: false)"
        );
    }

    #[test]
    fn a_named_file_must_exist_and_the_default_one_need_not() {
        let flags = Flags { config_file: Some("/nonexistent/daemon.json".into()), ..Flags::default() };
        assert!(matches!(Settings::load(&flags), Err(SettingsError::NoFile { .. })));
    }
}
