//! What is wanted of a log, in the dress in which it is wanted.

use super::Chunk;
use super::lines::{Lines, Start};
use super::record::{Moment, Record};
use crate::time::Time;
use bytes::{BufMut, BytesMut};
use hull_api::stream::{StreamKind, header};
use std::io;
use std::path::Path;

/// Neighbouring pieces of output are joined up to this size.
const CHUNK: usize = 32 << 10;
/// Records taken before others have their turn.
const BATCH: usize = 8;

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
    /// Each record in a frame of its own: chunks are then sequences of whole frames, of whatever stream. Clients of the API
    /// take a frame for a line.
    pub frames: bool,
}

/// A position in a log, and what is wanted from there on. Blocking.
#[derive(Debug)]
pub struct LogReader {
    lines: Lines,
    dresser: Dresser,
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
    pub fn new(path: &Path, selection: Selection, start: Start) -> Self {
        let since = selection.since.map(Moment::from);
        let lines = Lines::new(path, start, since.as_ref());
        let until = selection.until.map(Moment::from);
        Self { lines, dresser: Dresser { selection, since, until, open_line: [false; 2], over: false } }
    }

    /// Finds the place to start at now, before rotation can move it out of sight.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn open(&mut self) -> io::Result<()> {
        self.lines.open().map(drop)
    }

    /// Reads on.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn read(&mut self) -> io::Result<Batch> {
        let mut batch = Batch::default();
        let mut out = Joined::new(self.dresser.selection.frames);
        // What is not wanted makes no chunks: nobody waits longer than for some reads.
        for _ in 0..BATCH {
            if !self.lines.advance()? {
                batch.at_end = true;
                break;
            }
            while !self.dresser.over
                && let Some(line) = self.lines.next()
            {
                if let Some(record) = Record::parse(line) {
                    self.dresser.take(&record, &mut out);
                }
            }
            if self.dresser.over || out.has_enough() {
                break;
            }
        }
        out.flush();
        batch.chunks = out.chunks;
        batch.over = self.dresser.over;
        Ok(batch)
    }
}

#[derive(Debug)]
struct Dresser {
    selection: Selection,
    since: Option<Moment>,
    until: Option<Moment>,
    /// Whether the last record of stdout, of stderr was a piece without an end.
    open_line: [bool; 2],
    /// A record after `until` was seen.
    over: bool,
}

impl Dresser {
    fn take(&mut self, record: &Record<'_>, out: &mut Joined) {
        if self.until.as_ref().is_some_and(|until| record.is_after(until)) {
            self.over = true;
            return;
        }
        if self.since.as_ref().is_some_and(|since| record.is_before(since)) {
            return;
        }
        let want = &self.selection;
        let is_stderr = record.stream == StreamKind::Stderr;
        let continues = std::mem::replace(&mut self.open_line[usize::from(is_stderr)], !record.ends_line());
        if !(if is_stderr { want.stderr } else { want.stdout }) {
            return;
        }
        out.record(record.stream, |bytes| {
            if !continues && want.timestamps {
                bytes.extend_from_slice(record.stamp().as_bytes());
                bytes.put_u8(b' ');
            }
            if !continues && want.details {
                bytes.extend_from_slice(record.details().as_bytes());
                bytes.put_u8(b' ');
            }
            record.write_text(bytes)
        });
    }
}

/// Joins neighbouring records.
struct Joined {
    chunks: Vec<Chunk>,
    stream: StreamKind,
    bytes: BytesMut,
    frames: bool,
}

/// Length of a frame's header.
const HEADER: usize = 8;

impl Joined {
    fn new(frames: bool) -> Self {
        Self { chunks: Vec::new(), stream: StreamKind::Stdout, bytes: BytesMut::new(), frames }
    }

    /// Adds what `write` appends; nothing when it says that the record is damaged.
    fn record(&mut self, stream: StreamKind, write: impl FnOnce(&mut BytesMut) -> bool) {
        if (stream != self.stream && !self.frames) || self.bytes.len() >= CHUNK {
            self.flush();
        }
        self.stream = stream;
        let start = self.bytes.len();
        let content = start + if self.frames { HEADER } else { 0 };
        self.bytes.resize(content, 0);
        let whole = write(&mut self.bytes);
        let length = self.bytes.len() - content;
        if !whole || length == 0 {
            self.bytes.truncate(start);
        } else if self.frames {
            let length = u32::try_from(length).unwrap_or(u32::MAX);
            self.bytes[start..content].copy_from_slice(&header(stream, length));
        }
    }

    fn has_enough(&self) -> bool {
        !self.chunks.is_empty() || !self.bytes.is_empty()
    }

    fn flush(&mut self) {
        if !self.bytes.is_empty() {
            self.chunks.push(Chunk { stream: self.stream, bytes: self.bytes.split().freeze() });
        }
    }
}
