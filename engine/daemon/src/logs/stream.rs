//! A log as an async stream of chunks, with or without following it.

use super::reader::Batch;
use super::{Chunk, LogChanges, LogReader};
use crate::time::Time;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use std::collections::VecDeque;
use std::io;
use std::time::Duration;

/// Output as it is handed to clients; its end is the end of the output.
pub type Chunks = BoxStream<'static, io::Result<Chunk>>;

/// How to go on at the end of the log.
pub struct Follow {
    /// Wakes the reader.
    pub changes: LogChanges,
    /// Resolves when nothing more will be written, or nothing more is wanted.
    pub ended: BoxFuture<'static, ()>,
}

impl Follow {
    /// Ends at that time at the latest.
    #[must_use]
    pub fn at_most_until(self, until: Time) -> Self {
        let left = Duration::from_nanos(until.nanos().saturating_sub(Time::now().nanos()));
        let ended = self.ended;
        let ended = async move {
            let _ = tokio::time::timeout(left, ended).await;
        };
        Self { ended: ended.boxed(), ..self }
    }
}

struct Cursor {
    reader: Option<LogReader>,
    ready: VecDeque<Chunk>,
    follow: Option<Follow>,
    /// The writer was seen to have ended before the last read.
    ended: bool,
    finished: bool,
}

/// Reads a log; file work is done on blocking threads, a batch at a time and only when the client asks for more.
pub fn stream(reader: LogReader, follow: Option<Follow>) -> Chunks {
    let cursor = Cursor { reader: Some(reader), ready: VecDeque::new(), follow, ended: false, finished: false };
    stream::unfold(cursor, |mut cursor| async move {
        let item = cursor.next().await?;
        Some((item, cursor))
    })
    .boxed()
}

impl Cursor {
    async fn next(&mut self) -> Option<io::Result<Chunk>> {
        loop {
            if let Some(chunk) = self.ready.pop_front() {
                return Some(Ok(chunk));
            }
            if self.finished {
                self.follow = None;
                return None;
            }
            match self.read().await {
                Ok(batch) => {
                    self.ready.extend(batch.chunks);
                    if batch.over {
                        self.finished = true;
                    } else if batch.at_end {
                        self.wait().await;
                    }
                }
                Err(error) => {
                    self.finished = true;
                    return Some(Err(error));
                }
            }
        }
    }

    async fn read(&mut self) -> io::Result<Batch> {
        let Some(mut reader) = self.reader.take() else { return Ok(Batch { over: true, ..Batch::default() }) };
        let (reader, batch) = tokio::task::spawn_blocking(move || {
            let batch = reader.read();
            (reader, batch)
        })
        .await
        .map_err(io::Error::other)?;
        self.reader = Some(reader);
        batch
    }

    /// At the end of what there is: waits for more, or finds that there is none to come. What was already read goes out first.
    async fn wait(&mut self) {
        if !self.ready.is_empty() {
            return;
        }
        match &mut self.follow {
            Some(follow) if !self.ended => tokio::select! {
                () = follow.changes.changed() => {}
                () = &mut follow.ended => self.ended = true,
            },
            _ => self.finished = true,
        }
    }
}
