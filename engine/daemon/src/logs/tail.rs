//! Finds where the last N lines begin, by reading backwards: no more is read than those lines.

use super::chain::LogFile;
use std::io;
use std::os::unix::fs::FileExt;

const BLOCK: u64 = 64 << 10;

/// The fields after the text fit into this many bytes, so that the end of a record tells whether its text ended in a newline.
const ENDING: u64 = 128;

/// How a record whose text ends in a newline goes on after it.
const NEWLINE_THEN_STREAM: &[u8] = br#"\n","stream":"#;

/// The file (index into `files`, which are newest first) and the offset at which the last `lines` lines begin.
pub(super) fn position(files: &[LogFile], lines: u64) -> io::Result<(usize, u64)> {
    let Some(newest) = files.first() else { return Ok((0, 0)) };
    if lines == 0 {
        return Ok((0, newest.len));
    }
    // Ends of lines seen so far, going backwards. The very last record counts as one even if its line is still open.
    let mut seen = 0;
    for (index, file) in files.iter().enumerate() {
        if let Some(offset) = position_in(file, lines, &mut seen)? {
            return Ok((index, offset));
        }
    }
    Ok((files.len() - 1, 0))
}

fn position_in(file: &LogFile, lines: u64, seen: &mut u64) -> io::Result<Option<u64>> {
    let mut end = file.len;
    let mut buffer = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        // The bytes before the block belong to records that end in it.
        let from = start.saturating_sub(ENDING);
        buffer.resize(usize::try_from(end - from).unwrap_or_default(), 0);
        file.file.read_exact_at(&mut buffer, from)?;
        let first = usize::try_from(start - from).unwrap_or_default();
        let mut at = buffer.len();
        while let Some(newline) = buffer[first..at].iter().rposition(|b| *b == b'\n') {
            at = first + newline;
            let ending = &buffer[at.saturating_sub(ENDING as usize)..at];
            // Only what belongs to this record, not to the one before it.
            let ending = ending.rsplit(|b| *b == b'\n').next().unwrap_or_default();
            let ends_line = ending.windows(NEWLINE_THEN_STREAM.len()).any(|w| w == NEWLINE_THEN_STREAM);
            if *seen == 0 || ends_line {
                *seen += 1;
            }
            if *seen > lines {
                return Ok(Some(from + at as u64 + 1));
            }
        }
        end = start;
    }
    Ok(None)
}
