//! A client and a process: bytes both ways, whatever the connection between them speaks.
//!
//! [`super::hijack`] carries them raw or in Docker's frames, [`super::websocket`] in messages. The client's end of input is the process' end
//! of input, not the end of the session; the process' end of output is.

use super::detach_keys::{DetachKeys, Watch, Watched};
use crate::logs::{Chunk, Chunks};
use bytes::Bytes;
use futures_util::StreamExt;
use std::io;

/// Where input goes.
pub(super) trait Input: Send + 'static {
    /// Waits while the process doesn't read.
    fn write(&mut self, bytes: Bytes) -> impl Future<Output = io::Result<()>> + Send;
    /// The process reads end-of-file.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// What is connected to the client.
pub(super) struct Session<I> {
    /// Output goes out as it is; else in frames that name its stream.
    pub(super) raw: bool,
    /// Ends with the process' output.
    pub(super) output: Chunks,
    /// Absent: what the client sends is read and dropped.
    pub(super) input: Option<I>,
    /// What the client's end of input means.
    pub(super) at_eof: AtEof,
    /// What to look for in the input; absent without a terminal.
    pub(super) detach_keys: Option<DetachKeys>,
}

/// What the client's end of input means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AtEof {
    /// The process gets end-of-file too; its output goes on.
    CloseInput,
    /// The session ends, the process keeps its input: other clients may attach later (`StdinOnce` is false), or it is a
    /// terminal, which has no end-of-file.
    Detach,
}

/// The client's side of a connection, as input.
pub(super) trait FromClient: Send {
    /// What comes next; `None`: the client sends no more.
    fn next(&mut self) -> impl Future<Output = io::Result<Option<Bytes>>> + Send;
    /// After the end of the input: resolves when the client takes no output any more either.
    fn gone(&mut self) -> impl Future<Output = ()> + Send;
}

/// The client's side of a connection, as output.
pub(super) trait ToClient: Send {
    /// Sends a piece; waits while the client doesn't read.
    fn send(&mut self, piece: Chunk) -> impl Future<Output = io::Result<()>> + Send;
}

/// Carries bytes both ways until the output ends, the client detaches, or the client is gone.
pub(super) async fn carry<I: Input>(
    from: &mut impl FromClient,
    to: &mut impl ToClient,
    session: Session<I>,
) -> io::Result<()> {
    let Session { output, input, at_eof, detach_keys, .. } = session;
    let outgoing = send_output(to, output);
    let incoming = async {
        match receive_input(from, input, detach_keys.map(Watch::new), at_eof).await {
            InputEnd::Detached => {}
            InputEnd::Closed => from.gone().await,
        }
    };
    tokio::pin!(outgoing, incoming);
    tokio::select! {
        result = &mut outgoing => result,
        () = &mut incoming => Ok(()),
    }
}

async fn send_output(to: &mut impl ToClient, mut output: Chunks) -> io::Result<()> {
    while let Some(piece) = output.next().await {
        to.send(piece?).await?;
    }
    Ok(())
}

enum InputEnd {
    /// The session is over.
    Detached,
    /// There is no more input; the output goes on.
    Closed,
}

async fn receive_input<I: Input>(
    from: &mut impl FromClient,
    mut input: Option<I>,
    mut watch: Option<Watch>,
    at_eof: AtEof,
) -> InputEnd {
    loop {
        let bytes = match from.next().await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => break,
            // Reset: the next write to the client finds out too.
            Err(_) => return InputEnd::Detached,
        };
        let Some(process) = &mut input else { continue };
        let (bytes, detach) = match watch.as_mut().map(|watch| watch.input(&bytes)) {
            None => (bytes, false),
            Some(Watched::Pass(pass)) => (pass.into(), false),
            Some(Watched::Detach(pass)) => (pass.into(), true),
        };
        if !bytes.is_empty() && process.write(bytes).await.is_err() {
            // The process closed its stdin or is gone: the rest is dropped, its output may go on.
            input = None;
        }
        if detach {
            return InputEnd::Detached;
        }
    }
    match (input, at_eof) {
        (None, _) => InputEnd::Closed,
        (Some(_), AtEof::Detach) => InputEnd::Detached,
        (Some(process), AtEof::CloseInput) => {
            process.close().await;
            InputEnd::Closed
        }
    }
}
