//! The streams of an attached process.

use std::io;

use hull_api::stream::{Decoder, StreamKind};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::super::CommandError;
use crate::client::Hijacked;
use crate::tty::{Detector, Keys};

/// What is connected, and how.
pub(crate) struct Streams {
    pub(crate) stdin: bool,
    pub(crate) tty: bool,
    pub(crate) keys: Keys,
}

/// Why it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The process, or the connection, has no more to say.
    Output,
    /// The user typed the detach keys.
    Detached,
}

/// Copies in both directions until the output ends or the user detaches.
pub(crate) async fn pump(connection: Hijacked, streams: &Streams) -> Result<Ended, CommandError> {
    let framed = connection.multiplexed.unwrap_or(!streams.tty);
    let output = async {
        if framed {
            copy_frames(connection.read, tokio::io::stdout(), tokio::io::stderr()).await
        } else {
            copy_raw(connection.read, tokio::io::stdout()).await
        }
    };
    let input = async {
        if !streams.stdin {
            // The write half stays open: for some engines its end is the end of the whole connection.
            let _open = connection.write;
            return std::future::pending().await;
        }
        let keys = streams.tty.then(|| Detector::new(streams.keys.clone()));
        send_input(tokio::io::stdin(), connection.write, keys).await
    };
    tokio::select! {
        biased;
        result = output => result.map(|()| Ended::Output),
        result = input => result.map(|()| Ended::Detached),
    }
}

/// Returns when the user detaches, and never otherwise: after the end of the input there is still output.
async fn send_input(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut detach: Option<Detector>,
) -> Result<(), CommandError> {
    let mut buffer = vec![0; 32 << 10];
    loop {
        let len = from.read(&mut buffer).await.map_err(|source| CommandError::Input { source })?;
        if len == 0 {
            break;
        }
        let sent = match &mut detach {
            None => to.write_all(&buffer[..len]).await,
            Some(detector) => {
                let (bytes, detached) = detector.feed(&buffer[..len]);
                let sent = to.write_all(&bytes).await;
                if detached {
                    return Ok(());
                }
                sent
            }
        };
        // A process that reads no more closes its input before its output: that is no error of ours.
        if sent.is_err() || to.flush().await.is_err() {
            break;
        }
    }
    // The half-close that the process sees as the end of its input. Should it fail, the connection is gone, and
    // the output's side knows.
    let _ = to.shutdown().await;
    // Dropping the half here would be fine for a socket; it is kept for the sake of TLS.
    let _open = to;
    std::future::pending().await
}

async fn copy_raw(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> Result<(), CommandError> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let len = read(&mut from, &mut buffer).await?;
        if len == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..len]).await?;
        to.flush().await?;
    }
}

pub(crate) async fn copy_frames(
    mut from: impl AsyncRead + Unpin,
    mut out: impl AsyncWrite + Unpin,
    mut err: impl AsyncWrite + Unpin,
) -> Result<(), CommandError> {
    let mut decoder = Decoder::new();
    let mut buffer = vec![0; 64 << 10];
    let mut run = Vec::new();
    let mut run_to_stderr = false;
    loop {
        let len = read(&mut from, &mut buffer).await?;
        if len == 0 {
            return Ok(());
        }
        let mut input = &buffer[..len];
        while let Some((kind, piece)) = decoder.next(&mut input)? {
            let to_stderr = match kind {
                StreamKind::Stdout | StreamKind::Stdin => false,
                StreamKind::Stderr => true,
                StreamKind::SystemError => {
                    return Err(CommandError::InStream(String::from_utf8_lossy(piece).into_owned()));
                }
            };
            if to_stderr != run_to_stderr {
                write_run(&mut run, run_to_stderr, &mut out, &mut err).await?;
                run_to_stderr = to_stderr;
            }
            run.extend_from_slice(piece);
        }
        write_run(&mut run, run_to_stderr, &mut out, &mut err).await?;
    }
}

/// Writes what came for one stream in a row, and waits until it is out: on a terminal both streams end up in the same
/// place, and their order must stay as the process had it.
async fn write_run(
    run: &mut Vec<u8>,
    to_stderr: bool,
    out: &mut (impl AsyncWrite + Unpin),
    err: &mut (impl AsyncWrite + Unpin),
) -> Result<(), CommandError> {
    if run.is_empty() {
        return Ok(());
    }
    if to_stderr {
        err.write_all(run).await?;
        err.flush().await?;
    } else {
        out.write_all(run).await?;
        out.flush().await?;
    }
    run.clear();
    Ok(())
}

/// A connection that was reset has ended, as one that was closed: the exit code comes by another way.
async fn read(from: &mut (impl AsyncRead + Unpin), buffer: &mut [u8]) -> Result<usize, CommandError> {
    match from.read(buffer).await {
        Ok(len) => Ok(len),
        Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof) => Ok(0),
        Err(source) => Err(CommandError::Input { source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_go_where_they_belong() {
        let mut wire = Vec::new();
        hull_api::stream::encode(StreamKind::Stdout, b"out", &mut wire);
        hull_api::stream::encode(StreamKind::Stderr, b"err", &mut wire);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        copy_frames(wire.as_slice(), &mut out, &mut err).await.unwrap();
        assert_eq!((out.as_slice(), err.as_slice()), (b"out".as_slice(), b"err".as_slice()));
    }

    #[tokio::test]
    async fn an_error_of_the_daemon_within_the_stream_is_an_error() {
        let mut wire = Vec::new();
        hull_api::stream::encode(StreamKind::SystemError, b"lost", &mut wire);
        let error = copy_frames(wire.as_slice(), Vec::new(), Vec::new()).await.unwrap_err();
        assert_eq!(error.to_string(), "lost");
    }

    #[tokio::test]
    async fn the_keys_end_the_input_and_stay_here() {
        let mut sent = Vec::new();
        let keys = Detector::new(Keys::default());
        send_input(b"ls\x10\x11".as_slice(), &mut sent, Some(keys)).await.unwrap();
        assert_eq!(sent, b"ls");
    }
}
