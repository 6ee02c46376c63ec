//! Sends a log on, from where the last daemon stopped.

use super::super::chain::FileId;
use super::super::lines::{Lines, Place, Start};
use super::super::record::Record;
use super::super::watch::LogChanges;
use super::message::{Fields, Messages};
use super::socket::Journal;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Waits between tries to reach a journal that is down: it is the one thing here that nobody tells of.
const RETRY: Duration = Duration::from_secs(1);

/// What is to be sent where.
#[derive(Debug)]
pub(in crate::logs) struct Forward {
    pub(in crate::logs) path: PathBuf,
    pub(in crate::logs) journal: PathBuf,
    pub(in crate::logs) fields: Fields,
    pub(in crate::logs) epoch: String,
}

/// The blocking half.
struct Source {
    lines: Lines,
    messages: Messages,
    cursor: File,
}

struct Batch {
    messages: Vec<Vec<u8>>,
    place: Option<Place>,
    at_end: bool,
}

impl Forward {
    /// Goes on until `gone` resolves and everything has been sent.
    pub(in crate::logs) async fn run(self, mut changes: LogChanges, gone: impl Future<Output = ()> + Send) {
        let mut journal = Journal::new(&self.journal);
        let path = self.path.clone();
        let opened = tokio::task::spawn_blocking(move || Source::open(self)).await;
        let mut source = match opened {
            Ok(Ok(source)) => Some(source),
            Ok(Err(error)) => {
                tracing::error!(path = %path.display(), %error, "a log is not sent to the journal");
                return;
            }
            Err(_down) => return,
        };
        tokio::pin!(gone);
        let mut last_round = false;
        while let Some(mut reading) = source.take() {
            let read = tokio::task::spawn_blocking(move || (reading.read(), reading)).await;
            let Ok((batch, reading)) = read else { return };
            let batch = match batch {
                Ok(batch) => batch,
                Err(error) => {
                    tracing::error!(path = %path.display(), %error, "a log is not sent to the journal any more");
                    return;
                }
            };
            for message in &batch.messages {
                if !deliver(&mut journal, message, &path).await {
                    return;
                }
            }
            if let Some(place) = batch.place {
                reading.note(place);
            }
            source = Some(reading);
            if batch.at_end {
                if last_round {
                    return;
                }
                tokio::select! {
                    () = changes.changed() => {}
                    () = &mut gone => last_round = true,
                }
            }
        }
    }
}

/// Tries until the journal takes it. False: it never will, since the engine goes down.
async fn deliver(journal: &mut Journal, message: &[u8], path: &Path) -> bool {
    let mut told = false;
    while let Err(error) = journal.send(message).await {
        if !std::mem::replace(&mut told, true) {
            tracing::warn!(path = %path.display(), %error, "the journal is not reachable; the log waits for it");
        }
        tokio::time::sleep(RETRY).await;
    }
    true
}

impl Source {
    fn open(forward: Forward) -> io::Result<Self> {
        let mut name = forward.path.as_os_str().to_owned();
        name.push(".journald");
        let cursor = File::options().read(true).write(true).create(true).truncate(false).open(name)?;
        let start = read_place(&cursor)?.map_or(Start::Oldest, Start::Place);
        let lines = Lines::new(&forward.path, start, None);
        Ok(Self { lines, messages: Messages::new(forward.fields, forward.epoch), cursor })
    }

    fn read(&mut self) -> io::Result<Batch> {
        let at_end = !self.lines.advance()?;
        let mut messages = Vec::new();
        while let Some(line) = self.lines.next() {
            if let Some(message) = Record::parse(line).and_then(|record| self.messages.message(&record)) {
                messages.push(message);
            }
        }
        let place = if messages.is_empty() { None } else { self.lines.place() };
        Ok(Batch { messages, place, at_end })
    }

    /// One short write: a crash leaves the old place or the new one.
    fn note(&self, place: Place) {
        let Place { file: FileId { inode, born }, offset } = place;
        let text = format!("{inode:020} {born:020} {offset:020}\n");
        if let Err(error) = self.cursor.write_all_at(text.as_bytes(), 0) {
            tracing::warn!(%error, "how far the journal has come is not noted: lines may come twice");
        }
    }
}

fn read_place(cursor: &File) -> io::Result<Option<Place>> {
    let mut text = [0; 63];
    match cursor.read_exact_at(&mut text, 0) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(e),
    }
    let numbers = std::str::from_utf8(&text).ok().map(|text| text.split_whitespace().map(str::parse::<u64>));
    let numbers: Vec<u64> = numbers.into_iter().flatten().flatten().collect();
    Ok(match numbers[..] {
        [inode, born, offset] => Some(Place { file: FileId { inode, born }, offset }),
        _ => None,
    })
}
