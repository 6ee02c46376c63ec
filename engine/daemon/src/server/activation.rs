//! Socket activation: `fd://`, sockets that the service manager opened (`LISTEN_FDS`, see `sd_listen_fds(3)`).

use super::listener::Listener;
use listenfd::ListenFd;
use std::sync::Arc;

/// Number of the first passed descriptor.
const FIRST: usize = 3;

/// Why `fd://` found nothing.
#[derive(Debug, thiserror::Error)]
pub enum ActivationError {
    /// Not started by a service manager.
    #[error(
        "no sockets found via socket activation: make sure the service manager started hulld (LISTEN_FDS is not set)"
    )]
    None,
    /// Not this one.
    #[error("no socket called {0:?} among those that the service manager passed")]
    NotFound(String),
    /// Neither a unix nor a TCP listener.
    #[error("descriptor {descriptor} from the service manager is neither a unix nor a TCP socket that listens")]
    Kind {
        /// Its number.
        descriptor: usize,
        /// What the kernel says.
        source: std::io::Error,
    },
}

/// The passed sockets that nobody has taken yet.
pub struct Sockets {
    passed: ListenFd,
    names: Vec<String>,
}

impl Sockets {
    /// What the environment says; none if it says nothing or speaks to another process.
    pub fn from_environment() -> Self {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        Self { passed: ListenFd::from_env(), names: names.split(':').map(str::to_owned).collect() }
    }

    /// Takes the socket with this name or descriptor number, or all that are left.
    ///
    /// # Errors
    /// When there is none, or it does not listen.
    pub fn take(&mut self, which: Option<&str>, names: &Arc<[String]>) -> Result<Vec<Listener>, ActivationError> {
        if self.passed.len() == 0 {
            return Err(ActivationError::None);
        }
        let wanted = |index: usize| match which {
            None => true,
            Some(which) => {
                which.parse() == Ok(FIRST + index) || self.names.get(index).is_some_and(|name| name == which)
            }
        };
        let indexes: Vec<usize> = (0..self.passed.len()).filter(|index| wanted(*index)).collect();
        if indexes.is_empty() {
            return Err(ActivationError::NotFound(which.unwrap_or_default().to_owned()));
        }
        let mut listeners = Vec::new();
        for index in indexes {
            listeners.extend(self.listener(index, names)?);
        }
        Ok(listeners)
    }

    fn listener(&mut self, index: usize, names: &Arc<[String]>) -> Result<Option<Listener>, ActivationError> {
        let error = |source| ActivationError::Kind { descriptor: FIRST + index, source };
        if let Ok(unix) = self.passed.take_unix_listener(index) {
            return Ok(unix.map(|socket| {
                let address = socket.local_addr().ok().and_then(|a| a.as_pathname().map(|p| p.display().to_string()));
                Listener::Unix { socket, address: address.unwrap_or_default(), file: None }
            }));
        }
        let Some(socket) = self.passed.take_tcp_listener(index).map_err(error)? else { return Ok(None) };
        let address = socket.local_addr().map_err(error)?;
        Ok(Some(Listener::Tcp { socket, address, names: names.clone() }))
    }
}
