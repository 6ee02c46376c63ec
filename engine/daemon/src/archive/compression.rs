//! Undoing compression, detected by the first bytes: media types and file names are only claims.

use super::ArchiveError;
use flate2::bufread::MultiGzDecoder;
use std::io::{BufReader, Cursor, Read};

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const OTHERS: [(&[u8], &str); 2] = [(&[0xfd, b'7', b'z', b'X', b'Z', 0], "xz"), (b"BZh", "bzip2")];
const LONGEST_MAGIC: usize = 5;

/// Large enough that a layer costs few system calls, small enough that a hundred of them cost nothing.
const BUFFER: usize = 64 * 1024;
/// A zstd frame may ask its reader for a window of up to 2 GiB; this (128 MiB) is what `zstd -19 --long` makes.
const LARGEST_ZSTD_WINDOW_LOG: u32 = 27;

/// The plain bytes of a stream.
///
/// # Errors
/// When it cannot be read, or is compressed in an unknown way.
pub(crate) fn decompress<'a, R: Read + 'a>(mut input: R) -> Result<Box<dyn Read + 'a>, ArchiveError> {
    // A socket may deliver fewer bytes in its first read than the longest magic has.
    let mut start = Vec::with_capacity(LONGEST_MAGIC);
    input.by_ref().take(LONGEST_MAGIC as u64).read_to_end(&mut start).map_err(ArchiveError::Read)?;
    if let Some((_, name)) = OTHERS.iter().find(|(magic, _)| start.starts_with(magic)) {
        return Err(ArchiveError::Compression(name));
    }
    let (gzip, zstd) = (start.starts_with(GZIP), start.starts_with(ZSTD));
    let input = BufReader::with_capacity(BUFFER, Cursor::new(start).chain(input));
    if gzip {
        return Ok(Box::new(MultiGzDecoder::new(input)));
    }
    if zstd {
        let mut decoder = zstd::Decoder::with_buffer(input).map_err(ArchiveError::Read)?;
        decoder.window_log_max(LARGEST_ZSTD_WINDOW_LOG).map_err(ArchiveError::Read)?;
        return Ok(Box::new(decoder));
    }
    Ok(Box::new(input))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn plain(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        decompress(bytes).unwrap().read_to_end(&mut out).unwrap();
        out
    }

    #[test]
    fn gzip_zstd_and_plain_are_told_apart_by_their_first_bytes() {
        let text = b"a layer".repeat(1000);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text).unwrap();
        let gzip = gzip.finish().unwrap();
        assert_eq!(plain(&gzip), text);
        assert_eq!(plain(&[gzip.clone(), gzip].concat()), text.repeat(2), "members may follow each other");
        assert_eq!(plain(&zstd::encode_all(&text[..], 1).unwrap()), text);
        assert_eq!(plain(&text), text);
        assert_eq!(plain(b""), b"");
    }

    #[test]
    fn what_is_not_supported_is_named() {
        let error = decompress(&b"BZh91AY"[..]).err().unwrap();
        assert!(error.to_string().contains("bzip2"), "{error}");
    }

    #[test]
    fn a_cut_stream_is_an_error_and_not_an_end() {
        let whole = zstd::encode_all(&b"a layer".repeat(1000)[..], 1).unwrap();
        let mut out = Vec::new();
        assert!(decompress(&whole[..whole.len() - 3]).unwrap().read_to_end(&mut out).is_err());
    }
}
