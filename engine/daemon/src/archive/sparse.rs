//! Sparse files: which pieces of a file an archive stores, in GNU tar's three ways of saying it.

use super::ArchiveError;
use std::io::Read;
use tar::{GnuExtSparseHeader, GnuHeader, GnuSparseHeader};

/// More pieces than this are not a file but an attack on the reader's memory.
const MOST_PIECES: usize = 1 << 20;

/// What is stored of a sparse file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Sparse {
    /// Its size with the holes.
    pub(crate) size: u64,
    /// Offset and length of each stored piece, in the order in which they are stored.
    pub(crate) pieces: Vec<(u64, u64)>,
}

impl Sparse {
    /// Checks what must hold before a byte is written: in order, apart, within the file, and together what is stored.
    pub(super) fn check(self, stored: u64, offset: u64) -> Result<Self, ArchiveError> {
        let bad = ArchiveError::Field { field: "sparse map", offset };
        let (mut end, mut sum) = (0_u64, 0_u64);
        for (start, length) in &self.pieces {
            match start.checked_add(*length) {
                Some(next) if *start >= end && next <= self.size => end = next,
                _ => return Err(bad),
            }
            sum += length;
        }
        if sum == stored { Ok(self) } else { Err(bad) }
    }

    /// GNU tar's old format: four pieces in the header, more in blocks after it. Returns the blocks' bytes too.
    pub(super) fn old_gnu(header: &GnuHeader, input: &mut impl Read, offset: u64) -> Result<(Self, u64), ArchiveError> {
        let bad = |_| ArchiveError::Field { field: "sparse map", offset };
        let mut sparse = Self { size: header.real_size().map_err(bad)?, pieces: Vec::new() };
        sparse.add(&header.sparse, offset)?;
        let (mut more, mut read) = (header.is_extended(), 0);
        while more {
            let mut block = GnuExtSparseHeader::new();
            input.read_exact(block.as_mut_bytes()).map_err(ArchiveError::Read)?;
            read += block.as_bytes().len() as u64;
            sparse.add(&block.sparse, offset)?;
            more = block.is_extended();
        }
        Ok((sparse, read))
    }

    fn add(&mut self, slots: &[GnuSparseHeader], offset: u64) -> Result<(), ArchiveError> {
        for slot in slots.iter().filter(|slot| !slot.is_empty()) {
            let bad = |_| ArchiveError::Field { field: "sparse map", offset };
            self.push(slot.offset().map_err(bad)?, slot.length().map_err(bad)?, offset)?;
        }
        Ok(())
    }

    fn push(&mut self, start: u64, length: u64, offset: u64) -> Result<(), ArchiveError> {
        if self.pieces.len() == MOST_PIECES {
            return Err(ArchiveError::Field { field: "sparse map", offset });
        }
        self.pieces.push((start, length));
        Ok(())
    }

    /// The pax formats 0.0 and 0.1: `offset,length,offset,length`.
    pub(super) fn pax_list(size: u64, numbers: &[u64], offset: u64) -> Result<Self, ArchiveError> {
        let mut sparse = Self { size, pieces: Vec::new() };
        for pair in numbers.chunks(2) {
            let [start, length] = pair else { return Err(ArchiveError::Field { field: "sparse map", offset }) };
            sparse.push(*start, *length, offset)?;
        }
        Ok(sparse)
    }

    /// The pax format 1.0: decimal numbers, one a line, in blocks of 512 bytes before the data. Returns the blocks'
    /// bytes too.
    pub(super) fn pax_blocks(
        size: u64,
        stored: u64,
        input: &mut impl Read,
        offset: u64,
    ) -> Result<(Self, u64), ArchiveError> {
        let bad = || ArchiveError::Field { field: "sparse map", offset };
        let mut sparse = Self { size, pieces: Vec::new() };
        let (mut read, mut number, mut count, mut start) = (0_u64, None::<u64>, None::<u64>, None::<u64>);
        while count != Some(0) {
            let mut block = [0; 512];
            read += 512;
            if read > stored {
                return Err(bad());
            }
            input.read_exact(&mut block).map_err(ArchiveError::Read)?;
            for byte in block {
                if byte.is_ascii_digit() {
                    let digit = u64::from(byte - b'0');
                    number =
                        Some(number.unwrap_or(0).checked_mul(10).and_then(|n| n.checked_add(digit)).ok_or_else(bad)?);
                    continue;
                }
                let value = match number.take() {
                    Some(value) if byte == b'\n' => value,
                    _ => return Err(bad()),
                };
                match (count, start.take()) {
                    (None, _) => count = Some(value),
                    (Some(_), None) => start = Some(value),
                    (Some(left), Some(at)) => {
                        sparse.push(at, value, offset)?;
                        count = Some(left - 1);
                    }
                }
                if count == Some(0) {
                    break;
                }
            }
        }
        Ok((sparse, read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(text: &str) -> Vec<u8> {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes
    }

    #[test]
    fn the_map_before_the_data_may_span_blocks() {
        let lines: Vec<String> = (0..200).map(|n| format!("{}\n10\n", n * 1000)).collect();
        let map = blocks(&format!("200\n{}", lines.concat()));
        let (sparse, read) = Sparse::pax_blocks(1_000_000, 1 << 20, &mut &map[..], 0).unwrap();
        assert_eq!((sparse.pieces.len(), sparse.pieces[199], read), (200, (199_000, 10), map.len() as u64));
        assert!(sparse.check(2000, 0).is_ok());
    }

    #[test]
    fn a_map_that_lies_is_refused() {
        for text in ["x\n", "1\n\n", "1\n5\n99999999999999999999999\n", "2\n0\n1\n", ""] {
            assert!(Sparse::pax_blocks(100, 1024, &mut &blocks(text)[..], 0).is_err(), "{text:?}");
        }
        let sparse = |size, pieces: &[(u64, u64)]| Sparse { size, pieces: pieces.to_vec() };
        for (bad, stored) in [
            (sparse(10, &[(0, 11)]), 11),
            (sparse(10, &[(5, 2), (6, 2)]), 4),
            (sparse(10, &[(5, 2), (0, 2)]), 4),
            (sparse(u64::MAX, &[(u64::MAX, 2)]), 2),
            (sparse(10, &[(0, 5)]), 6),
        ] {
            assert!(bad.clone().check(stored, 0).is_err(), "{bad:?}");
        }
    }
}
