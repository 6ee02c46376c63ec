//! The log's file and its rotation by rename: `x`, `x.1`, `x.2`...

use crate::sys::file::{self, flags};
use crate::sys::{CWD, Errno, OwnedFd, Result, fd};
use crate::text::Text;
use core::ffi::CStr;
use core::fmt::Write;

type Path = Text<1024>;

/// See the module.
#[derive(Debug)]
pub(super) struct LogFile {
    fd: OwnedFd,
    path: Path,
    inode: u64,
    size: u64,
    /// 0: never rotated.
    max_size: u64,
    max_files: u32,
}

impl LogFile {
    /// Opens it at its end, or makes it.
    pub(super) fn open(path: &CStr, max_size: u64, max_files: u32) -> Result<Self> {
        let path = Path::copy(path.to_bytes())?;
        let (fd, inode, size) = open(&path)?;
        Ok(Self { fd, path, inode, size, max_size, max_files: max_files.max(1) })
    }

    /// Inode and length.
    pub(super) fn position(&self) -> (u64, u64) {
        (self.inode, self.size)
    }

    /// With this many bytes more it is time to rotate. Docker, too, lets a file grow past the limit by its last record.
    pub(super) fn is_full_with(&self, more: usize) -> bool {
        self.max_size > 0 && self.size.saturating_add(more as u64) >= self.max_size
    }

    /// Writes whole records. What cannot be written (no space) is lost, without a torn line left behind: the container
    /// must not stop because its log does.
    pub(super) fn write(&mut self, records: &[u8]) {
        if fd::write_all(&self.fd, records).is_ok() {
            self.size += records.len() as u64;
        } else {
            let _ = file::truncate(&self.fd, self.size);
        }
        if self.is_full_with(0) {
            let _ = self.rotate();
        }
    }

    fn rotate(&mut self) -> Result<()> {
        if self.max_files == 1 {
            file::truncate(&self.fd, 0)?;
            self.size = 0;
            return Ok(());
        }
        for number in (1..self.max_files).rev() {
            let from = self.numbered(number - 1)?;
            match file::rename(from.as_c_str(), self.numbered(number)?.as_c_str()) {
                Ok(()) | Err(Errno::ENOENT) => {}
                Err(errno) => return Err(errno),
            }
        }
        (self.fd, self.inode, self.size) = open(&self.path)?;
        Ok(())
    }

    fn numbered(&self, number: u32) -> Result<Path> {
        let mut path = self.path;
        if number > 0 {
            write!(path, ".{number}").map_err(|_| Errno::ENAMETOOLONG)?;
        }
        Ok(path)
    }
}

fn open(path: &Path) -> Result<(OwnedFd, u64, u64)> {
    let fd = file::open(CWD, path.as_c_str(), flags::WRONLY | flags::APPEND | flags::CREAT, 0o640)?;
    let stat = file::stat(&fd)?;
    Ok((fd, stat.ino, u64::try_from(stat.size).unwrap_or(0)))
}
