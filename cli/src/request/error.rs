//! Flags that make no sense, in Docker's words.

use std::io;

/// Why a request could not be made from the flags.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("conflicting options: cannot specify both {0} and {1}")]
    Conflict(&'static str, &'static str),
    #[error("--{flag}: invalid {kind} mode")]
    Mode { flag: &'static str, kind: &'static str },
    #[error("invalid value: {0}. Valid memory swappiness range is 0-100")]
    Swappiness(i64),
    #[error(
        "\"--{0}\" is only supported on a Docker daemon running on windows, but the Docker daemon is running on linux"
    )]
    WindowsOnly(&'static str),
    #[error(
        "--disable-content-trust=false: hull cannot verify signatures of images; name them by digest (name@sha256:...)"
    )]
    ContentTrust,
    #[error("--use-api-socket: the engine at {0} is not on a unix socket that could be mounted")]
    ApiSocket(String),
    #[error("invalid reference format: repository name ({0}) must be lowercase")]
    Uppercase(String),
    #[error("--no-healthcheck conflicts with --health-* options")]
    NoHealthcheck,
    #[error("--{0} cannot be negative")]
    Negative(&'static str),
    #[error("invalid restart policy format: {0}")]
    Restart(&'static str),
    #[error("invalid logging opts for driver none")]
    LogOptsForNone,
    #[error("{0} is not a valid mac address")]
    Mac(String),
    #[error("open {path}: {}", reason(source))]
    Open { path: String, source: io::Error },
    #[error("opening seccomp profile ({path}) failed: open {path}: {}", reason(source))]
    SeccompOpen { path: String, source: io::Error },
    #[error("compacting json for seccomp profile ({path}) failed: {source}")]
    SeccompJson { path: String, source: serde_json::Error },
    #[error("Invalid --security-opt: {0:?}")]
    SecurityOpt(String),
    #[error("invalid storage option")]
    StorageOpt,
    #[error("poorly formatted environment: {0}")]
    EnvLine(String),
    #[error("invalid label '{0}': empty name")]
    Label(String),
    #[error("invalid containerPort: {0}")]
    ContainerPort(String),
    #[error("invalid hostPort: {0}")]
    HostPort(String),
    #[error("invalid IP address: {0}")]
    Ip(String),
    #[error("invalid proto: {0}")]
    Proto(String),
    #[error("no port specified: {0}<empty>")]
    NoPort(String),
    #[error("invalid ranges specified for container and host Ports: {0} and {1}")]
    PortRanges(String, String),
    #[error("invalid range format for --expose: {0}, error: strconv.ParseUint: parsing {0:?}: invalid syntax")]
    Expose(String),
    #[error("invalid device specification: {0}")]
    Device(String),
    #[error("bad format for path: {0}")]
    DevicePath(String),
    #[error("invalid spec: {spec}: {reason}")]
    Volume { spec: String, reason: &'static str },
    #[error("network-scoped aliases are only supported for user-defined networks")]
    NetworkAlias,
    #[error("conflicting options: cannot attach both user-defined and non-user-defined network-modes")]
    NetworkMix,
    #[error("invalid config for network {0}: mac-address, ip and aliases need a user-defined network")]
    NetworkConfig(String),
    #[error("invalid field key {0}")]
    NetworkKey(String),
    #[error("network {0:?} is specified multiple times")]
    NetworkTwice(String),
    #[error("invalid pull option: '{0}': must be one of \"always\", \"missing\" or \"never\"")]
    Pull(String),
    #[error("with --mnt=host the container sees the host's files: {0} has no meaning there")]
    MntHost(&'static str),
    #[error("current directory is not known: {}", reason(source))]
    CurrentDir { source: io::Error },
}

/// The system's words as Go prints them: lower case, without the number.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
