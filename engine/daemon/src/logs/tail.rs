//! Finds where the last N lines begin, by reading backwards: no more is read than those lines. Only what was compressed must
//! be read from its beginning.

use super::chain::LogFile;
use super::record::Record;
use std::io::{self, BufRead, BufReader};

const BLOCK: u64 = 64 << 10;

/// Counts lines backwards.
#[derive(Debug, Clone, Copy)]
struct Counter {
    wanted: u64,
    /// Ends of lines seen so far.
    seen: u64,
}

impl Counter {
    /// Takes the record before those that were taken already. True: it belongs to the lines before the wanted ones.
    fn take(&mut self, line: &[u8]) -> bool {
        // Damage is no line. The very last record counts as one even if its line is still open.
        if Record::parse(line).is_some_and(|record| self.seen == 0 || record.ends_line()) {
            self.seen += 1;
        }
        self.seen > self.wanted
    }
}

/// The file (index into `files`, which are newest first) and the offset at which the last `lines` lines begin.
pub(super) fn position(files: &mut [LogFile], lines: u64) -> io::Result<(usize, u64)> {
    let Some(newest) = files.first() else { return Ok((0, 0)) };
    if lines == 0 {
        return Ok((0, newest.len));
    }
    let mut counter = Counter { wanted: lines, seen: 0 };
    for (index, file) in files.iter_mut().enumerate() {
        let found = if file.is_packed() { in_packed(file, &mut counter)? } else { in_plain(file, &mut counter)? };
        if let Some(offset) = found {
            return Ok((index, offset));
        }
    }
    Ok((files.len() - 1, 0))
}

fn in_plain(file: &LogFile, counter: &mut Counter) -> io::Result<Option<u64>> {
    // What lies before `end` has not been read. `pending` is what lies behind it up to the last newline that was found: the
    // end of a line whose beginning is still to come.
    let mut end = file.len;
    let mut pending: Vec<u8> = Vec::new();
    let mut first = true;
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        let mut block = vec![0; usize::try_from(end - start).unwrap_or_default()];
        file.read_exact_at(&mut block, start)?;
        block.append(&mut pending);
        // The newline that ends the line now looked for; before the first one that is found there is but an unfinished record.
        let mut until = if first { 0 } else { block.len() };
        for newline in memchr::memrchr_iter(b'\n', &block) {
            if newline + 1 == until {
                continue;
            }
            if !first && counter.take(&block[newline + 1..until]) {
                return Ok(Some(start + until as u64));
            }
            (first, until) = (false, newline + 1);
        }
        block.truncate(if first { block.len() } else { until });
        pending = if first { Vec::new() } else { block };
        end = start;
    }
    // The first line of the file begins at its start: who wants more of them goes on in the next file.
    if !first && counter.take(&pending) {
        return Ok(Some(pending.len() as u64));
    }
    Ok(None)
}

/// Twice forwards: how many lines there are, then to the one that is wanted.
fn in_packed(file: &mut LogFile, counter: &mut Counter) -> io::Result<Option<u64>> {
    let mut ends = 0;
    let mut any = false;
    let mut last_ends = false;
    each_line(file, |line, _| {
        if let Some(record) = Record::parse(line) {
            (any, last_ends) = (true, record.ends_line());
            ends += u64::from(last_ends);
        }
        true
    })?;
    // As `Counter::take` would have counted them backwards.
    let open = u64::from(any && !last_ends && counter.seen == 0);
    if counter.seen + ends + open <= counter.wanted {
        counter.seen += ends + open;
        return Ok(None);
    }
    // So many whole lines come before the wanted ones.
    let mut before = counter.seen + ends + open - counter.wanted;
    let mut place = 0;
    each_line(file, |line, end| {
        before -= u64::from(Record::parse(line).is_some_and(|record| record.ends_line()));
        place = end;
        before > 0
    })?;
    Ok(Some(place))
}

/// Calls with each line and where it ends, until that says false.
fn each_line(file: &mut LogFile, mut take: impl FnMut(&[u8], u64) -> bool) -> io::Result<()> {
    file.seek(0)?;
    let mut reader = BufReader::with_capacity(BLOCK as usize, file);
    let (mut line, mut end) = (Vec::new(), 0);
    loop {
        line.clear();
        match reader.read_until(b'\n', &mut line) {
            Ok(0) => return Ok(()),
            Ok(length) => end += length as u64,
            // Cut short: what was readable counts.
            Err(error) => {
                tracing::warn!(%error, "a compressed log is damaged");
                return Ok(());
            }
        }
        if !line.ends_with(b"\n") || !take(&line, end) {
            return Ok(());
        }
    }
}
