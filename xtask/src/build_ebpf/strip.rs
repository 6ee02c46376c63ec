//! Takes DWARF out of a BPF object: the kernel and aya read BTF only, and DWARF is most of the file.
//!
//! Done here because Debian's `strip` does not know BPF. Section headers keep their places, so every index in symbols
//! and relocations stays right; a section that goes becomes one of type NULL without bytes.

use anyhow::{Context, Result, bail};

/// Size of an ELF64 file header and of a section header.
const FILE_HEADER: usize = 64;
const SECTION_HEADER: usize = 64;

/// Sections start at multiples of this, as readers of 64-bit tables expect.
const ALIGNMENT: usize = 8;

/// Section type without bytes in the file.
const NOBITS: u64 = 8;

/// The object without the content of its `.debug_*` sections and their relocations.
///
/// # Errors
/// When it is not a little endian ELF64 file.
pub(crate) fn without_debug_sections(elf: &[u8]) -> Result<Vec<u8>> {
    if elf.get(..6) != Some(b"\x7fELF\x02\x01") {
        bail!("not a little endian ELF64 file");
    }
    let table = number(elf, 0x28, 8)?;
    let count = number(elf, 0x3c, 2)?;
    let names = table + SECTION_HEADER * number(elf, 0x3e, 2)?;
    let names = number(elf, names + 0x18, 8)?;

    let mut stripped = elf.get(..FILE_HEADER).context("the file header is cut off")?.to_vec();
    let mut headers = Vec::new();
    for index in 0..count {
        let at = table + SECTION_HEADER * index;
        let mut header = elf.get(at..at + SECTION_HEADER).context("a section header is cut off")?.to_vec();
        let name = name_at(elf, names + number(elf, at, 4)?);
        let (kind, offset, size) = (number(elf, at + 4, 4)?, number(elf, at + 0x18, 8)?, number(elf, at + 0x20, 8)?);
        if name.starts_with(b".debug_") || name.starts_with(b".rel.debug_") {
            header[4..].fill(0); // the name stays, type 0 is NULL
        } else if index > 0 && kind as u64 != NOBITS {
            align(&mut stripped);
            put(&mut header, 0x18, stripped.len());
            stripped.extend(elf.get(offset..offset + size).context("a section is cut off")?);
        }
        headers.extend(header);
    }
    align(&mut stripped);
    let table = stripped.len();
    put(&mut stripped, 0x28, table);
    stripped.extend(headers);
    Ok(stripped)
}

fn align(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
}

fn number(bytes: &[u8], at: usize, width: usize) -> Result<usize> {
    let field = bytes.get(at..at + width).with_context(|| format!("cut off at byte {at}"))?;
    Ok(field.iter().rev().fold(0, |value, byte| value << 8 | usize::from(*byte)))
}

fn put(bytes: &mut [u8], at: usize, value: usize) {
    bytes[at..at + 8].copy_from_slice(&(value as u64).to_le_bytes());
}

fn name_at(elf: &[u8], at: usize) -> &[u8] {
    elf.get(at..).unwrap_or_default().split(|byte| *byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An object with sections: none, names, `.text` (8 bytes), `.debug_info` (4 kB).
    fn sample() -> Vec<u8> {
        let names = b"\0.text\0.debug_info\0.strtab\0";
        let debug = vec![7_u8; 4096];
        let mut elf = b"\x7fELF\x02\x01".to_vec();
        elf.resize(FILE_HEADER, 0);
        let mut headers = vec![0_u8; SECTION_HEADER];
        let contents: [(u32, &[u8]); 3] = [(19, names), (1, b"program!"), (7, &debug)];
        for (name, content) in contents {
            let mut header = vec![0_u8; SECTION_HEADER];
            header[..4].copy_from_slice(&name.to_le_bytes());
            header[4] = 1;
            put(&mut header, 0x18, elf.len());
            put(&mut header, 0x20, content.len());
            headers.extend(header);
            elf.extend(content);
        }
        let table = elf.len();
        put(&mut elf, 0x28, table);
        elf[0x3c] = 4;
        elf[0x3e] = 1;
        elf.extend(headers);
        elf
    }

    #[test]
    fn debug_sections_go_and_the_others_keep_index_and_content() {
        let stripped = without_debug_sections(&sample()).unwrap();
        assert!(stripped.len() < 1000, "{}", stripped.len());
        let table = number(&stripped, 0x28, 8).unwrap();
        let text = number(&stripped, table + 2 * SECTION_HEADER + 0x18, 8).unwrap();
        assert_eq!(&stripped[text..text + 8], b"program!");
        assert_eq!(number(&stripped, table + 3 * SECTION_HEADER + 0x20, 8).unwrap(), 0);
    }

    #[test]
    fn something_else_is_refused() {
        let whole = sample();
        assert!(without_debug_sections(b"#!/bin/sh").is_err());
        assert!(without_debug_sections(&whole[..FILE_HEADER]).is_err());
        assert!(without_debug_sections(&whole[..whole.len() - 1]).is_err());
    }
}
