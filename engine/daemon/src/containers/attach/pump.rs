//! The task behind an attached client: carries stdin to the shim, and output from it where there is no log.

use super::super::owner::Handle;
use super::super::runtime::Runtime;
use super::super::shim::{Connection, Message, Reader, Writer};
use crate::logs::{Chunk, Chunks};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use hull_api::stream::StreamKind;
use hull_plan::ExitRecord;
use std::io;
use std::sync::Arc;
use tokio::sync::mpsc;

/// What a client sends.
pub(in crate::containers) enum Input {
    /// Bytes for stdin.
    Bytes(Bytes),
    /// No more of them.
    Close,
}

/// Output on its way to a client.
pub struct Relay {
    chunks: mpsc::Sender<Chunk>,
    stdout: bool,
    stderr: bool,
}

/// A relay and what comes out of it. Few chunks fit, so that a client that does not read holds up the process rather than fills memory.
pub(in crate::containers) fn relay(stdout: bool, stderr: bool) -> (Relay, Chunks) {
    let (chunks, received) = mpsc::channel(4);
    let stream = stream::unfold(received, |mut received| async move {
        let chunk = received.recv().await?;
        Some((io::Result::Ok(chunk), received))
    });
    (Relay { chunks, stdout, stderr }, stream.boxed())
}

impl Relay {
    /// Puts a message of the engine's into an empty relay.
    pub(in crate::containers) fn say(&self, message: String) {
        // The first piece always fits.
        let _ = self.chunks.try_send(Chunk { stream: StreamKind::Stdout, bytes: message.into() });
    }

    /// Hands a piece on. A client that has gone takes nothing more, and the process goes on.
    pub(in crate::containers) async fn send(&self, stream: u8, bytes: Bytes) {
        let (stream, wanted) = match stream {
            2 => (StreamKind::Stderr, self.stderr),
            _ => (StreamKind::Stdout, self.stdout),
        };
        if wanted {
            let _ = self.chunks.send(Chunk { stream, bytes }).await;
        }
    }
}

/// What the task works with.
pub(in crate::containers) struct Pump {
    /// To the shim, if the process runs already.
    pub(in crate::containers) connection: Option<Connection>,
    /// From the client; closed when the client has gone.
    pub(in crate::containers) input: mpsc::Receiver<Input>,
    /// To the client, where there is no log.
    pub(in crate::containers) output: Option<Relay>,
    /// A client that goes leaves an end of file behind (execs; a container's stdin waits for the next client).
    pub(in crate::containers) end_is_eof: bool,
}

impl Pump {
    /// For a container: connects when it runs, and detaches when the client has gone.
    pub(in crate::containers) async fn run(mut self, runtime: Arc<dyn Runtime>, handle: Handle, stdin: bool) {
        let mut early = None;
        if self.connection.is_none() {
            let mut watch = handle.watch();
            loop {
                tokio::select! {
                    running = watch.wait_for(|published| published.container.state.run().is_some()) => {
                        if running.is_err() {
                            return;
                        }
                        break;
                    }
                    input = self.input.recv(), if early.is_none() => match input {
                        Some(input) => early = Some(input),
                        None => return,
                    },
                }
            }
            let container = handle.container();
            match runtime.attach(&container, stdin).await {
                Ok(connection) => self.connection = Some(connection),
                // It has ended already; what it wrote is in its log.
                Err(error) => {
                    tracing::debug!(container = %container.id, %error, "not attached");
                    return;
                }
            }
        }
        let Some(connection) = self.connection else { return };
        let Connection { reader, mut writer } = connection;
        tokio::select! {
            _ = receive(reader, self.output.as_ref()) => {}
            () = send(&mut writer, &mut self.input, early, self.end_is_eof) => {}
        }
    }

    /// For an exec: goes on until the process has ended, with or without a client. `None`: the shim has gone without telling the end.
    /// The client's stream ends with the pump, not with this: its owner has something to do in between.
    pub(in crate::containers) async fn run_to_end(&mut self) -> Option<ExitRecord> {
        // The writer lives as long as the exit is waited for: the shim takes a closed one for a client that has left.
        let Connection { reader, mut writer } = self.connection.take()?;
        let sender = send(&mut writer, &mut self.input, None, self.end_is_eof);
        let receiver = receive(reader, self.output.as_ref());
        tokio::pin!(sender, receiver);
        tokio::select! {
            record = &mut receiver => return record,
            () = &mut sender => {}
        }
        receiver.await
    }
}

/// Reads until the end of the process.
async fn receive(mut reader: Reader, output: Option<&Relay>) -> Option<ExitRecord> {
    loop {
        match reader.next().await {
            Ok(Some(Message::Output { stream, bytes })) => {
                if let Some(output) = output {
                    output.send(stream, bytes).await;
                }
            }
            Ok(Some(Message::Exited(record))) => return Some(record),
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return None,
        }
    }
}

/// Carries stdin until the client has gone.
async fn send(writer: &mut Writer, input: &mut mpsc::Receiver<Input>, early: Option<Input>, end_is_eof: bool) {
    let mut next = early;
    loop {
        let sent = match next.take() {
            Some(Input::Bytes(bytes)) => writer.stdin(&bytes).await,
            Some(Input::Close) => writer.close_stdin().await,
            None => Ok(()),
        };
        if sent.is_err() {
            // The process reads no more (or has ended, which the other direction tells).
            while input.recv().await.is_some() {}
            return;
        }
        next = input.recv().await;
        if next.is_none() {
            break;
        }
    }
    if end_is_eof {
        let _ = writer.close_stdin().await;
    }
}
