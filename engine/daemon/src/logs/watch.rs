//! Tells readers that a log has grown or was rotated. One inotify instance serves the whole engine: a user may have only 128.

use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask, Watches};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;

/// Watches directories of logs; made inside a tokio runtime, which runs its task.
#[derive(Debug)]
pub struct LogWatcher {
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

struct Shared {
    /// What happens that somebody is told of.
    mask: WatchMask,
    watches: Mutex<Watches>,
    directories: Mutex<HashMap<PathBuf, Directory>>,
}

struct Directory {
    descriptor: WatchDescriptor,
    changed: watch::Sender<u64>,
    readers: usize,
}

/// A reader's interest in one directory.
#[derive(Debug)]
pub struct LogChanges {
    shared: Arc<Shared>,
    directory: PathBuf,
    changed: watch::Receiver<u64>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LogWatcher {
    /// Tells of everything that concerns a reader.
    ///
    /// # Errors
    /// When the kernel gives no inotify instance.
    pub fn new() -> io::Result<Self> {
        Self::of(WatchMask::MODIFY | WatchMask::CREATE | WatchMask::MOVED_TO | WatchMask::MOVED_FROM)
    }

    /// Tells only of files that get new names.
    ///
    /// # Errors
    /// When the kernel gives no inotify instance.
    pub fn of_rotations() -> io::Result<Self> {
        Self::of(WatchMask::MOVED_TO)
    }

    fn of(mask: WatchMask) -> io::Result<Self> {
        let inotify = Inotify::init()?;
        let watches = Mutex::new(inotify.watches());
        let shared = Arc::new(Shared { mask, watches, directories: Mutex::new(HashMap::new()) });
        #[expect(
            deprecated,
            reason = "its replacement is unsafe; an Inotify keeps its one descriptor open for all its life"
        )]
        let fd = AsyncFd::new(inotify)?;
        let task = tokio::spawn(run(fd, shared.clone()));
        Ok(Self { shared, task })
    }

    /// From now on, what happens to files in this directory.
    ///
    /// # Errors
    /// When it cannot be watched.
    pub fn subscribe(&self, directory: &Path) -> io::Result<LogChanges> {
        let mut directories = lock(&self.shared.directories);
        let changed = match directories.get_mut(directory) {
            Some(known) => {
                known.readers += 1;
                known.changed.subscribe()
            }
            None => {
                let descriptor = lock(&self.shared.watches).add(directory, self.shared.mask)?;
                let (changed, receiver) = watch::channel(0);
                directories.insert(directory.to_owned(), Directory { descriptor, changed, readers: 1 });
                receiver
            }
        };
        Ok(LogChanges { shared: self.shared.clone(), directory: directory.to_owned(), changed })
    }
}

impl LogWatcher {
    /// Resolves when nobody follows a log in this directory any more.
    pub fn idle(&self, directory: &Path) -> impl Future<Output = ()> + Send + use<> {
        let known = lock(&self.shared.directories).get(directory).map(|known| known.changed.clone());
        async move {
            if let Some(changed) = known {
                changed.closed().await;
            }
        }
    }
}

impl Drop for LogWatcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl LogChanges {
    /// Resolves when something has changed since the last time it did.
    pub async fn changed(&mut self) {
        if self.changed.changed().await.is_err() {
            // The watcher is gone, that is the daemon goes down.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for LogChanges {
    fn drop(&mut self) {
        let mut directories = lock(&self.shared.directories);
        let Some(known) = directories.get_mut(&self.directory) else { return };
        known.readers -= 1;
        if known.readers == 0
            && let Some(unused) = directories.remove(&self.directory)
        {
            // Fails when the directory is gone, and the watch with it.
            let _ = lock(&self.shared.watches).remove(unused.descriptor);
        }
    }
}

async fn run(mut fd: AsyncFd<Inotify>, shared: Arc<Shared>) {
    let mut buffer = [0; 4096];
    loop {
        let Ok(mut ready) = fd.readable_mut().await else { return };
        let read = ready.try_io(|inner| {
            let events = inner.get_mut().read_events(&mut buffer)?;
            let told = events.map(|event| (event.wd, event.mask.contains(EventMask::Q_OVERFLOW)));
            Ok(told.collect::<Vec<_>>())
        });
        match read {
            Ok(Ok(told)) => {
                // The kernel has dropped some: nobody knows whose.
                let any = told.iter().any(|(_, overflow)| *overflow);
                for directory in lock(&shared.directories).values() {
                    if any || told.iter().any(|(descriptor, _)| *descriptor == directory.descriptor) {
                        directory.changed.send_modify(|n| *n += 1);
                    }
                }
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "logs cannot be followed any more: reading inotify failed");
                return;
            }
            Err(_would_block) => {}
        }
    }
}
