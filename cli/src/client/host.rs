//! Where the engine is: what may be written for `-H`, `HULL_HOST` and `DOCKER_HOST`.

use std::fmt;
use std::path::PathBuf;

/// The socket that is used when nothing else is said.
pub(crate) const DEFAULT: &str = "unix:///run/hull/hull.sock";

/// An engine's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    Unix(PathBuf),
    Tcp { host: String, port: u16 },
}

/// The text names no engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HostError {
    #[error("unable to parse docker host `{0}`: write unix:///path/to/socket or tcp://address:port")]
    Unparsable(String),
    #[error("invalid port in host `{0}`")]
    Port(String),
    #[error("host `{0}` uses {1}://, which hull does not speak; use unix:// or tcp://")]
    Scheme(String, String),
}

impl Host {
    /// Parses `unix:///path`, `/path`, `tcp://host:port`, `host:port`. Port 0 and a missing port mean Docker's: 2375,
    /// or 2376 with TLS.
    pub(crate) fn parse(text: &str, tls: bool) -> Result<Self, HostError> {
        let text = text.trim();
        let unparsable = || HostError::Unparsable(text.to_owned());
        if let Some(path) = text.strip_prefix("unix://") {
            let path = if path.is_empty() { &DEFAULT["unix://".len()..] } else { path };
            return Ok(Self::Unix(path.into()));
        }
        if text.starts_with('/') {
            return Ok(Self::Unix(text.into()));
        }
        let address = match text.split_once("://") {
            Some(("tcp" | "http" | "https", address)) => address,
            Some((scheme, _)) => return Err(HostError::Scheme(text.to_owned(), scheme.to_owned())),
            None => text,
        };
        let address = address.trim_end_matches('/');
        let default_port = if tls { 2376 } else { 2375 };
        let (host, port) = match address.rsplit_once(':') {
            // The colons of a bare IPv6 address don't separate a port.
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port),
            _ => (address, ""),
        };
        let port = match port {
            "" => default_port,
            digits => match digits.parse().map_err(|_| HostError::Port(text.to_owned()))? {
                0 => default_port,
                port => port,
            },
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let host = if host.is_empty() && text.starts_with("tcp://") { "localhost" } else { host };
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
        if host.is_empty() || !host.chars().all(is_name) {
            return Err(unparsable());
        }
        Ok(Self::Tcp { host: host.to_owned(), port })
    }

    /// The `Host` header. Docker's own for a socket, so that an engine needs to know one name only.
    pub(crate) fn header(&self) -> String {
        match self {
            Self::Unix(_) => "api.moby.localhost".to_owned(),
            Self::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Tcp { host, port } => format!("{host}:{port}"),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { .. } => write!(f, "tcp://{}", self.header()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let tcp = |host: &str, port| Ok(Host::Tcp { host: host.to_owned(), port });
        for (text, expected) in [
            ("unix:///run/x.sock", Ok(Host::Unix("/run/x.sock".into()))),
            ("unix://", Ok(Host::Unix("/run/hull/hull.sock".into()))),
            ("/run/x.sock", Ok(Host::Unix("/run/x.sock".into()))),
            ("tcp://10.10.10.1:2375", tcp("10.10.10.1", 2375)),
            ("10.10.10.1:2375", tcp("10.10.10.1", 2375)),
            ("tcp://engine.example/", tcp("engine.example", 2375)),
            ("tcp://", tcp("localhost", 2375)),
            ("tcp://[::1]:99", tcp("::1", 99)),
            ("[fe80::1]", tcp("fe80::1", 2375)),
            ("engine", tcp("engine", 2375)),
            ("localhost:0", tcp("localhost", 2375)),
        ] {
            assert_eq!(Host::parse(text, false), expected, "{text}");
        }
        assert_eq!(Host::parse("tcp://a.b", true), tcp("a.b", 2376));
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in ["", "a/b", "ssh://me@there", "tcp://a:b", "tcp://a:99999", "tcp://a b:1", "npipe:////./x"] {
            assert!(Host::parse(bad, false).is_err(), "{bad}");
        }
    }

    #[test]
    fn display_reads_back() {
        for text in ["unix:///run/x.sock", "tcp://[::1]:99", "tcp://10.0.0.1:2375"] {
            assert_eq!(Host::parse(text, false).unwrap().to_string(), text);
        }
    }
}
