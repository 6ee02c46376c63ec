//! The lines of a log as they stand in its files, forwards, from file to file.

use super::chain::{self, FileId, LogFile};
use super::record::Moment;
use super::tail;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Read at once, when there is much to read.
const MOST: usize = 256 << 10;
/// Read at once at first: most followers get a few lines at a time, and there may be many followers.
const LEAST: usize = 8 << 10;
/// No record is as long as this; more without a newline is damage.
const LONGEST: usize = 1 << 20;

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the oldest record.
    Oldest,
    /// With the last so many lines.
    Tail(u64),
    /// At this place of this file, wherever rotation has moved it.
    At {
        /// The file.
        inode: u64,
        /// Bytes into it.
        offset: u64,
    },
    /// At a place that was written down before.
    Place(Place),
}

/// A place in a log, which rotation, compression and restarts of the daemon do not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub(super) file: FileId,
    pub(super) offset: u64,
}

/// See the module. Blocking.
#[derive(Debug)]
pub(super) struct Lines {
    path: PathBuf,
    /// The log's directory, held open: `path` goes through it, so that a removed container's log (its directory is renamed
    /// away, and deleted when its readers are done) is read to its end.
    _directory: Option<File>,
    start: Start,
    /// Files that were last written before this are passed over.
    since: Option<SystemTime>,
    file: Option<LogFile>,
    /// What was read: of it, `taken..filled` is not taken yet.
    buffer: Vec<u8>,
    taken: usize,
    filled: usize,
    /// Of `buffer[taken]` in the file's content.
    offset: u64,
    block: usize,
    /// In the midst of damage, up to the next newline.
    skipping: bool,
}

impl Lines {
    /// Of the log whose newest file has this path; it need not exist yet.
    pub(super) fn new(path: &Path, start: Start, since: Option<&Moment>) -> Self {
        let directory = path.parent().and_then(|parent| File::open(parent).ok());
        let path = match (&directory, path.file_name()) {
            (Some(held), Some(name)) => PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd())).join(name),
            _ => path.to_owned(),
        };
        // Clocks of file systems are coarse.
        let since = since.map(|moment| moment.time.nanos().saturating_sub(1_000_000_000));
        Self {
            path,
            _directory: directory,
            start,
            since: since.and_then(|nanos| UNIX_EPOCH.checked_add(Duration::from_nanos(nanos))),
            file: None,
            buffer: Vec::new(),
            taken: 0,
            filled: 0,
            offset: 0,
            block: LEAST,
            skipping: false,
        }
    }

    /// Opens the log where reading starts, if it is there. Reading does so by itself; done early, the place is found before
    /// anything moves.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(super) fn open(&mut self) -> io::Result<bool> {
        if self.file.is_some() {
            return Ok(true);
        }
        let mut files = chain::open(&self.path)?;
        let oldest = files.len().saturating_sub(1);
        let find = |wanted: &dyn Fn(FileId) -> bool, offset| match files.iter().position(|file| wanted(file.id)) {
            Some(index) => (index, offset),
            // Rotated away meanwhile: what is left begins with the oldest.
            None => (oldest, 0),
        };
        let (index, offset) = match self.start {
            Start::Oldest => {
                let fresh = |file: &LogFile| self.since.is_none_or(|since| file.modified >= since);
                (files.iter().rposition(fresh).unwrap_or(0), 0)
            }
            Start::Tail(lines) => tail::position(&mut files, lines)?,
            Start::At { inode, offset } => find(&|id| id.inode == inode, offset),
            Start::Place(place) => find(&|id| id == place.file, place.offset),
        };
        if index >= files.len() {
            return Ok(false);
        }
        self.enter(files.swap_remove(index), offset)?;
        Ok(true)
    }

    fn enter(&mut self, mut file: LogFile, offset: u64) -> io::Result<()> {
        if offset > 0 || file.is_packed() {
            file.seek(offset)?;
        }
        self.file = Some(file);
        // Half a line at the end of a finished file is damage.
        (self.taken, self.filled, self.offset, self.skipping) = (0, 0, offset, false);
        Ok(())
    }

    /// Reads on. False: there is no more for now.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(super) fn advance(&mut self) -> io::Result<bool> {
        if !self.open()? {
            return Ok(false);
        }
        if self.fill()? || self.next_file()? {
            return Ok(true);
        }
        if self.taken == self.filled {
            // It may be long until there is more.
            self.buffer = Vec::new();
            (self.taken, self.filled, self.block) = (0, 0, LEAST);
        }
        Ok(false)
    }

    fn fill(&mut self) -> io::Result<bool> {
        let Some(file) = &mut self.file else { return Ok(false) };
        self.buffer.copy_within(self.taken..self.filled, 0);
        (self.taken, self.filled) = (0, self.filled - self.taken);
        if self.filled > LONGEST {
            self.offset += self.filled as u64;
            (self.filled, self.skipping) = (0, true);
        }
        let room = self.filled + self.block;
        if self.buffer.len() < room {
            self.buffer.resize(room, 0);
        }
        let read = match file.read(&mut self.buffer[self.filled..room]) {
            // A compressed file that was cut short: what was readable has been read.
            Err(error) if file.is_packed() => {
                tracing::warn!(%error, "a compressed log is damaged");
                0
            }
            read => read?,
        };
        if read == self.block {
            self.block = MOST.min(self.block * 4);
        }
        self.filled += read;
        Ok(read > 0)
    }

    /// Goes on to the file after the one that is read to its end. False: it is the newest.
    fn next_file(&mut self) -> io::Result<bool> {
        let Some(id) = self.file.as_ref().map(|file| file.id) else { return Ok(false) };
        if chain::newest(&self.path)? == Some(id) {
            return Ok(false);
        }
        let mut files = chain::open(&self.path)?;
        let next = match files.iter().position(|file| file.id == id) {
            // Between two steps of a rotation there is no newer file; the step that ends it wakes the follower again.
            Some(0) => return Ok(false),
            Some(index) => index - 1,
            None if files.is_empty() => return Ok(false),
            // Rotated away while it was read.
            None => files.len() - 1,
        };
        // The writer may have added to it between our last read and the rotation.
        if self.fill()? {
            return Ok(true);
        }
        self.enter(files.swap_remove(next), 0)?;
        Ok(true)
    }

    /// The next whole line of what was read, with its newline.
    pub(super) fn next(&mut self) -> Option<&[u8]> {
        loop {
            let unread = &self.buffer[self.taken..self.filled];
            let length = memchr::memchr(b'\n', unread)? + 1;
            let start = self.taken;
            self.taken += length;
            self.offset += length as u64;
            if !std::mem::take(&mut self.skipping) {
                return Some(&self.buffer[start..start + length]);
            }
        }
    }

    /// Behind the last line that was taken.
    pub(super) fn place(&self) -> Option<Place> {
        let file = self.file.as_ref()?;
        Some(Place { file: file.id, offset: self.offset })
    }
}
