//! Splits a tar stream into entries; names, times and attributes from whichever header has the last word.

use super::ArchiveError;
use super::sparse::Sparse;
use std::collections::BTreeMap;
use std::io::{self, Read};
use tar::Header;

const BLOCK: u64 = 512;
/// PATH_MAX: no system call takes a longer name.
const LONGEST_NAME: u64 = 4096;
/// Room for the largest extended attribute (64 KiB) several times over.
const LONGEST_PAX: u64 = 1 << 20;
const XATTR: &str = "SCHILY.xattr.";

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    HardLink,
    Symlink,
    CharDevice { major: u32, minor: u32 },
    BlockDevice { major: u32, minor: u32 },
    Directory,
    Fifo,
}

/// One entry; its data is read from the [`Archive`] before the next is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// As written, without any promise.
    pub(crate) path: Vec<u8>,
    pub(crate) kind: Kind,
    /// Target of a link, as written.
    pub(crate) link: Vec<u8>,
    pub(crate) mode: u32,
    pub(crate) uid: u64,
    pub(crate) gid: u64,
    /// Seconds since 1970, and nanoseconds.
    pub(crate) mtime: (i64, u32),
    /// Bytes of data in the archive.
    pub(crate) stored: u64,
    /// Where the data belongs, if the file has holes.
    pub(crate) sparse: Option<Sparse>,
    pub(crate) xattrs: Vec<(String, Vec<u8>)>,
}

impl Entry {
    /// The path for messages.
    pub(crate) fn name(&self) -> String {
        String::from_utf8_lossy(&self.path).into_owned()
    }
}

/// A tar stream. Reading from it gives the data of the entry that [`Archive::next`] returned last.
pub(crate) struct Archive<R> {
    input: R,
    /// Data of the current entry that is not read yet.
    left: u64,
    padding: u64,
    /// Bytes read so far, for messages.
    offset: u64,
}

/// What the headers before an entry's own say about it.
#[derive(Default)]
struct Ahead {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    pax: BTreeMap<String, Vec<u8>>,
    /// `GNU.sparse.offset` and `.numbytes` of the format 0.0, which repeats its keys.
    pieces: Vec<u64>,
}

impl<R: Read> Archive<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input, left: 0, padding: 0, offset: 0 }
    }

    /// The next entry. `None` at the end marker or at the end of the stream, for which Docker makes no difference.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>, ArchiveError> {
        let mut ahead = Ahead::default();
        loop {
            self.skip()?;
            let at = self.offset;
            let Some(header) = self.header()? else { return Ok(None) };
            let size = header.entry_size().or_else(|e| blank(&header.as_old().size, e));
            let size = size.map_err(|_| ArchiveError::Field { field: "size", offset: at })?;
            match header.entry_type().as_byte() {
                b'L' => ahead.name = Some(self.long_name("long name", size, at)?),
                b'K' => ahead.link = Some(self.long_name("long link name", size, at)?),
                b'x' => self.pax(&mut ahead, size, at)?,
                // Defaults for all that follow: git writes a comment there; nobody writes names or sizes.
                b'g' => drop(self.limited("global attributes", size, LONGEST_PAX, at)?),
                _ => return self.entry(&header, size, ahead, at).map(Some),
            }
        }
    }

    /// Reads what is left of the stream, so that a digest over it is complete.
    pub(crate) fn drain(mut self) -> Result<(), ArchiveError> {
        io::copy(&mut self.input, &mut io::sink()).map(drop).map_err(ArchiveError::Read)
    }

    fn skip(&mut self) -> Result<(), ArchiveError> {
        let rest = self.left.saturating_add(self.padding);
        let skipped = io::copy(&mut self.input.by_ref().take(rest), &mut io::sink()).map_err(ArchiveError::Read)?;
        self.offset += skipped;
        (self.left, self.padding) = (0, 0);
        if skipped < rest {
            return Err(ArchiveError::Read(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(())
    }

    fn header(&mut self) -> Result<Option<Header>, ArchiveError> {
        let mut header = Header::new_old();
        let block = header.as_mut_bytes();
        let mut filled = 0;
        while filled < block.len() {
            match self.input.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(ArchiveError::Read(io::ErrorKind::UnexpectedEof.into())),
                Ok(count) => filled += count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(ArchiveError::Read(e)),
            }
        }
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        let field: u32 = block[148..156].iter().map(|byte| u32::from(*byte)).sum();
        if header.cksum().ok() != Some(sum - field + 8 * u32::from(b' ')) {
            return Err(ArchiveError::Header(self.offset));
        }
        self.offset += BLOCK;
        Ok(Some(header))
    }

    /// The data of a header that describes the next one.
    fn limited(&mut self, what: &'static str, size: u64, limit: u64, offset: u64) -> Result<Vec<u8>, ArchiveError> {
        if size > limit {
            return Err(ArchiveError::TooLong { what, offset, size, limit });
        }
        self.expect(size);
        let mut data = Vec::new();
        self.read_to_end(&mut data).map_err(ArchiveError::Read)?;
        if self.left > 0 {
            return Err(ArchiveError::Read(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(data)
    }

    fn long_name(&mut self, what: &'static str, size: u64, offset: u64) -> Result<Vec<u8>, ArchiveError> {
        let mut name = self.limited(what, size, LONGEST_NAME + 1, offset)?;
        if let Some(end) = name.iter().position(|byte| *byte == 0) {
            name.truncate(end);
        }
        Ok(name)
    }

    /// Records `<length> <key>=<value>\n`; the length counts itself. Values are bytes: a capability set may hold a
    /// newline, so splitting at newlines would be wrong.
    fn pax(&mut self, ahead: &mut Ahead, size: u64, offset: u64) -> Result<(), ArchiveError> {
        let data = self.limited("set of attributes", size, LONGEST_PAX, offset)?;
        let bad = || ArchiveError::Field { field: "attribute", offset };
        let mut rest = &data[..];
        while !rest.is_empty() {
            let space = rest.iter().position(|byte| *byte == b' ').ok_or_else(bad)?;
            let length: usize = text_number(&rest[..space]).ok_or_else(bad)?;
            let record = rest.get(space + 1..length).ok_or_else(bad)?;
            let (b'\n', record) = record.split_last().ok_or_else(bad)? else { return Err(bad()) };
            let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(bad)?;
            let key = String::from_utf8(record[..equals].to_vec()).map_err(|_| bad())?;
            let value = &record[equals + 1..];
            if matches!(&key[..], "GNU.sparse.offset" | "GNU.sparse.numbytes") {
                ahead.pieces.push(text_number(value).ok_or_else(bad)?);
            }
            ahead.pax.insert(key, value.to_vec());
            rest = &rest[length..];
        }
        Ok(())
    }

    fn entry(&mut self, header: &Header, size: u64, ahead: Ahead, offset: u64) -> Result<Entry, ArchiveError> {
        let field = |field| move |_| ArchiveError::Field { field, offset };
        let pax = |key: &'static str| ahead.pax.get(key).filter(|value| !value.is_empty());
        let number = |key: &'static str, field: &'static str, own: u64| match pax(key) {
            Some(value) => text_number(value).ok_or(ArchiveError::Field { field, offset }),
            None => Ok(own),
        };
        let old = header.as_old();
        let path = pax("GNU.sparse.name").or_else(|| pax("path")).cloned();
        let mut entry = Entry {
            path: path.or(ahead.name.clone()).unwrap_or_else(|| header.path_bytes().into_owned()),
            kind: Kind::File,
            link: match pax("linkpath").cloned().or(ahead.link.clone()) {
                Some(link) => link,
                None => header.link_name_bytes().map(|link| link.into_owned()).unwrap_or_default(),
            },
            mode: header.mode().or_else(|e| blank(&old.mode, e)).map_err(field("mode"))? & 0o7777,
            uid: number("uid", "uid", header.uid().or_else(|e| blank(&old.uid, e)).map_err(field("uid"))?)?,
            gid: number("gid", "gid", header.gid().or_else(|e| blank(&old.gid, e)).map_err(field("gid"))?)?,
            mtime: match pax("mtime") {
                Some(value) => time(value).ok_or(ArchiveError::Field { field: "mtime", offset })?,
                None => (i64::try_from(header.mtime().unwrap_or(0)).unwrap_or(0), 0),
            },
            stored: 0,
            sparse: None,
            xattrs: xattrs(&ahead.pax),
        };
        if entry.path.contains(&0) || entry.link.contains(&0) {
            return Err(ArchiveError::Field { field: "name", offset });
        }
        if entry.path.len() as u64 > LONGEST_NAME || entry.link.len() as u64 > LONGEST_NAME {
            let size = entry.path.len().max(entry.link.len()) as u64;
            return Err(ArchiveError::TooLong { what: "name", offset, size, limit: LONGEST_NAME });
        }
        let device = || {
            let part = |value: io::Result<Option<u32>>, at: usize| {
                value.map(Option::unwrap_or_default).or_else(|e| blank(&header.as_bytes()[at..at + 8], e))
            };
            let (major, minor) = (part(header.device_major(), 329), part(header.device_minor(), 337));
            Ok((major.map_err(field("device"))?, minor.map_err(field("device"))?))
        };
        entry.kind = match header.entry_type().as_byte() {
            // Before ustar, a directory was a file whose name ends in a slash; everybody still reads it so.
            0 | b'0' if entry.path.ends_with(b"/") => Kind::Directory,
            0 | b'0' | b'7' | b'S' => Kind::File,
            b'1' => Kind::HardLink,
            b'2' => Kind::Symlink,
            b'3' => device().map(|(major, minor)| Kind::CharDevice { major, minor })?,
            b'4' => device().map(|(major, minor)| Kind::BlockDevice { major, minor })?,
            b'5' => Kind::Directory,
            b'6' => Kind::Fifo,
            kind => return Err(ArchiveError::Kind { path: entry.name(), kind: char::from(kind) }),
        };
        if entry.kind == Kind::File {
            let stored = number("size", "size", size)?;
            self.expect(stored);
            self.sparse(&mut entry, header, &ahead, offset)?;
            entry.stored = self.left;
            entry.sparse = entry.sparse.take().map(|sparse| sparse.check(self.left, offset)).transpose()?;
        }
        Ok(entry)
    }

    fn sparse(&mut self, entry: &mut Entry, header: &Header, ahead: &Ahead, offset: u64) -> Result<(), ArchiveError> {
        let bad = || ArchiveError::Field { field: "sparse map", offset };
        let number = |key: &str| ahead.pax.get(key).map(|value| text_number::<u64>(value).ok_or_else(bad)).transpose();
        if header.entry_type().as_byte() == b'S' {
            let (sparse, read) = Sparse::old_gnu(header.as_gnu().ok_or_else(bad)?, &mut self.input, offset)?;
            self.offset += read;
            entry.sparse = Some(sparse);
        } else if number("GNU.sparse.major")? == Some(1) {
            let size = number("GNU.sparse.realsize")?.ok_or_else(bad)?;
            let (sparse, read) = Sparse::pax_blocks(size, self.left, &mut self.input, offset)?;
            self.offset += read;
            self.left -= read;
            entry.sparse = Some(sparse);
        } else if let Some(size) = number("GNU.sparse.size")? {
            let list = |text: &Vec<u8>| -> Option<Vec<u64>> {
                text.split(|byte| *byte == b',').filter(|part| !part.is_empty()).map(text_number).collect()
            };
            let pieces = match ahead.pax.get("GNU.sparse.map") {
                Some(text) => list(text).ok_or_else(bad)?,
                None => ahead.pieces.clone(),
            };
            entry.sparse = Some(Sparse::pax_list(size, &pieces, offset)?);
        }
        Ok(())
    }

    fn expect(&mut self, size: u64) {
        self.left = size;
        self.padding = (BLOCK - size % BLOCK) % BLOCK;
    }
}

impl<R: Read> Read for Archive<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.input.read(&mut buffer[..most])?;
        if count == 0 && most > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= count as u64;
        self.offset += count as u64;
        Ok(count)
    }
}

/// Many writers leave fields blank that mean nothing to them; everybody reads that as zero.
fn blank<T: Default>(field: &[u8], error: io::Error) -> io::Result<T> {
    if field.iter().all(|byte| matches!(byte, 0 | b' ')) { Ok(T::default()) } else { Err(error) }
}

fn text_number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// `-12.34`: seconds with a fraction, rounded down.
fn time(text: &[u8]) -> Option<(i64, u32)> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let nanos: u32 = digits.parse().ok()?;
    if whole.starts_with('-') && nanos > 0 {
        return Some((seconds.checked_sub(1)?, 1_000_000_000 - nanos));
    }
    Some((seconds, nanos))
}

fn xattrs(pax: &BTreeMap<String, Vec<u8>>) -> Vec<(String, Vec<u8>)> {
    let named = |(key, value): (&String, &Vec<u8>)| Some((key.strip_prefix(XATTR)?.to_owned(), value.clone()));
    pax.iter().filter_map(named).collect()
}

#[cfg(test)]
mod tests;
