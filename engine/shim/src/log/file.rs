//! The log's file and its rotation by rename: `x`, `x.1`, `x.2`... The daemon may have compressed the rotated ones to
//! `x.1.gz`, `x.2.gz`; they move along.
//!
//! Names move only under an exclusive `flock` on the newest file. The daemon holds it for moments, shared while it opens
//! the files, exclusive while it puts a compressed file in the place of a plain one. The shim never waits for it: if it is
//! taken, the log goes on in the same file, and the next record tries again.

use crate::sys::file::{self, flags};
use crate::sys::{CWD, Errno, OwnedFd, Result, fd};
use crate::text::Text;
use core::ffi::CStr;
use core::fmt::Write;

type Path = Text<1024>;

/// While somebody is attached no file is rotated before it has this size: output comes from the log, and files of some
/// kilobytes would be dropped before a client has read them.
const ATTACHED_LEAST: u64 = 4 << 20;

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
    attached: bool,
}

impl LogFile {
    /// Opens it at its end, or makes it. A record that a crash left unfinished is ended there, so that it cannot spoil the
    /// next one; readers pass over it.
    pub(super) fn open(path: &CStr, max_size: u64, max_files: u32) -> Result<Self> {
        let path = Path::copy(path.to_bytes())?;
        let (fd, inode, size) = open(&path, 0)?;
        let mut file = Self { fd, path, inode, size, max_size, max_files: max_files.max(1), attached: false };
        let mut last = [b'\n'];
        if let Some(end) = size.checked_sub(1) {
            file::read_at(&file.fd, &mut last, end)?;
        }
        if last != [b'\n'] {
            fd::write_all(&file.fd, b"\n")?;
            file.size += 1;
        }
        Ok(file)
    }

    /// Whether clients are attached from now on.
    pub(super) fn set_attached(&mut self, attached: bool) {
        self.attached = attached;
    }

    /// Inode and length.
    pub(super) fn position(&self) -> (u64, u64) {
        (self.inode, self.size)
    }

    /// With this many bytes more it is time to rotate. Docker, too, lets a file grow past the limit by its last record.
    pub(super) fn is_full_with(&self, more: usize) -> bool {
        let least = if self.attached { ATTACHED_LEAST } else { 0 };
        self.max_size > 0 && self.size.saturating_add(more as u64) >= self.max_size.max(least)
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
            // What hinders it now (a lock, no space) may be gone at the next write; until then the file grows.
            let _ = self.rotate();
        }
    }

    fn rotate(&mut self) -> Result<()> {
        file::try_lock(&self.fd)?;
        let rotated = self.move_up();
        // On the file that was the newest one until now.
        let _ = file::unlock(&self.fd);
        (self.fd, self.inode, self.size) = rotated?;
        Ok(())
    }

    /// Moves every file one name up. The last is dropped.
    fn move_up(&self) -> Result<(OwnedFd, u64, u64)> {
        // Made first: without it (no space, no inodes) nothing may move, or each further write would push a log out.
        let next = self.named(format_args!(".next"))?;
        let made = open(&next, flags::TRUNC)?;
        let last = self.max_files - 1;
        for number in (1..=self.first_free(last)?).rev() {
            for suffix in ["", ".gz"] {
                let from = self.named(format_args!(".{number}{suffix}"))?;
                absent_is_fine(if number == last {
                    file::unlink(CWD, from.as_c_str())
                } else {
                    file::rename(from.as_c_str(), self.named(format_args!(".{}{suffix}", number + 1))?.as_c_str())
                })?;
            }
        }
        if last > 0 {
            absent_is_fine(file::rename(self.path.as_c_str(), self.named(format_args!(".1"))?.as_c_str()))?;
        }
        // With one file only it takes the old one's name, and who reads that has it open still.
        file::rename(next.as_c_str(), self.path.as_c_str())?;
        Ok(made)
    }

    /// The lowest number that no file has, or `last`: so many files move, however many there may be.
    fn first_free(&self, last: u32) -> Result<u32> {
        for number in 1..last {
            let plain = file::stat_path(self.named(format_args!(".{number}"))?.as_c_str());
            let packed = file::stat_path(self.named(format_args!(".{number}.gz"))?.as_c_str());
            if plain.is_err() && packed.is_err() {
                return Ok(number);
            }
        }
        Ok(last)
    }

    fn named(&self, suffix: core::fmt::Arguments<'_>) -> Result<Path> {
        let mut path = self.path;
        path.write_fmt(suffix).map_err(|_| Errno::ENAMETOOLONG)?;
        Ok(path)
    }
}

fn absent_is_fine(result: Result<()>) -> Result<()> {
    match result {
        Err(Errno::ENOENT) => Ok(()),
        other => other,
    }
}

fn open(path: &Path, more: u64) -> Result<(OwnedFd, u64, u64)> {
    let fd = file::open(CWD, path.as_c_str(), flags::RDWR | flags::APPEND | flags::CREAT | more, 0o640)?;
    let stat = file::stat(&fd)?;
    Ok((fd, stat.ino, u64::try_from(stat.size).unwrap_or(0)))
}
