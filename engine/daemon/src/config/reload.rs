//! What a reload (SIGHUP) changes while the daemon runs, as with dockerd: the level of the log, labels, registries.

use super::{Config, LogLevel, Registries, Settings};
use serde_json::json;
use tracing::level_filters::LevelFilter;

/// The part of the configuration that may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reloadable {
    /// How much is logged.
    pub log_level: LogLevel,
    /// The engine's labels.
    pub labels: Vec<String>,
    /// Whom to ask for images.
    pub registries: Registries,
}

impl Reloadable {
    /// Of a whole configuration.
    pub fn of(config: &Config) -> Self {
        Self { log_level: config.log_level, labels: config.labels.clone(), registries: config.registries.clone() }
    }

    /// Whether everything is logged.
    pub fn debug(&self) -> bool {
        self.log_level.0 >= LevelFilter::DEBUG
    }

    /// For the event `reload`: each value as text or JSON, under dockerd's names.
    pub fn attributes(&self) -> [(&'static str, String); 5] {
        [
            ("debug", self.debug().to_string()),
            ("labels", json!(self.labels).to_string()),
            ("registry-mirrors", json!(self.registries.mirrors).to_string()),
            ("insecure-registries", json!(self.registries.insecure).to_string()),
            ("live-restore", "true".to_owned()),
        ]
    }
}

/// Settings that differ and that only a restart can change; whoever reloads should hear of them.
pub fn needing_restart(running: &Settings, new: &Settings) -> Vec<&'static str> {
    let differ = [
        ("hosts", running.hosts != new.hosts),
        ("data-root", running.data_root != new.data_root),
        ("exec-root", running.exec_root != new.exec_root),
        ("pidfile", running.pidfile != new.pidfile),
        ("metrics-addr", running.metrics_addr != new.metrics_addr),
        ("bip", running.bip != new.bip),
        ("cgroup-parent", running.cgroup_parent != new.cgroup_parent),
        ("tls", running.tls != new.tls),
        ("tlsverify", running.tlsverify != new.tlsverify),
        ("tlscacert", running.tlscacert != new.tlscacert),
        ("tlscert", running.tlscert != new.tlscert),
        ("tlskey", running.tlskey != new.tlskey),
        ("insecure-tcp", running.insecure_tcp != new.insecure_tcp),
        ("no-ebpf", running.no_ebpf != new.no_ebpf),
        ("log-driver", running.log_driver != new.log_driver),
        ("log-opts", running.log_opts != new.log_opts),
        ("exec-opts", running.exec_opts != new.exec_opts),
    ];
    differ.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_tells_the_new_values() {
        let settings = Settings { debug: true, labels: vec!["tier=front".to_owned()], ..Settings::default() };
        let reloadable = Reloadable::of(&Config::new(settings).unwrap());
        let attributes = reloadable.attributes();
        assert_eq!(attributes[0], ("debug", "true".to_owned()));
        assert_eq!(attributes[1], ("labels", "[\"tier=front\"]".to_owned()));
        assert_eq!(attributes[2], ("registry-mirrors", "[]".to_owned()));
    }

    #[test]
    fn what_needs_a_restart_is_named() {
        let running = Settings { bip: Some("10.0.0.1/24".to_owned()), ..Settings::default() };
        let new = Settings {
            no_ebpf: true,
            debug: true,
            labels: vec!["a=b".to_owned()],
            log_driver: Some("local".to_owned()),
            ..Settings::default()
        };
        assert_eq!(needing_restart(&running, &new), ["bip", "no-ebpf", "log-driver"]);
        assert!(needing_restart(&running, &running).is_empty());
    }
}
