//! Exit codes of `--rm` containers that are gone: `wait` by id or name still gives them for ten minutes.
//!
//! A client whose `wait` broke off with the daemon, or that asked a moment too late, gets its answer that way. One line a container is
//! appended to a file before the container's own files go, so at any moment a crash finds either the container or its line. The file
//! lies below the exec root: no client's question outlives a reboot.

use super::model::Container;
use crate::time::Time;
use hull_api::WaitResponse;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long they are kept.
const KEEP: Duration = Duration::from_secs(600);

/// How many are kept: 27 a second over ten minutes, in some 3 MB.
const MOST: usize = 16_384;

/// Lines that are appended before the file is written anew without the old ones.
const COMPACT_AFTER: usize = 16_384;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    id: String,
    name: String,
    code: u8,
    at: Time,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Departed {
    path: PathBuf,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    /// Oldest first.
    entries: VecDeque<Entry>,
    file: Option<File>,
    appended: usize,
}

impl Departed {
    /// Reads what an earlier daemon has written.
    pub(super) fn open(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap_or_default();
        // A crash can cut the last line short; its container is still there then.
        let entries = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let mut book = Book { entries, ..Book::default() };
        book.forget();
        let departed = Self { path, book: Mutex::new(book) };
        if !text.is_empty() {
            departed.compact(&mut departed.book());
        }
        departed
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes one down. Blocking, but for no longer than one small write.
    pub(super) fn remember(&self, container: &Container) {
        let (id, name) = (container.id.to_string(), container.name.clone());
        let entry = Entry { id, name, code: container.state.exit_code(), at: Time::now() };
        let mut book = self.book();
        if let Err(error) = self.append(&mut book, &entry) {
            tracing::warn!(path = %self.path.display(), %error, "an exit code is kept in memory only");
        }
        book.entries.push_back(entry);
        book.forget();
        if book.appended >= COMPACT_AFTER {
            self.compact(&mut book);
        }
    }

    fn append(&self, book: &mut Book, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        let file = match &mut book.file {
            Some(file) => file,
            None => book.file.insert(File::options().create(true).append(true).open(&self.path)?),
        };
        file.write_all(&line)?;
        book.appended += 1;
        Ok(())
    }

    /// Writes the file anew.
    fn compact(&self, book: &mut Book) {
        let lines = book.entries.iter().filter_map(|entry| serde_json::to_string(entry).ok());
        let text: String = lines.flat_map(|line| [line, "\n".to_owned()]).collect();
        // The open file is the old one after the rename.
        (book.file, book.appended) = (None, 0);
        let written =
            crate::store::object::write_bytes(&self.path, text.as_bytes(), crate::store::object::Durability::Renamed);
        if let Err(error) = written {
            tracing::warn!(%error, "old exit codes stay in their file");
        }
    }

    /// What `wait` answers for one that is gone: by id, name, or the beginning of an id; the last of that name.
    pub(super) fn find(&self, key: &str) -> Option<WaitResponse> {
        let mut book = self.book();
        book.forget();
        let name = key.strip_prefix('/').unwrap_or(key);
        let newest = |means: &dyn Fn(&Entry) -> bool| book.entries.iter().rev().find(|entry| means(entry));
        let found = newest(&|entry| entry.name == name || entry.id == key)
            .or_else(|| newest(&|entry| !key.is_empty() && entry.id.starts_with(key)))?;
        Some(WaitResponse { status_code: i64::from(found.code), error: None })
    }
}

impl Book {
    /// Drops what is too old, or too much.
    fn forget(&mut self) {
        let now = Time::now();
        while self.entries.len() > MOST || self.entries.front().is_some_and(|e| now.saturating_since(e.at) > KEEP) {
            self.entries.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, name: &str, code: u8, at: Time) -> String {
        let entry = Entry { id: id.to_owned(), name: name.to_owned(), code, at };
        serde_json::to_string(&entry).unwrap() + "\n"
    }

    #[test]
    fn codes_survive_the_daemon_for_ten_minutes_and_a_torn_line_hurts_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("departed.jsonl");
        let now = Time::now();
        let old = Time::from_nanos(now.nanos() - 601_000_000_000);
        let text = [
            entry("aaaa", "old", 1, old),
            entry("bbbb", "web", 2, now),
            entry("bcbc", "web", 3, now),
            entry("dddd", "torn", 4, now)[..20].to_owned(),
        ];
        fs::write(&path, text.concat()).unwrap();
        let departed = Departed::open(path.clone());
        let code = |key: &str| departed.find(key).map(|response| response.status_code);
        assert_eq!((code("web"), code("/web"), code("bbbb"), code("bb")), (Some(3), Some(3), Some(2), Some(2)));
        assert_eq!((code("old"), code("aaaa"), code("torn"), code("")), (None, None, None, None));
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2, "the old ones are out of the file");
    }
}
