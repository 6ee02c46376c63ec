//! Binding: unix sockets with their mode and owner, TCP, and what the service manager opened.

use super::activation::{self, ActivationError};
use super::tls::TlsError;
use crate::config::{Config, Listen};
use nix::sys::socket::{getsockopt, sockopt};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Group, chown};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a socket could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another daemon serves there.
    #[error("cannot listen on unix://{}: another daemon answers there", .0.display())]
    InUse(PathBuf),
    /// Something else lies there.
    #[error("cannot listen on unix://{}: the file exists and is not a socket", .0.display())]
    NotASocket(PathBuf),
    /// The kernel refused.
    #[error("cannot listen on {address}: {operation}")]
    Io {
        /// What was being done.
        operation: &'static str,
        /// Where.
        address: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// `fd://` without sockets.
    #[error(transparent)]
    Activation(#[from] ActivationError),
    /// Certificates or keys are unusable.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A bound socket.
#[derive(Debug)]
pub enum Listener {
    /// A unix socket; the file goes when this is dropped, unless it came from the service manager.
    Unix {
        /// The socket.
        socket: UnixListener,
        /// For the log.
        address: String,
        /// Removes the file.
        file: Option<SocketFile>,
    },
    /// TCP.
    Tcp {
        /// The socket.
        socket: TcpListener,
        /// For the log.
        address: SocketAddr,
        /// What clients may call us.
        names: Arc<[String]>,
    },
}

impl Listener {
    /// Opens all of `--host`; nothing is accepted yet. All or none: what was opened before a failure is closed again.
    ///
    /// # Errors
    /// At the first that cannot be opened.
    pub fn bind_all(config: &Config) -> Result<Vec<Self>, BindError> {
        let mut listeners = Vec::new();
        let mut activated = activation::Sockets::from_environment();
        let names = names(&config.hosts);
        for host in &config.hosts {
            match host {
                Listen::Unix(path) => listeners.push(bind_unix(path)?),
                Listen::Tcp { addresses, .. } => {
                    for address in addresses {
                        listeners.push(bind_tcp(*address, &names)?);
                    }
                }
                Listen::Activated(which) => listeners.extend(activated.take(which.as_deref(), &names)?),
            }
        }
        Ok(listeners)
    }

    /// As it is written in `--host`.
    pub fn address(&self) -> String {
        match self {
            Self::Unix { address, .. } => format!("unix://{address}"),
            Self::Tcp { address, .. } => format!("tcp://{address}"),
        }
    }
}

/// Names from `--host` and this machine's own, for the check of `Host`.
fn names(hosts: &[Listen]) -> Arc<[String]> {
    let own = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    let said = hosts.iter().filter_map(|host| match host {
        Listen::Tcp { name, .. } => Some(name.clone()),
        Listen::Unix(_) | Listen::Activated(_) => None,
    });
    said.chain(own).collect()
}

/// Opens one TCP socket.
///
/// # Errors
/// When the kernel refuses.
pub fn bind_tcp(address: SocketAddr, names: &Arc<[String]>) -> Result<Listener, BindError> {
    let error = |source| BindError::Io { operation: "bind", address: format!("tcp://{address}"), source };
    let socket = TcpListener::bind(address).map_err(error)?;
    // Port 0 has become a real one.
    let address = socket.local_addr().map_err(error)?;
    Ok(Listener::Tcp { socket, address, names: names.clone() })
}

/// Opens a unix socket with mode 0660 that belongs to root and to the group `hull` or `docker`.
///
/// # Errors
/// When something else is there, another daemon answers there, or the kernel refuses.
pub fn bind_unix(path: &Path) -> Result<Listener, BindError> {
    let error =
        |operation| move |source| BindError::Io { operation, address: format!("unix://{}", path.display()), source };
    remove_stale(path)?;
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).map_err(error("create its directory"))?;
    }
    // The mode is 0660 from the first moment. The mask is the whole process's: at this point nothing else runs.
    let before = umask(Mode::from_bits_truncate(0o117));
    let bound = UnixListener::bind(path);
    umask(before);
    let socket = bound.map_err(error("bind"))?;
    let file = SocketFile::new(path).map_err(error("look at the socket"))?;
    if nix::unistd::geteuid().is_root() {
        chown(path, None, Some(socket_group())).map_err(|errno| error("give it to its group")(errno.into()))?;
    }
    Ok(Listener::Unix { socket, address: path.display().to_string(), file: Some(file) })
}

/// The group whose members may use the API without being root.
fn socket_group() -> Gid {
    ["hull", "docker"]
        .into_iter()
        .find_map(|name| Group::from_name(name).ok().flatten())
        .map_or(Gid::from_raw(0), |group| group.gid)
}

/// Removes the socket of a daemon that was killed; one that answers stays.
fn remove_stale(path: &Path) -> Result<(), BindError> {
    let error = |operation, source| BindError::Io { operation, address: format!("unix://{}", path.display()), source };
    match std::fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(error("look at what is there", e)),
        Ok(metadata) if !metadata.file_type().is_socket() => return Err(BindError::NotASocket(path.to_owned())),
        Ok(_) => {}
    }
    let remove = || std::fs::remove_file(path).map_err(|e| error("remove a stale socket", e));
    match UnixStream::connect(path) {
        Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => remove(),
        Ok(stream) if listener_is_gone(&stream) => remove(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        // A full backlog (EAGAIN) is a daemon too.
        Ok(_) | Err(_) => Err(BindError::InUse(path.to_owned())),
    }
}

/// Whether the process that listens there has ended, and it is only a child of its that keeps the socket open: a shim that was
/// being spawned when the daemon was killed has all its descriptors until it comes to its exec.
fn listener_is_gone(stream: &UnixStream) -> bool {
    // Who called listen(2). 0 is somebody outside of what this process can see.
    let listener = getsockopt(stream, sockopt::PeerCredentials).map_or(0, |credentials| credentials.pid());
    // A zombie has no program any more.
    listener > 0
        && std::fs::read_link(format!("/proc/{listener}/exe")).is_err_and(|e| e.kind() == io::ErrorKind::NotFound)
}

/// Removes a socket's file when dropped, if it is still the same one: a successor may have replaced it.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), identity: identity(path)? })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|now| now == self.identity) {
            // Nothing better can be done at exit: the next daemon removes a stale socket anyway.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = std::fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_socket_that_only_a_child_of_its_daemon_holds_is_stale() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hull.sock");
        // A process that listens, hands the socket to a child and ends.
        let script = "import os, socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.bind(sys.argv[1])\ns.listen()\n\
                      if os.fork() == 0: os.close(1); os.read(0, 1)\n";
        let mut command = std::process::Command::new("python3");
        command.args(["-c", script]).arg(&path).stdin(std::process::Stdio::piped());
        let Ok(mut daemon) = command.spawn() else {
            eprintln!("skipped: no python3 on this host");
            return;
        };
        // The child lives for as long as its stdin does.
        let child = daemon.stdin.take();
        daemon.wait().unwrap();
        UnixStream::connect(&path).unwrap();
        let second = bind_unix(&path).unwrap();
        UnixStream::connect(&path).unwrap();
        drop((second, child));
    }

    #[test]
    fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/hull.sock");
        let first = bind_unix(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        assert!(matches!(bind_unix(&path), Err(BindError::InUse(_))));
        // As if killed: the socket is closed, its file stays.
        let Listener::Unix { socket, file: Some(file), .. } = first else { panic!("not a unix socket") };
        drop(socket);
        std::mem::forget(file);
        let second = bind_unix(&path).unwrap();
        UnixStream::connect(&path).unwrap();
        drop(second);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_is_no_socket_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("precious");
        std::fs::write(&path, "text").unwrap();
        assert!(matches!(bind_unix(&path), Err(BindError::NotASocket(_))));
        assert_eq!(std::fs::read(&path).unwrap(), b"text");
    }
}
