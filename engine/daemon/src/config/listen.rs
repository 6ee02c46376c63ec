//! Where the API listens: the value of one `--host`.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

/// Port of `tcp://` without TLS, as Docker has it.
pub const PLAIN_PORT: u16 = 2375;
/// Port of `tcp://` with TLS, as Docker has it.
pub const TLS_PORT: u16 = 2376;

/// One place to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// A unix socket at this path.
    Unix(PathBuf),
    /// TCP on these addresses; `name` is what a client may call us in its `Host` header.
    Tcp {
        /// The host as it was written.
        name: String,
        /// What the name resolved to.
        addresses: Vec<SocketAddr>,
    },
    /// Sockets that the service manager opened: all of them, or the one with this name or descriptor number.
    Activated(Option<String>),
}

/// Why a `--host` means nothing.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// No such protocol.
    #[error("invalid bind address ({value}): unsupported proto '{proto}': use unix://, tcp:// or fd://")]
    Protocol {
        /// What was given.
        value: String,
        /// The part before `://`.
        proto: String,
    },
    /// The part after the protocol cannot be used.
    #[error("invalid bind address ({value}): {reason}")]
    Address {
        /// What was given.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The name has no address.
    #[error("invalid bind address ({value}): cannot resolve the host name")]
    Resolve {
        /// What was given.
        value: String,
        /// Why.
        source: std::io::Error,
    },
}

impl Listen {
    /// Understands one `--host`; `tls` chooses the port where none is given.
    ///
    /// # Errors
    /// When the protocol is unknown, the path relative, the port no port or the name has no address.
    pub fn parse(value: &str, tls: bool) -> Result<Self, ListenError> {
        let value = value.trim();
        let address_error = |reason| ListenError::Address { value: value.to_owned(), reason };
        // As dockerd: something without a protocol is an address and a port.
        let (proto, rest) = value.split_once("://").unwrap_or(("tcp", value));
        match proto {
            "unix" if rest.is_empty() => Ok(Self::Unix(super::DEFAULT_SOCKET.into())),
            "unix" if rest.starts_with('/') => Ok(Self::Unix(PathBuf::from(rest))),
            "unix" => Err(address_error("the path of a unix socket must be absolute")),
            "fd" if rest.is_empty() || rest == "*" => Ok(Self::Activated(None)),
            "fd" => Ok(Self::Activated(Some(rest.to_owned()))),
            "tcp" => {
                let rest = rest.strip_suffix('/').unwrap_or(rest);
                if rest.contains(['/', '?', '#', '@']) {
                    return Err(address_error("after the port nothing may follow"));
                }
                let (name, port) = split_port(rest).map_err(address_error)?;
                let port = port.unwrap_or(if tls { TLS_PORT } else { PLAIN_PORT });
                // An empty host is loopback here, not "every interface": nobody should be open by omission.
                let name = if name.is_empty() { "127.0.0.1" } else { name };
                let addresses: Vec<SocketAddr> = match name.parse::<IpAddr>() {
                    Ok(ip) => vec![SocketAddr::new(ip, port)],
                    Err(_) => (name, port)
                        .to_socket_addrs()
                        .map_err(|source| ListenError::Resolve { value: value.to_owned(), source })?
                        .collect(),
                };
                Ok(Self::Tcp { name: name.to_owned(), addresses })
            }
            other => Err(ListenError::Protocol { value: value.to_owned(), proto: other.to_owned() }),
        }
    }

    /// Whether another machine could connect.
    pub fn is_reachable_from_outside(&self) -> bool {
        match self {
            Self::Tcp { addresses, .. } => addresses.iter().any(|a| !a.ip().to_canonical().is_loopback()),
            Self::Unix(_) | Self::Activated(_) => false,
        }
    }
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`, `:port`.
fn split_port(text: &str) -> Result<(&str, Option<u16>), &'static str> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or("a '[' without its ']'")?;
        match after.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if after.is_empty() => (host, None),
            None => return Err("after ']' only a port may follow"),
        }
    } else {
        match text.rsplit_once(':') {
            Some((host, _)) if host.contains(':') => return Err("an IPv6 address must be in brackets"),
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    match port {
        None => Ok((host, None)),
        Some(port) => {
            port.parse().map(|port| (host, Some(port))).map_err(|_| "the port is not a number from 0 to 65535")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(name: &str, address: &str) -> Listen {
        Listen::Tcp { name: name.to_owned(), addresses: vec![address.parse().unwrap()] }
    }

    #[test]
    fn hosts_mean_what_they_mean_to_dockerd() {
        for (value, tls, meaning) in [
            ("unix:///run/x.sock", false, Listen::Unix("/run/x.sock".into())),
            ("unix://", false, Listen::Unix("/run/hull/hull.sock".into())),
            ("fd://", false, Listen::Activated(None)),
            ("fd://*", false, Listen::Activated(None)),
            ("fd://hull.socket", false, Listen::Activated(Some("hull.socket".into()))),
            ("tcp://127.0.0.1:99", false, tcp("127.0.0.1", "127.0.0.1:99")),
            ("tcp://10.0.0.1", false, tcp("10.0.0.1", "10.0.0.1:2375")),
            ("tcp://10.0.0.1/", true, tcp("10.0.0.1", "10.0.0.1:2376")),
            ("tcp://:80", false, tcp("127.0.0.1", "127.0.0.1:80")),
            ("tcp://[::1]:80", false, tcp("::1", "[::1]:80")),
            ("tcp://[::]", false, tcp("::", "[::]:2375")),
            (" 127.0.0.1:99", false, tcp("127.0.0.1", "127.0.0.1:99")),
        ] {
            assert_eq!(Listen::parse(value, tls).unwrap(), meaning, "{value}");
        }
    }

    #[test]
    fn bad_hosts_are_refused() {
        for (value, message) in [
            ("udp://x", "invalid bind address (udp://x): unsupported proto 'udp': use unix://, tcp:// or fd://"),
            ("unix://x", "invalid bind address (unix://x): the path of a unix socket must be absolute"),
            ("tcp://1.2.3.4:x", "invalid bind address (tcp://1.2.3.4:x): the port is not a number from 0 to 65535"),
            (
                "tcp://1.2.3.4:70000",
                "invalid bind address (tcp://1.2.3.4:70000): the port is not a number from 0 to 65535",
            ),
            ("tcp://::1:80", "invalid bind address (tcp://::1:80): an IPv6 address must be in brackets"),
            ("tcp://[::1", "invalid bind address (tcp://[::1): a '[' without its ']'"),
            ("tcp://1.2.3.4:1/x", "invalid bind address (tcp://1.2.3.4:1/x): after the port nothing may follow"),
        ] {
            assert_eq!(Listen::parse(value, false).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn only_loopback_is_inside() {
        for (value, outside) in [
            ("tcp://127.0.0.5:1", false),
            ("tcp://[::1]:1", false),
            ("tcp://[::ffff:127.0.0.1]:1", false),
            ("tcp://0.0.0.0:1", true),
            ("tcp://[::]:1", true),
            ("tcp://10.0.0.1:1", true),
            ("unix:///x", false),
        ] {
            assert_eq!(Listen::parse(value, false).unwrap().is_reachable_from_outside(), outside, "{value}");
        }
    }
}
