//! One daemon owns a data root. The kernel gives the lock back when the process ends, however it ends.

use super::EngineError;
use crate::store::paths::Paths;
use rustix::fs::{FlockOperation, flock};
use std::fs::File;

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
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(EngineError::InUse(paths.data_root().to_owned())),
            Err(errno) => Err(EngineError::Io { operation: "lock", path, source: errno.into() }),
        }
    }
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
        DataRootLock::take(&paths).unwrap();
    }
}
