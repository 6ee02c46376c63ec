//! Keeps browsers out of TCP listeners.
//!
//! A page in the user's browser can send requests to 127.0.0.1. Cross-origin ones carry `Origin`; after DNS rebinding
//! the page's own host name resolves to us and there is no `Origin`, but `Host` is that name. So over TCP a foreign
//! `Origin` is refused, and `Host` must be an address, `localhost`, a name from `--host`, this machine's name, or what
//! Docker's clients send.

use super::peer::Peer;
use http::{HeaderMap, Uri, header};
use std::net::IpAddr;

/// Why a request is not even routed; the client gets it with status 403.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Looks like DNS rebinding.
    #[error(
        "refused: the request is for host {0:?}, which is not a name of this engine; use its address, or start hulld \
         with --host tcp://{0}"
    )]
    Host(String),
    /// Comes from a web page.
    #[error("refused: the request comes from the web page of {0:?}")]
    Origin(String),
}

/// Refuses what only a browser sends.
pub(super) fn check(peer: &Peer, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
    let Peer::Tcp { names, verified } = peer else { return Ok(()) };
    let text = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let authority = uri.authority().map(ToString::to_string).or_else(|| text(header::HOST)).unwrap_or_default();
    if let Some(origin) = text(header::ORIGIN) {
        // Websocket clients that are no browsers send the address that they connect to.
        let own = origin.split_once("://").is_some_and(|(_, host)| !host.is_empty() && host == authority);
        if !own {
            return Err(Refusal::Origin(origin));
        }
    }
    // Whoever shows a certificate of ours chose to: a rebinding page cannot.
    if *verified || is_ours(host_of(&authority), names) { Ok(()) } else { Err(Refusal::Host(authority)) }
}

/// The host without its port.
fn host_of(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    authority.rsplit_once(':').map_or(authority, |(host, _)| host)
}

fn is_ours(host: &str, names: &[String]) -> bool {
    // HTTP/1.0 clients send none.
    host.is_empty()
        || host.parse::<IpAddr>().is_ok()
        || host.eq_ignore_ascii_case("localhost")
        // "docker": Docker CLIs before 20.10; the other is under .localhost, which never leaves the machine.
        || host.eq_ignore_ascii_case("docker")
        || host.to_ascii_lowercase().ends_with(".localhost")
        || names.iter().any(|name| host.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(headers: &[(header::HeaderName, &str)]) -> Result<(), Refusal> {
        let peer = Peer::Tcp { names: ["build.example".to_owned()].into(), verified: false };
        check(&peer, &Uri::from_static("/info"), &map(headers))
    }

    fn map(headers: &[(header::HeaderName, &str)]) -> HeaderMap {
        headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn clients_names_for_us_are_accepted() {
        for host in [
            "",
            "api.moby.localhost",
            "docker",
            "localhost:2375",
            "127.0.0.1:2375",
            "10.1.2.3",
            "[::1]:2375",
            "[fe80::1]",
            "build.example:2375",
            "BUILD.example",
        ] {
            assert_eq!(tcp(&[(header::HOST, host)]), Ok(()), "{host}");
        }
        assert_eq!(tcp(&[]), Ok(()));
    }

    #[test]
    fn rebound_names_are_refused() {
        for host in
            ["evil.example", "evil.example:2375", "localhost.evil.example", "127.0.0.1.evil.example", "docker.evil"]
        {
            assert_eq!(tcp(&[(header::HOST, host)]), Err(Refusal::Host(host.to_owned())));
        }
    }

    #[test]
    fn web_pages_are_refused_and_websocket_clients_are_not() {
        let host = (header::HOST, "127.0.0.1:2375");
        for origin in ["http://evil.example", "null", "http://127.0.0.1:8080", "http://"] {
            assert!(matches!(tcp(&[host.clone(), (header::ORIGIN, origin)]), Err(Refusal::Origin(_))), "{origin}");
        }
        assert_eq!(tcp(&[host, (header::ORIGIN, "http://127.0.0.1:2375")]), Ok(()));
    }

    #[test]
    fn unix_sockets_and_verified_clients_may_say_any_host() {
        let headers = map(&[(header::HOST, "anything")]);
        assert_eq!(check(&Peer::Unix, &Uri::from_static("/"), &headers), Ok(()));
        let peer = Peer::Tcp { names: [].into(), verified: true };
        assert_eq!(check(&peer, &Uri::from_static("/"), &headers), Ok(()));
    }
}
