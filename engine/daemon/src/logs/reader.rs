//! Reads a log forwards, from file to file.

use super::chain::{self, LogFile};
use super::record::Record;
use super::{Chunk, tail};
use crate::time::Time;
use bytes::BytesMut;
use hull_api::stream::StreamKind;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::AsRawFd;
use std::path::PathBuf;

/// Read at once.
const BLOCK: usize = 256 << 10;

/// Neighbouring pieces of one stream are joined up to this size.
const CHUNK: usize = 32 << 10;

/// What is wanted of a log, and in which dress.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Standard output.
    pub stdout: bool,
    /// Standard error.
    pub stderr: bool,
    /// Nothing before.
    pub since: Option<Time>,
    /// Nothing after.
    pub until: Option<Time>,
    /// The time before each line.
    pub timestamps: bool,
    /// The record's attributes before each line.
    pub details: bool,
}

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
}

/// A position in a log, and what is wanted from there on. Blocking.
#[derive(Debug)]
pub struct LogReader {
    path: PathBuf,
    /// The log's directory, held open: `path` goes through it, so that a removed container's log (its directory is renamed away, and deleted when
    /// its readers are done) is read to its end.
    _directory: Option<File>,
    start: Start,
    selection: Selection,
    file: Option<LogFile>,
    /// What was read and not yet taken apart: less than a line, between calls.
    unread: BytesMut,
    /// Whether the last record of stdout, of stderr was a piece without an end.
    open_line: [bool; 2],
    /// A record after `until` was seen.
    over: bool,
}

/// What one call of [`LogReader::read`] gave.
#[derive(Debug, Default)]
pub struct Batch {
    /// In order.
    pub chunks: Vec<Chunk>,
    /// There is no more for now.
    pub at_end: bool,
    /// There will never be more that is wanted.
    pub over: bool,
}

impl LogReader {
    /// Of the log whose newest file has this path; it need not exist yet.
    pub fn new(path: PathBuf, selection: Selection, start: Start) -> Self {
        let directory = path.parent().and_then(|parent| File::open(parent).ok());
        let path = match (&directory, path.file_name()) {
            (Some(held), Some(name)) => PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd())).join(name),
            _ => path,
        };
        let unread = BytesMut::new();
        Self { path, _directory: directory, start, selection, file: None, unread, open_line: [false; 2], over: false }
    }

    /// Reads on.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn read(&mut self) -> io::Result<Batch> {
        let mut batch = Batch::default();
        while !self.over {
            if self.file.is_none() && !self.open_first()? {
                batch.at_end = true;
                break;
            }
            if self.fill()? == 0 && !self.next_file()? {
                batch.at_end = true;
                break;
            }
            self.take_lines(&mut batch.chunks);
            if !batch.chunks.is_empty() {
                break;
            }
        }
        batch.over = self.over;
        Ok(batch)
    }

    fn open_first(&mut self) -> io::Result<bool> {
        let mut files = chain::open(&self.path)?;
        let (index, offset) = match self.start {
            Start::Oldest => (files.len().saturating_sub(1), 0),
            Start::Tail(lines) => tail::position(&files, lines)?,
            Start::At { inode, offset } => match files.iter().position(|f| f.inode == inode) {
                Some(index) => (index, offset),
                // Rotated away meanwhile: what is left begins with the oldest.
                None => (files.len().saturating_sub(1), 0),
            },
        };
        if index >= files.len() {
            return Ok(false);
        }
        let mut file = files.swap_remove(index);
        file.file.seek(SeekFrom::Start(offset))?;
        self.file = Some(file);
        Ok(true)
    }

    fn fill(&mut self) -> io::Result<usize> {
        let Some(file) = &mut self.file else { return Ok(0) };
        let before = self.unread.len();
        self.unread.resize(before + BLOCK, 0);
        let read = file.file.read(&mut self.unread[before..]);
        self.unread.truncate(before + *read.as_ref().unwrap_or(&0));
        read
    }

    /// Goes on to the file after the one that is read to its end. False: it is the newest.
    fn next_file(&mut self) -> io::Result<bool> {
        let Some(current) = &self.file else { return Ok(false) };
        let inode = current.inode;
        let mut files = chain::open(&self.path)?;
        let next = match files.iter().position(|f| f.inode == inode) {
            Some(0) => return Ok(false),
            Some(index) => index - 1,
            // Rotated away while it was read.
            None if files.is_empty() => return Ok(false),
            None => files.len() - 1,
        };
        // The writer may have added to it between our last read and the rotation.
        if self.fill()? > 0 {
            return Ok(true);
        }
        self.file = Some(files.swap_remove(next));
        // Half a line at the end of a finished file is damage.
        self.unread.clear();
        Ok(true)
    }

    fn take_lines(&mut self, chunks: &mut Vec<Chunk>) {
        let mut out = Joined { chunks, stream: StreamKind::Stdout, bytes: BytesMut::new() };
        let unread = std::mem::take(&mut self.unread);
        let mut rest = &unread[..];
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            let (line, after) = rest.split_at(end + 1);
            rest = after;
            if let Some(record) = Record::parse(line) {
                self.take(&record, &mut out);
                if self.over {
                    break;
                }
            }
        }
        out.flush();
        self.unread.extend_from_slice(rest);
    }

    fn take(&mut self, record: &Record<'_>, out: &mut Joined<'_>) {
        let want = &self.selection;
        let stream = record.stream();
        let is_stderr = stream == StreamKind::Stderr;
        if want.since.is_some() || want.until.is_some() {
            let time = record.time();
            if want.until.is_some_and(|until| time > until) {
                self.over = true;
                return;
            }
            if want.since.is_some_and(|since| time < since) {
                return;
            }
        }
        let continues = std::mem::replace(&mut self.open_line[usize::from(is_stderr)], !record.log.ends_with('\n'));
        if !(if is_stderr { want.stderr } else { want.stdout }) {
            return;
        }
        if !continues && want.timestamps {
            out.push(stream, format!("{} ", record.timestamp()).as_bytes());
        }
        if !continues && want.details {
            out.push(stream, format!("{} ", record.details()).as_bytes());
        }
        out.push(stream, record.log.as_bytes());
    }
}

/// Joins neighbouring pieces of one stream.
struct Joined<'a> {
    chunks: &'a mut Vec<Chunk>,
    stream: StreamKind,
    bytes: BytesMut,
}

impl Joined<'_> {
    fn push(&mut self, stream: StreamKind, bytes: &[u8]) {
        if stream != self.stream || self.bytes.len() + bytes.len() > CHUNK {
            self.flush();
            self.stream = stream;
        }
        self.bytes.extend_from_slice(bytes);
    }

    fn flush(&mut self) {
        if !self.bytes.is_empty() {
            self.chunks.push(Chunk { stream: self.stream, bytes: self.bytes.split().freeze() });
        }
    }
}
