//! What long operations tell while they run: Docker's JSON messages, streamed by the API.

use hull_api::JsonMessage;
use std::io::{self, Read};

/// Takes the messages, on the thread that works: the work waits for it.
pub type Sink<'a> = &'a (dyn Fn(JsonMessage) + Sync);

/// Bytes between two messages about the same layer.
const STEP: u64 = 512 * 1024;

/// Tells how far a layer has been read.
pub(super) struct Reporting<'a, R> {
    inner: R,
    sink: Option<Sink<'a>>,
    id: String,
    current: u64,
    reported: u64,
    total: u64,
}

impl<'a, R> Reporting<'a, R> {
    pub(super) fn new(inner: R, id: String, total: u64, sink: Option<Sink<'a>>) -> Self {
        Self { inner, sink, id, current: 0, reported: 0, total }
    }
}

impl<R: Read> Read for Reporting<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.current += count as u64;
        if let Some(sink) = self.sink
            && (self.current - self.reported >= STEP || (self.current == self.total && self.reported < self.total))
        {
            let number = |bytes| i64::try_from(bytes).unwrap_or(i64::MAX);
            sink(JsonMessage::progress("Loading layer", &self.id[..], number(self.current), number(self.total)));
            self.reported = self.current;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn it_reports_every_half_megabyte_and_the_end() {
        let seen = Mutex::new(Vec::new());
        let sink = |message: JsonMessage| seen.lock().unwrap().push(message.progress_detail.unwrap().current);
        let data = vec![0; 1_200_000];
        let mut reader = Reporting::new(&data[..], "abc".to_owned(), data.len() as u64, Some(&sink));
        while reader.read(&mut [0; 1 << 16]).unwrap() > 0 {}
        assert_eq!(*seen.lock().unwrap(), [524_288, 1_048_576, 1_200_000]);
    }
}
