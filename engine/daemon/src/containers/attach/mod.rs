//! Clients' streams: attach and logs of a container, and what an exec shares with them.
//!
//! Output of a container is served from its log, so a client that reads slowly holds up nobody. The connection to the shim is
//! there for stdin, and because the shim shows unfinished lines (prompts) at once while somebody is attached. Only with
//! the log driver `none` does output come over the connection, and then a slow client does hold up the container.

mod departure;
mod pump;

pub(super) use departure::until_left;
use pump::Input;
pub use pump::Relay;
pub(super) use pump::{Pump, relay};

use super::ContainerService;
use super::error::ContainerError;
use super::model::Container;
use super::owner::{Command, Handle};
use super::shim::{Connection, Message, unexpected};
use super::state::{Refusal, State};
use crate::logs::{self, Chunks, Follow, LogReader, Selection, Start};
use crate::time::Time;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use tokio::sync::mpsc;

/// Docker's words for the log driver `none`.
const NOT_READABLE: &str = "configured logging driver does not support reading";

/// How to attach.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AttachOptions {
    /// What was written before, too.
    pub logs: bool,
    /// What is written from now on.
    pub stream: bool,
    /// Send stdin.
    pub stdin: bool,
    /// Receive stdout.
    pub stdout: bool,
    /// Receive stderr.
    pub stderr: bool,
}

/// What is wanted of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Standard output.
    pub stdout: bool,
    /// Standard error.
    pub stderr: bool,
    /// Go on until the container ends.
    pub follow: bool,
    /// Nothing before.
    pub since: Option<Time>,
    /// Nothing after.
    pub until: Option<Time>,
    /// The time before each line.
    pub timestamps: bool,
    /// Attributes before each line.
    pub details: bool,
    /// The last so many lines only.
    pub tail: Option<u64>,
    /// Each record in a frame of its own, unless the container has a terminal.
    pub frames: bool,
}

/// A log's output.
pub struct Output {
    /// The container has a terminal: the bytes go out raw, not in frames.
    pub tty: bool,
    /// What there is, in frames if those were asked for; its end is the end.
    pub chunks: Chunks,
}

/// A client's place at a process.
pub struct Attachment {
    /// The process has a terminal: the bytes go out raw, not in frames.
    pub tty: bool,
    /// Output; its end is the end of the process's output.
    pub chunks: Chunks,
    /// Where to send stdin, if the client may.
    pub stdin: Option<Stdin>,
}

/// A process's stdin. Dropping it detaches; only [`Stdin::close`] is an end of file.
pub struct Stdin {
    input: mpsc::Sender<Input>,
    /// An end of the client's stream is one of the process's.
    closes: bool,
}

impl Stdin {
    pub(super) fn new(input: mpsc::Sender<Input>, closes: bool) -> Self {
        Self { input, closes }
    }

    /// Sends bytes; waits while the process does not read.
    ///
    /// # Errors
    /// When the process has ended.
    pub async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        self.input.send(Input::Bytes(bytes)).await.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    /// The client will send no more. The process reads an end of file if its stdin was made for one client (`run -i`); one that others may
    /// attach to again (`OpenStdin` without `StdinOnce`) stays open.
    pub async fn close(self) {
        if self.closes {
            let _ = self.input.send(Input::Close).await;
        }
    }
}

impl ContainerService {
    /// The log of a container.
    ///
    /// # Errors
    /// When there is no such container, nothing is selected, or it keeps no log.
    pub async fn logs(&self, key: &str, options: LogOptions) -> Result<Output, ContainerError> {
        let handle = self.find(key)?;
        let (container, ends) = handle.now();
        if !options.stdout && !options.stderr {
            let message = "Bad parameters: you must choose at least one stream";
            return Err(ContainerError::BadParameter(message.to_owned()));
        }
        if matches!(container.state, State::Removing { .. } | State::Dead { .. }) {
            let message = "can not get logs from container which is dead or marked for removal";
            return Err(ContainerError::state(Refusal::Removing, message));
        }
        if !container.keeps_log() {
            return Err(ContainerError::NoLog(NOT_READABLE));
        }
        let mut follow = None;
        // One that waits for its restart runs, to Docker.
        if options.follow && (container.state.run().is_some() || matches!(container.state, State::Restarting { .. })) {
            let until_end = self.follow(&handle, ends)?;
            follow = Some(match options.until {
                Some(until) => until_end.at_most_until(until),
                None => until_end,
            });
        }
        let selection = Selection {
            stdout: options.stdout,
            stderr: options.stderr,
            since: options.since,
            until: options.until,
            timestamps: options.timestamps,
            details: options.details,
            frames: options.frames && !container.tty(),
        };
        let start = options.tail.map_or(Start::Oldest, Start::Tail);
        let reader = LogReader::new(&self.shared.paths.container_log(&container.id), selection, start);
        Ok(Output { tty: container.tty(), chunks: logs::stream(reader, follow) })
    }

    /// Attaches a client. A container that doesn't run yet is attached to its next run (`docker run` does so).
    ///
    /// # Errors
    /// When there is no such container, or it is paused.
    pub async fn attach(&self, key: &str, options: AttachOptions) -> Result<Attachment, ContainerError> {
        let handle = self.find(key)?;
        let container = handle.container();
        if container.state.status() == "paused" {
            let message = format!("container {key} is paused, unpause the container before attach");
            return Err(ContainerError::state(Refusal::Paused, message));
        }
        if matches!(container.state, State::Restarting { .. }) {
            let message = format!("container {key} is restarting, wait until the container is running");
            return Err(ContainerError::state(Refusal::NotRunning, message));
        }
        if options.logs && !container.keeps_log() {
            // Docker says so in the stream, too.
            let (output, chunks) = relay(true, true);
            output.say(format!("Error attaching: {NOT_READABLE}\n"));
            return Ok(Attachment { tty: container.tty(), chunks, stdin: None });
        }
        let ends = handle.watch().borrow().ends;
        handle.announce("attach", Vec::new()).await;
        // Who wants no stream at all waits for nothing, unless the container is to end with its client.
        let any = options.stdin || options.stdout || options.stderr;
        let bound = container.config.stdin_once && !container.tty();
        let options = AttachOptions { stream: options.stream && (any || bound), ..options };
        let wants_stdin = options.stdin && options.stream && container.config.open_stdin;
        let mut connection = None;
        let mut start = here(self, &container).await;
        if options.stream && container.state.run().is_some() {
            // From here on the shim shows unfinished lines, and tells where in the log "now" is.
            match self.connect(&container, wants_stdin).await {
                Ok((opened, place)) => {
                    connection = Some(opened);
                    start = place.unwrap_or(start);
                }
                Err(error) => tracing::debug!(container = %container.id, %error, "the container has just ended"),
            }
        }
        if options.logs {
            start = Start::Oldest;
        }
        let (input, received) = mpsc::channel(16);
        let chunks = match container.keeps_log() {
            true => {
                let selection = Selection { stdout: options.stdout, stderr: options.stderr, ..Selection::default() };
                let reader = self.reader(&container, selection, start).await;
                let follow = if options.stream { Some(self.follow(&handle, ends)?) } else { None };
                if options.stream {
                    let pump = Pump { connection, input: received, output: None, end_is_eof: false };
                    tokio::spawn(pump.run(self.shared.runtime.clone(), handle, wants_stdin));
                }
                logs::stream(reader, follow)
            }
            false => {
                let (output, chunks) = relay(options.stdout, options.stderr);
                if options.stream {
                    // Before the start the owner keeps the relay: the first output comes over the connection that starts the container. What
                    // the pump's own connection repeats of it is dropped then.
                    let output = match connection {
                        Some(_) => Some(output),
                        None => handle.ask(|reply| Command::AttachEarly { relay: output, reply }).await?,
                    };
                    let pump = Pump { connection, input: received, output, end_is_eof: false };
                    tokio::spawn(pump.run(self.shared.runtime.clone(), handle, wants_stdin));
                }
                chunks
            }
        };
        let closes = container.config.stdin_once && !container.tty();
        let stdin = wants_stdin.then(|| Stdin::new(input.clone(), closes));
        // The pump stays attached for as long as the client has either direction open.
        let chunks = chunks.map(move |chunk| (&input, chunk).1).boxed();
        let chunks = if options.stream { self.told_if_left(key, ends, chunks)? } else { chunks };
        Ok(Attachment { tty: container.tty(), chunks, stdin })
    }

    /// Tells when a client goes before the run that it is attached to.
    fn told_if_left(&self, key: &str, ends: u64, chunks: Chunks) -> Result<Chunks, ContainerError> {
        let (handle, events) = (self.find(key)?, self.shared.events.clone());
        Ok(until_left(chunks, move || {
            if !handle.is_gone() && handle.watch().borrow().ends == ends {
                events.publish(handle.container().event("detach"));
            }
        }))
    }

    async fn connect(&self, container: &Container, stdin: bool) -> io::Result<(Connection, Option<Start>)> {
        let mut connection = self.shared.runtime.attach(container, stdin).await?;
        match connection.reader.answer().await? {
            Message::Attached { log_inode: 0, .. } => Ok((connection, None)),
            Message::Attached { log_inode, log_offset } => {
                Ok((connection, Some(Start::At { inode: log_inode, offset: log_offset })))
            }
            other => Err(unexpected(&other)),
        }
    }

    /// A reader that stands at its place already, wherever rotation moves that from here on.
    async fn reader(&self, container: &Container, selection: Selection, start: Start) -> LogReader {
        let path = self.shared.paths.container_log(&container.id);
        let make = {
            let (path, selection) = (path.clone(), selection.clone());
            move || {
                let mut reader = LogReader::new(&path, selection, start);
                // What is wrong with the files is told by the first read.
                let _ = reader.open();
                reader
            }
        };
        let made = tokio::task::spawn_blocking(make).await;
        made.unwrap_or_else(|_down| LogReader::new(&path, selection, start))
    }

    /// Follows the log until the present run, or the next one, ends. `ends` is how many had ended when the run was looked at:
    /// one that ends meanwhile has ended for this follower too.
    fn follow(&self, handle: &Handle, ends: u64) -> Result<Follow, ContainerError> {
        let directory = self.shared.paths.container(handle.id());
        let changes = self.shared.logs.watcher.subscribe(&directory);
        let changes = changes.map_err(ContainerError::system("follow the log of", handle.id()))?;
        let mut watch = handle.watch();
        let ended = async move {
            // A closed watch is a removed container: ended too.
            let _ = watch.wait_for(|published| published.ends > ends).await;
        };
        Ok(Follow { changes, ended: ended.boxed() })
    }
}

/// Where the log ends now.
async fn here(service: &ContainerService, container: &Container) -> Start {
    let path = service.shared.paths.container_log(&container.id);
    let meta = tokio::task::spawn_blocking(move || fs::metadata(path)).await;
    match meta {
        Ok(Ok(meta)) => Start::At { inode: meta.ino(), offset: meta.len() },
        _ => Start::Oldest,
    }
}
