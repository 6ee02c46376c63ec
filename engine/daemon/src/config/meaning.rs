//! What the settings mean: defaults filled in, every value checked before anything is started.

use super::listen::{Listen, ListenError};
use super::{DEFAULT_DATA_ROOT, DEFAULT_EXEC_ROOT, DEFAULT_SOCKET, DEFAULT_TLS_DIRECTORY, Settings};
use crate::logs::{LogDefaults, LogOptionError, options};
use hull_runtime::cgroup::{BadParent, Driver, Slice};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use tracing::level_filters::LevelFilter;

/// The daemon's whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the API listens; never empty.
    pub hosts: Vec<Listen>,
    /// What survives a reboot; absolute.
    pub data_root: PathBuf,
    /// What doesn't; absolute.
    pub exec_root: PathBuf,
    /// Where the process id is written.
    pub pidfile: PathBuf,
    /// How much is logged.
    pub log_level: LogLevel,
    /// An extra listener that serves `/metrics` only.
    pub metrics_addr: Option<SocketAddr>,
    /// The default bridge's address, if the user chose one.
    pub bip: Option<Bip>,
    /// Who makes containers' cgroups, and below what.
    pub cgroups: Driver,
    /// Whom to ask for images.
    pub registries: Registries,
    /// Labels of the engine, `key=value` each.
    pub labels: Vec<String>,
    /// How TCP is protected; `None`: not at all.
    pub tls: Option<TlsFiles>,
    /// Unprotected TCP may be reachable from outside.
    pub insecure_tcp: bool,
    /// Load the eBPF programs.
    pub ebpf: bool,
    /// What containers that don't say get for a log.
    pub logs: LogDefaults,
}

/// dockerd's names for levels of logging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLevel(pub LevelFilter);

/// The default bridge's own address and the size of its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bip {
    /// The gateway that containers see.
    pub address: Ipv4Addr,
    /// Length of the network's prefix, 1 to 30.
    pub prefix_len: u8,
}

/// Registries with special treatment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registries {
    /// Asked before Docker Hub, in this order; URLs without a trailing slash.
    pub mirrors: Vec<String>,
    /// Plain HTTP or unchecked certificates: hosts, host:port, or networks in CIDR form.
    pub insecure: Vec<String>,
}

/// Certificates and keys, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Clients must show a certificate that this authority signed; `None`: they need none.
    pub client_ca: Option<PathBuf>,
    /// The daemon's certificate and its chain.
    pub certificate: PathBuf,
    /// The certificate's key.
    pub key: PathBuf,
}

/// Which setting means nothing, or is dangerous.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A bad `--host`.
    #[error("invalid value for --host")]
    Host(#[from] ListenError),
    /// TCP would be open to other machines.
    #[error(
        "refusing to serve {host} without TLS: other machines can reach this address and whoever connects is root \
         here; use --tlsverify, or --insecure-tcp if the network is closed in itself"
    )]
    OpenTcp {
        /// The name in `--host`.
        host: String,
    },
    /// A directory that is not absolute.
    #[error("invalid value for --{flag}: {} is not an absolute path", path.display())]
    RelativePath {
        /// Which flag.
        flag: &'static str,
        /// Its value.
        path: PathBuf,
    },
    /// Not a level.
    #[error("invalid logging level: {0}: use debug, info, warn, error or fatal")]
    LogLevel(String),
    /// Not an address and port.
    #[error("invalid value for --metrics-addr: {0} is not an address and a port")]
    MetricsAddress(String),
    /// Not an address in a network.
    #[error("invalid value for --bip: {0} is not an IPv4 address in a network such as 172.30.0.1/24")]
    Bip(String),
    /// Not a place for containers.
    #[error("invalid value for --cgroup-parent: {path}: {source}")]
    CgroupParent {
        /// What was given.
        path: String,
        /// What is wrong with it.
        source: BadParent,
    },
    /// Not a mirror's URL.
    #[error("invalid mirror: {url}: {reason}")]
    Mirror {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Not a registry.
    #[error("invalid registry: {0}: give a host, host:port or network, without a scheme or path")]
    Registry(String),
    /// Not a label.
    #[error("invalid label: {0}: a label is written key=value")]
    Label(String),
    /// One key with two values.
    #[error("conflict labels for {key}={first} and {key}={second}")]
    LabelConflict {
        /// The key.
        key: String,
        /// What it was given first.
        first: String,
        /// What it was given then.
        second: String,
    },
    /// A log driver or an option of it that means nothing.
    #[error("failed to set log opts: {0}")]
    Logs(#[from] LogOptionError),
    /// Not an option of the runtime.
    #[error("invalid value for --exec-opt: {0}: use native.cgroupdriver=cgroupfs or native.cgroupdriver=systemd")]
    ExecOption(String),
    /// A key without a switch would be ignored, and TCP be open.
    #[error("--{0} does nothing without --tlsverify (or --tls)")]
    TlsFileUnused(&'static str),
}

impl Config {
    /// Checks the settings and fills in the defaults.
    ///
    /// # Errors
    /// At the first setting that means nothing or is dangerous.
    pub fn new(settings: Settings) -> Result<Self, ConfigError> {
        let data_root = absolute("data-root", settings.data_root, DEFAULT_DATA_ROOT)?;
        let exec_root = absolute("exec-root", settings.exec_root, DEFAULT_EXEC_ROOT)?;
        let pidfile = match settings.pidfile {
            None => exec_root.join("hulld.pid"),
            some => absolute("pidfile", some, "")?,
        };
        let log_level = match (&settings.log_level, settings.debug) {
            (_, true) => LogLevel(LevelFilter::DEBUG),
            (Some(name), false) => name.parse()?,
            (None, false) => LogLevel(LevelFilter::INFO),
        };
        let registries = Registries::new(&settings.registry_mirrors, &settings.insecure_registries)?;
        let tls = tls_files(settings.tls, settings.tlsverify, settings.tlscacert, settings.tlscert, settings.tlskey)?;
        Ok(Self {
            hosts: hosts(&settings.hosts, tls.is_some(), settings.insecure_tcp)?,
            data_root,
            exec_root,
            pidfile,
            log_level,
            metrics_addr: settings.metrics_addr.map(metrics_address).transpose()?,
            bip: settings.bip.map(|text| text.parse()).transpose()?,
            cgroups: cgroups(&settings.exec_opts, settings.cgroup_parent.unwrap_or_default())?,
            registries,
            labels: labels(settings.labels)?,
            tls,
            insecure_tcp: settings.insecure_tcp,
            ebpf: !settings.no_ebpf,
            logs: logs(settings.log_driver, settings.log_opts)?,
        })
    }
}

fn absolute(flag: &'static str, path: Option<PathBuf>, default: &str) -> Result<PathBuf, ConfigError> {
    let path = path.unwrap_or_else(|| default.into());
    if path.is_absolute() { Ok(path) } else { Err(ConfigError::RelativePath { flag, path }) }
}

fn logs(driver: Option<String>, given: options::Options) -> Result<LogDefaults, ConfigError> {
    let mut defaults = LogDefaults { options: given, ..LogDefaults::default() };
    if let Some(driver) = driver.filter(|driver| !driver.is_empty()) {
        defaults.driver = driver;
    }
    options::check(&defaults.driver, &defaults.options)?;
    Ok(defaults)
}

/// Of two options of one name the last one counts.
fn cgroups(options: &[String], parent: String) -> Result<Driver, ConfigError> {
    let mut driver = Driver::default();
    for option in options {
        driver = match option.split_once('=') {
            Some(("native.cgroupdriver", "cgroupfs")) => Driver::default(),
            Some(("native.cgroupdriver", "systemd")) => Driver::Systemd { slice: Slice::system() },
            _ => return Err(ConfigError::ExecOption(option.clone())),
        };
    }
    driver.with_parent(&parent).map_err(|source| ConfigError::CgroupParent { path: parent, source })
}

fn hosts(values: &[String], tls: bool, insecure_tcp: bool) -> Result<Vec<Listen>, ConfigError> {
    if values.is_empty() {
        return Ok(vec![Listen::Unix(DEFAULT_SOCKET.into())]);
    }
    let hosts = values.iter().map(|value| Listen::parse(value, tls)).collect::<Result<Vec<_>, _>>()?;
    for host in &hosts {
        if let Listen::Tcp { name, .. } = host
            && host.is_reachable_from_outside()
            && !tls
            && !insecure_tcp
        {
            return Err(ConfigError::OpenTcp { host: format!("tcp://{name}") });
        }
    }
    Ok(hosts)
}

/// Each once, in the order of the keys.
fn labels(given: Vec<String>) -> Result<Vec<String>, ConfigError> {
    let mut labels: BTreeMap<&str, &str> = BTreeMap::new();
    for label in &given {
        let (key, value) = label.split_once('=').unwrap_or((label, ""));
        if key.is_empty() || !label.contains('=') {
            return Err(ConfigError::Label(label.clone()));
        }
        if let Some(first) = labels.insert(key, value)
            && first != value
        {
            let [key, first, second] = [key, first, value].map(str::to_owned);
            return Err(ConfigError::LabelConflict { key, first, second });
        }
    }
    Ok(labels.into_iter().map(|(key, value)| format!("{key}={value}")).collect())
}

fn metrics_address(text: String) -> Result<SocketAddr, ConfigError> {
    let listen = Listen::parse(&format!("tcp://{text}"), false);
    match listen {
        Ok(Listen::Tcp { addresses, .. }) if text.contains(':') && !addresses.is_empty() => Ok(addresses[0]),
        _ => Err(ConfigError::MetricsAddress(text)),
    }
}

fn tls_files(
    tls: bool,
    verify: bool,
    ca: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
) -> Result<Option<TlsFiles>, ConfigError> {
    if !tls && !verify {
        return match (ca, certificate, key) {
            (None, None, None) => Ok(None),
            (Some(_), ..) => Err(ConfigError::TlsFileUnused("tlscacert")),
            (_, Some(_), _) => Err(ConfigError::TlsFileUnused("tlscert")),
            (_, _, Some(_)) => Err(ConfigError::TlsFileUnused("tlskey")),
        };
    }
    let default = |name: &str| Path::new(DEFAULT_TLS_DIRECTORY).join(name);
    Ok(Some(TlsFiles {
        client_ca: verify.then(|| ca.unwrap_or_else(|| default("ca.pem"))),
        certificate: certificate.unwrap_or_else(|| default("cert.pem")),
        key: key.unwrap_or_else(|| default("key.pem")),
    }))
}

impl Registries {
    /// Checks what `--registry-mirror` and `--insecure-registry` gave.
    ///
    /// # Errors
    /// At the first one that is no registry.
    pub fn new(mirrors: &[String], insecure: &[String]) -> Result<Self, ConfigError> {
        let mirrors = mirrors.iter().map(|url| mirror(url)).collect::<Result<_, _>>()?;
        for registry in insecure {
            // A network is the one thing with a slash.
            let network = registry.rsplit_once('/').is_some_and(|(ip, len)| {
                ip.parse::<std::net::IpAddr>().is_ok() && len.parse::<u8>().is_ok_and(|n| n <= 128)
            });
            if registry.is_empty() || registry.contains(char::is_whitespace) || (registry.contains('/') && !network) {
                return Err(ConfigError::Registry(registry.clone()));
            }
        }
        Ok(Self { mirrors, insecure: insecure.to_vec() })
    }
}

fn mirror(url: &str) -> Result<String, ConfigError> {
    let error = |reason| ConfigError::Mirror { url: url.to_owned(), reason };
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))
        .ok_or_else(|| error("no scheme specified: must use either 'https://' or 'http://'"))?;
    let host = rest.trim_end_matches('/');
    if host.is_empty() {
        return Err(error("no host specified"));
    }
    if host.contains(['?', '#', '@']) {
        return Err(error("must not have a query, a fragment or a user"));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

impl std::str::FromStr for LogLevel {
    type Err = ConfigError;

    fn from_str(name: &str) -> Result<Self, ConfigError> {
        Ok(Self(match name {
            "trace" => LevelFilter::TRACE,
            "debug" => LevelFilter::DEBUG,
            "info" => LevelFilter::INFO,
            "warn" | "warning" => LevelFilter::WARN,
            // Nothing is logged at "fatal" or "panic": a fatal error is the last line before the exit anyway.
            "error" | "fatal" | "panic" => LevelFilter::ERROR,
            _ => return Err(ConfigError::LogLevel(name.to_owned())),
        }))
    }
}

impl std::str::FromStr for Bip {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let parsed = text.split_once('/').and_then(|(address, prefix)| {
            let address: Ipv4Addr = address.parse().ok()?;
            let prefix_len: u8 = prefix.parse().ok()?;
            // A network of two addresses or fewer has no room for a container; its own and the broadcast address
            // are nobody's.
            if !(1..=30).contains(&prefix_len) {
                return None;
            }
            let host = u32::from(address) & (u32::MAX >> prefix_len);
            (host != 0 && host != u32::MAX >> prefix_len).then_some(Self { address, prefix_len })
        });
        parsed.ok_or_else(|| ConfigError::Bip(text.to_owned()))
    }
}
