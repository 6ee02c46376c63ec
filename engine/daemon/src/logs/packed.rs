//! Compressed log files: gzip, with a field of our own in the header that says which file it was.
//!
//! ```text
//!   1f 8b 08 04 ........  xlen  'H' 'L' 24  inode  born  length   (little endian)   deflate...
//! ```
//! `zcat` and Docker's tools read it as any other.

use super::chain::FileId;
use flate2::{Compression, GzBuilder};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

/// Our field's two letters and the length of its content.
const FIELD: [u8; 4] = [b'H', b'L', 24, 0];
const FIELD_AT: u64 = 12;
const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
/// The header has an extra field.
const EXTRA: u8 = 4;

/// What the header tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Of the plain file.
    pub(super) id: FileId,
    /// Of the plain file.
    pub(super) len: u64,
}

/// Reads the header; `None`: somebody else packed it.
pub(super) fn header(file: &File) -> io::Result<Option<Header>> {
    let mut bytes = [0; FIELD_AT as usize + FIELD.len() + 24];
    match file.read_exact_at(&mut bytes, 0) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(e),
    }
    if bytes[..3] != MAGIC || bytes[3] & EXTRA == 0 || bytes[12..16] != FIELD {
        return Ok(None);
    }
    let number = |at: usize| bytes[at..].first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk));
    Ok(Some(Header { id: FileId { inode: number(16), born: number(24) }, len: number(32) }))
}

/// Packs everything that `source` gives.
pub(super) fn write(header: Header, source: &mut impl io::Read, to: &File) -> io::Result<()> {
    let mut extra = FIELD.to_vec();
    for number in [header.id.inode, header.id.born, header.len] {
        extra.extend_from_slice(&number.to_le_bytes());
    }
    let mut encoder = GzBuilder::new().extra(extra).write(io::BufWriter::new(to), Compression::default());
    io::copy(source, &mut encoder)?;
    encoder.finish()?.flush()
}
