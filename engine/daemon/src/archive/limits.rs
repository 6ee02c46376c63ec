//! How much an archive may take: never all of the disk.

use rustix::fs::{StatVfs, fstatvfs, statvfs};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;

/// How much may be unpacked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Of the uncompressed tar.
    pub(crate) bytes: u64,
    pub(crate) entries: u64,
}

impl Limits {
    /// What the disk of this path can take.
    pub(crate) fn of_path(path: &Path) -> io::Result<Self> {
        Ok(Self::of(&statvfs(path)?))
    }

    /// What the disk of this file can take.
    pub(crate) fn of_file(file: impl AsFd) -> io::Result<Self> {
        Ok(Self::of(&fstatvfs(file)?))
    }

    /// All but a twentieth of what is free, at most 1 GiB kept back: a bomb must not stop the containers that run.
    fn of(disk: &StatVfs) -> Self {
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let bytes = free - (free / 20).min(1 << 30);
        // Some file systems have no fixed number of inodes and say 0.
        let entries = if disk.f_files == 0 { u64::MAX } else { disk.f_favail };
        Self { bytes, entries }
    }
}

/// The limit was met, told through `io::Error`.
#[derive(Debug, thiserror::Error)]
#[error("more than {0} bytes")]
pub(crate) struct OverLimit(pub(crate) u64);

/// Fails once more than so many bytes came.
pub(crate) struct Limited<R> {
    inner: R,
    left: u64,
    limit: u64,
}

impl<R: Read> Limited<R> {
    pub(crate) fn new(inner: R, limit: u64) -> Self {
        Self { inner, left: limit, limit }
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| io::Error::other(OverLimit(self.limit)))?;
        Ok(count)
    }
}
