//! What the daemon does for logs that the shims write: compresses rotated files, sends lines to the journal. A task for each
//! container that asks for it, from its creation (or the daemon's start) to its removal.

use super::attributes::Subject;
use super::journald::{Fields, Forward, Journal};
use super::options::{self, Driver, Options, ValueError};
use super::{LogWatcher, compress};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// See the module.
#[derive(Debug)]
pub struct Keeper {
    /// Tells readers of everything.
    logs: Arc<LogWatcher>,
    /// Tells of rotations only: an inotify of its own, since a busy log would wake it with each write.
    rotations: LogWatcher,
    /// One file at a time is compressed, whatever there is to do.
    one: Arc<Semaphore>,
    journal: PathBuf,
}

/// A log to be looked after.
#[derive(Debug, Clone, Copy)]
pub struct Keeping<'a> {
    /// Its newest file.
    pub path: &'a Path,
    /// Where it goes.
    pub driver: Driver,
    /// The driver's options.
    pub options: &'a Options,
    /// Whose it is.
    pub subject: Subject<'a>,
}

impl Keeper {
    /// For the journal that listens there. Made inside a tokio runtime.
    ///
    /// # Errors
    /// When the kernel gives no inotify instance.
    pub fn new(logs: Arc<LogWatcher>, journal: &Path) -> io::Result<Self> {
        let rotations = LogWatcher::of_rotations()?;
        Ok(Self { logs, rotations, one: Arc::new(Semaphore::new(1)), journal: journal.to_owned() })
    }

    /// Whether a driver can take a container's output now; in Docker's words why not.
    ///
    /// # Errors
    /// When it cannot.
    pub fn ready(&self, driver: Driver) -> Result<(), &'static str> {
        match driver {
            Driver::Journald if !Journal::is_there(&self.journal) => Err("journald is not enabled on this host"),
            _ => Ok(()),
        }
    }

    /// The drivers that this host has, as `/info` lists them.
    pub fn drivers(&self) -> Vec<&'static str> {
        let all = [Driver::Journald, Driver::JsonFile, Driver::Local];
        all.into_iter().filter(|driver| self.ready(*driver).is_ok()).map(Driver::name).collect()
    }

    /// Looks after a log until `gone` resolves, and what was written before that. Watches are set when this returns.
    pub fn keep(&self, log: &Keeping<'_>, gone: impl Future<Output = ()> + Clone + Send + 'static) {
        if log.driver == Driver::None {
            return;
        }
        let result = options::files(log.driver, log.options).map_err(io::Error::other).and_then(|files| {
            if files.compress {
                self.compress(log.path, gone.clone())?;
            }
            Ok(())
        });
        let result =
            result.and_then(|()| if log.driver == Driver::Journald { self.forward(log, gone) } else { Ok(()) });
        if let Err(error) = result {
            tracing::error!(path = %log.path.display(), %error, "a log is not looked after");
        }
    }

    fn compress(&self, path: &Path, gone: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        let mut changes = self.rotations.subscribe(directory(path)?)?;
        let (path, one) = (path.to_owned(), self.one.clone());
        tokio::spawn(async move {
            tokio::pin!(gone);
            loop {
                let Ok(turn) = one.clone().acquire_owned().await else { return };
                let log = path.clone();
                let done = tokio::task::spawn_blocking(move || (compress::rotated(&log), turn)).await;
                match done {
                    // The directory of a removed container goes away under it.
                    Ok((Err(error), _)) if error.kind() != io::ErrorKind::NotFound => {
                        tracing::warn!(path = %path.display(), %error, "a rotated log stays as it is");
                    }
                    Ok(_) => {}
                    Err(_down) => return,
                }
                tokio::select! {
                    () = changes.changed() => {}
                    () = &mut gone => return,
                }
            }
        });
        Ok(())
    }

    fn forward(&self, log: &Keeping<'_>, gone: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        let changes = self.logs.subscribe(directory(log.path)?)?;
        let fields = Fields::new(&log.subject, log.options).map_err(|error: ValueError| io::Error::other(error))?;
        let epoch = crate::ids::random_hex()?;
        let forward = Forward { path: log.path.to_owned(), journal: self.journal.clone(), fields, epoch };
        tokio::spawn(forward.run(changes, gone));
        Ok(())
    }
}

fn directory(path: &Path) -> io::Result<&Path> {
    path.parent().ok_or_else(|| io::ErrorKind::NotADirectory.into())
}
