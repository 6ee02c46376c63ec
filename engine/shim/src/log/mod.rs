//! The container's log, as Docker's json-file driver writes it:
//! `{"log":"...\n","stream":"stdout","time":"2026-01-02T03:04:05.123456789Z"}`, a record a line. Attributes, where the
//! container has some, stand before the time: `"attrs":{"name":"value"}`.
//!
//! A record ends at a newline, after 16 KiB, or when somebody is attached and waits for a prompt. Whoever joins the
//! records of a stream has exactly the bytes that were written, so long as they were UTF-8: a record never ends inside
//! a character.

mod file;
mod json;
mod time;

use crate::sys::map::Buffer;
use crate::sys::{Errno, Result};
use core::ffi::CStr;
use file::LogFile;
use hull_plan::Step;
use time::Stamp;

/// Longest content of a record, as Docker.
const MAX_LINE: usize = 16 << 10;
/// The longest record but for its attributes: every byte escaped (`\u0000`), and the fields around it.
const MAX_RECORD: usize = MAX_LINE * 6 + 128;
/// Records are written together once this much has been formatted.
const WRITE_AT: usize = 48 << 10;
/// What is given back when there is nothing to do: more than this was used.
const COLD: usize = 8 << 10;

/// Which of the payload's outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    /// As in frames.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Stdout => 1,
            Self::Stderr => 2,
        }
    }

    fn index(self) -> usize {
        usize::from(self.number()) - 1
    }
}

/// The beginning of a line whose end has not been written yet.
#[derive(Debug)]
struct Line {
    bytes: Buffer,
    length: usize,
    used: usize,
}

/// What the plan says about the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup<'p> {
    /// The newest file.
    pub(crate) path: &'p CStr,
    /// Rotated at this size; 0: never.
    pub(crate) max_size: u64,
    /// How many files there are at most.
    pub(crate) max_files: u32,
    /// A JSON object that every record carries, or nothing.
    pub(crate) attributes: &'p CStr,
}

/// Writes the log.
#[derive(Debug)]
pub(crate) struct Log {
    file: LogFile,
    lines: [Line; 2],
    out: Buffer,
    out_length: usize,
    out_used: usize,
    stamp: Stamp,
    /// What every record has between its stream and its time: nothing, or `,"attrs":{...}`.
    attributes: Attributes,
}

#[derive(Debug)]
struct Attributes {
    bytes: Buffer,
    length: usize,
}

impl Log {
    /// Opens the log at its end, or makes it.
    pub(crate) fn open(setup: &Setup<'_>) -> Result<Self> {
        let attributes = Attributes::new(setup.attributes)?;
        let line = || Ok(Line { bytes: Buffer::new(MAX_LINE + 4)?, length: 0, used: 0 });
        Ok(Self {
            file: LogFile::open(setup.path, setup.max_size, setup.max_files)?,
            lines: [line()?, line()?],
            out: Buffer::new(WRITE_AT + MAX_RECORD + attributes.length)?,
            out_length: 0,
            out_used: 0,
            stamp: Stamp::new(),
            attributes,
        })
    }

    /// Takes what the payload wrote, at that time. Whole lines are formatted; [`Log::write_out`] writes them.
    pub(crate) fn append(&mut self, stream: Stream, mut bytes: &[u8], now: u64) {
        self.stamp.set(now);
        while !bytes.is_empty() {
            let Some(line) = self.lines.get_mut(stream.index()) else { return };
            let held = line.length;
            let room = MAX_LINE - held;
            let window = bytes.get(..room).unwrap_or(bytes);
            let newline = json::find_newline(window);
            let full = newline.is_none() && window.len() == room;
            // What is cut off of a character stays for the next record, unless there is nothing else.
            let cut = if full && held == 0 { json::incomplete_tail(window) } else { 0 };
            let taken = newline.map_or(window.len() - cut, |newline| newline + 1);
            let (now, later) = bytes.split_at(taken);
            bytes = later;
            if held == 0 && (newline.is_some() || full) {
                self.record(stream, now);
                continue;
            }
            line.push(now);
            if newline.is_some() {
                self.record_line(stream, 0);
            } else if full {
                let keep = json::incomplete_tail(line.content());
                self.record_line(stream, keep);
            }
        }
    }

    /// Makes a record of a line that has not ended. `whole`: also of a character that has not (the stream is at its end).
    pub(crate) fn end_line(&mut self, stream: Stream, now: u64, whole: bool) {
        self.stamp.set(now);
        let Some(line) = self.lines.get(stream.index()) else { return };
        let keep = if whole { 0 } else { json::incomplete_tail(line.content()) };
        if line.length > keep {
            self.record_line(stream, keep);
        }
    }

    /// Formats what is held of a line, but for its last `keep` bytes (at most 3).
    fn record_line(&mut self, stream: Stream, keep: usize) {
        let Some(line) = self.lines.get_mut(stream.index()) else { return };
        let length = line.length - keep;
        let content = line.bytes.get(..length).unwrap_or_default();
        self.out_length =
            format_into(&mut self.out, self.out_length, content, stream, &self.stamp, self.attributes.text());
        line.bytes.copy_within(length..length + keep, 0);
        line.length = keep;
        self.after_record();
    }

    fn record(&mut self, stream: Stream, content: &[u8]) {
        self.out_length =
            format_into(&mut self.out, self.out_length, content, stream, &self.stamp, self.attributes.text());
        self.after_record();
    }

    fn after_record(&mut self) {
        self.out_used = self.out_used.max(self.out_length);
        // Rotation is decided between two records, so that none is torn.
        if self.out_length >= WRITE_AT || self.file.is_full_with(self.out_length) {
            self.write_out();
        }
    }

    /// Writes what has been formatted.
    pub(crate) fn write_out(&mut self) {
        if self.out_length > 0 {
            self.file.write(self.out.get(..self.out_length).unwrap_or_default());
            self.out_length = 0;
        }
    }

    /// Whether clients are attached from now on: they are served from the log, which waits a little longer for them then.
    pub(crate) fn set_attached(&mut self, attached: bool) {
        self.file.set_attached(attached);
    }

    /// Where the next record goes: inode and offset. Everything up to now is written.
    pub(crate) fn position(&mut self, now: u64) -> (u64, u64) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            self.end_line(stream, now, false);
        }
        self.write_out();
        self.file.position()
    }

    /// Gives memory back that a burst of output took.
    pub(crate) fn cool_down(&mut self) {
        if self.out_length == 0 && self.out_used > COLD {
            self.out.release();
            self.out_used = 0;
        }
        for line in self.lines.iter_mut().filter(|line| line.length == 0 && line.used > COLD / 2) {
            line.bytes.release();
            line.used = 0;
        }
    }
}

impl Attributes {
    fn new(json: &CStr) -> Result<Self> {
        const NAME: &[u8] = b",\"attrs\":";
        let json = json.to_bytes();
        if json.len() > Step::MAX_LOG_ATTRIBUTES {
            return Err(Errno::E2BIG);
        }
        let mut bytes = Buffer::new(NAME.len() + json.len())?;
        if json.is_empty() {
            return Ok(Self { bytes, length: 0 });
        }
        let mut writer = json::Writer::new(&mut bytes, 0);
        writer.raw(NAME);
        writer.raw(json);
        let length = writer.end();
        Ok(Self { bytes, length })
    }

    fn text(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl Line {
    fn content(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    fn push(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if let Some(slot) = self.bytes.get_mut(self.length..end) {
            slot.copy_from_slice(bytes);
            self.length = end;
            self.used = self.used.max(end);
        }
    }
}

/// Formats a record at `at`; returns where it ends. There is always room for one: see [`WRITE_AT`].
fn format_into(out: &mut [u8], at: usize, content: &[u8], stream: Stream, stamp: &Stamp, attributes: &[u8]) -> usize {
    let mut writer = json::Writer::new(out, at);
    writer.raw(b"{\"log\":\"");
    writer.escaped(content);
    writer.raw(match stream {
        Stream::Stdout => b"\",\"stream\":\"stdout\"",
        Stream::Stderr => b"\",\"stream\":\"stderr\"",
    });
    writer.raw(attributes);
    writer.raw(b",\"time\":\"");
    writer.raw(stamp.as_bytes());
    writer.raw(b"\"}\n");
    writer.end()
}

#[cfg(test)]
mod tests;
