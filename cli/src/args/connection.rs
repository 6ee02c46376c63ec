//! Which engine, and how it is spoken to.

use std::path::PathBuf;

use clap::Args;
use hull_api::version::{ApiVersion, InvalidVersion};

use crate::client::{Client, DEFAULT_HOST, Host, HostError, TlsError, TlsOptions, tls_config};

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Connection {
    /// Daemon socket to connect to: unix:///path, tcp://address:port, address:port
    #[arg(short = 'H', long, value_name = "string")]
    pub(crate) host: Option<String>,
    /// Use TLS; implied by --tlsverify
    #[arg(long)]
    pub(crate) tls: bool,
    /// Use TLS and verify the remote
    #[arg(long)]
    pub(crate) tlsverify: bool,
    /// Trust certs signed only by this CA
    #[arg(long, value_name = "string")]
    pub(crate) tlscacert: Option<PathBuf>,
    /// Path to TLS certificate file
    #[arg(long, value_name = "string")]
    pub(crate) tlscert: Option<PathBuf>,
    /// Path to TLS key file
    #[arg(long, value_name = "string")]
    pub(crate) tlskey: Option<PathBuf>,
}

/// The engine cannot be addressed as it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectionError {
    #[error(transparent)]
    Host(#[from] HostError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("DOCKER_API_VERSION: {0}")]
    Version(InvalidVersion),
}

impl Connection {
    /// From a line that is not finished, which nothing can parse: only `-H` and `--host` are looked for. TLS is what the
    /// environment says.
    pub(super) fn typed(words: &[String]) -> Self {
        let mut host = None;
        for (at, word) in words.iter().enumerate() {
            match word.strip_prefix("--host=") {
                Some(value) => host = Some(value.to_owned()),
                None if word == "-H" || word == "--host" => host = words.get(at + 1).cloned(),
                None => {}
            }
        }
        Self { host, ..Self::default() }
    }

    /// Flags, then `HULL_HOST`, then `DOCKER_HOST`, then the default; TLS from the flags or Docker's variables.
    pub(crate) fn client(&self) -> Result<Client, ConnectionError> {
        self.client_with(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn client_with(&self, env: impl Fn(&str) -> Option<String>) -> Result<Client, ConnectionError> {
        let text = self.host.clone().or_else(|| env("HULL_HOST")).or_else(|| env("DOCKER_HOST"));
        let tls = self.tls_options(&env);
        let host = Host::parse(text.as_deref().unwrap_or(DEFAULT_HOST), tls.is_some())?;
        let version = env("DOCKER_API_VERSION").map(|text| text.parse::<ApiVersion>()).transpose();
        let version = version.map_err(ConnectionError::Version)?;
        let config = match (&host, tls) {
            (Host::Tcp { .. }, Some(options)) => Some(tls_config(&options)?),
            _ => None,
        };
        Ok(Client::new(host, config, version))
    }

    fn tls_options(&self, env: &impl Fn(&str) -> Option<String>) -> Option<TlsOptions> {
        let verify = self.tlsverify || env("DOCKER_TLS_VERIFY").is_some();
        let named = self.tlscacert.is_some() || self.tlscert.is_some() || self.tlskey.is_some();
        if !(verify || self.tls || named) {
            return None;
        }
        let dir = env("DOCKER_CERT_PATH")
            .map_or_else(|| PathBuf::from(env("HOME").unwrap_or_default()).join(".docker"), PathBuf::from);
        let or_default = |flag: &Option<PathBuf>, name: &str| {
            flag.clone().or_else(|| Some(dir.join(name)).filter(|path| path.exists()))
        };
        Some(TlsOptions {
            verify,
            ca: self.tlscacert.clone().unwrap_or_else(|| dir.join("ca.pem")),
            cert: or_default(&self.tlscert, "cert.pem"),
            key: or_default(&self.tlskey, "key.pem"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(flag: Option<&str>, env: &[(&str, &str)]) -> String {
        let connection = Connection { host: flag.map(str::to_owned), ..Connection::default() };
        let lookup = |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        connection.client_with(lookup).map_or_else(|e| e.to_string(), |client| client.host().to_string())
    }

    #[test]
    fn the_order_of_hosts() {
        let env = [("HULL_HOST", "tcp://hull:1"), ("DOCKER_HOST", "tcp://docker:2")];
        assert_eq!(host(Some("tcp://flag:3"), &env), "tcp://flag:3");
        assert_eq!(host(None, &env), "tcp://hull:1");
        assert_eq!(host(None, &env[1..]), "tcp://docker:2");
        assert_eq!(host(None, &[]), "unix:///run/hull/hull.sock");
        assert!(host(Some("ssh://x"), &[]).contains("ssh://x"));
        assert!(host(None, &[("DOCKER_API_VERSION", "x")]).starts_with("DOCKER_API_VERSION"));
    }

    #[test]
    fn the_host_of_an_unfinished_line() {
        let typed = |line: &str| Connection::typed(&line.split(' ').map(str::to_owned).collect::<Vec<_>>()).host;
        assert_eq!(typed("hull -- hull -H a:1 logs "), Some("a:1".to_owned()));
        assert_eq!(typed("hull -- hull --host=b:2 logs "), Some("b:2".to_owned()));
        assert_eq!(typed("hull -- hull logs -H"), None);
    }

    #[test]
    fn a_ca_that_is_missing_is_named() {
        let message = host(Some("tcp://a:1"), &[("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", "/hull-no-such")]);
        assert!(message.contains("CA certificate /hull-no-such/ca.pem"), "{message}");
    }
}
