//! One daemon owns a data root. The kernel gives the lock back when the process ends, however it ends.

use super::EngineError;
use crate::store::paths::Paths;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::File;
use std::sync::mpsc;
use std::time::Duration;

/// For how long somebody else may have the lock: a shim that was being spawned when the last daemon was killed has all its
/// descriptors until it comes to its exec.
const PATIENCE: Duration = Duration::from_secs(2);

/// Held for as long as the engine lives.
#[derive(Debug)]
pub(super) struct DataRootLock {
    _file: File,
}

impl DataRootLock {
    pub(super) fn take(paths: &Paths) -> Result<Self, EngineError> {
        let path = paths.lock();
        let file = File::create(&path).map_err(|source| EngineError::Io {
            operation: "create",
            path: path.clone(),
            source,
        })?;
        let locked = match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => wait(&file),
            other => other,
        };
        match locked {
            Ok(()) => Ok(Self { _file: file }),
            Err(Errno::WOULDBLOCK) => Err(EngineError::InUse(paths.data_root().to_owned())),
            Err(errno) => Err(EngineError::Io { operation: "lock", path, source: errno.into() }),
        }
    }
}

/// Waits for the lock for a while.
fn wait(file: &File) -> Result<(), Errno> {
    let (sender, receiver) = mpsc::channel();
    // The lock is the open file's, whoever asks for it; without an answer in time this process ends, and the thread with it.
    let copy = file.try_clone().map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    std::thread::spawn(move || sender.send(flock(&copy, FlockOperation::LockExclusive)));
    receiver.recv_timeout(PATIENCE).unwrap_or(Err(Errno::WOULDBLOCK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_daemon_on_the_same_data_root_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::new(dir.path(), dir.path());
        let first = DataRootLock::take(&paths).unwrap();
        assert!(matches!(DataRootLock::take(&paths), Err(EngineError::InUse(_))));
        drop(first);
    }

    #[test]
    fn a_lock_that_is_given_back_in_a_moment_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::new(dir.path(), dir.path());
        let first = DataRootLock::take(&paths).unwrap();
        let second = std::thread::scope(|scope| {
            let second = scope.spawn(|| DataRootLock::take(&paths));
            drop(first);
            second.join()
        });
        second.unwrap().unwrap();
    }
}
