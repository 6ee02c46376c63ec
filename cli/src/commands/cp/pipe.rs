//! Bytes between the connection and the thread that packs or unpacks.

use std::io::{self, Read, Write};

use bytes::{Buf, Bytes};
use futures_util::stream::unfold;
use tokio::io::AsyncRead;
use tokio::sync::mpsc;
use tokio_util::io::StreamReader;

/// Pieces under way: the side that is ahead waits.
const PIECES: usize = 8;
const PIECE: usize = 64 << 10;

type Piece = io::Result<Bytes>;

/// What the thread writes is read by the connection.
pub(super) fn from_thread() -> (impl AsyncRead + Send + Unpin + 'static, Writer) {
    let (sender, pieces) = mpsc::channel::<Piece>(PIECES);
    let stream = Box::pin(unfold(pieces, |mut pieces| async { pieces.recv().await.map(|piece| (piece, pieces)) }));
    (StreamReader::new(stream), Writer { pieces: sender, current: Vec::new() })
}

/// What the connection sends is read by the thread.
pub(super) fn to_thread() -> (mpsc::Sender<Piece>, Reader) {
    let (sender, pieces) = mpsc::channel(PIECES);
    (sender, Reader { pieces, current: Bytes::new() })
}

pub(super) struct Writer {
    pieces: mpsc::Sender<Piece>,
    current: Vec<u8>,
}

impl Writer {
    /// Breaks the stream, so that nobody takes what came so far for all of it.
    pub(super) fn fail(&self, error: io::Error) {
        let _ = self.pieces.blocking_send(Err(error));
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.current.extend_from_slice(bytes);
        if self.current.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.current.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(std::mem::take(&mut self.current));
        self.pieces.blocking_send(Ok(piece)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

pub(super) struct Reader {
    pieces: mpsc::Receiver<Piece>,
    current: Bytes,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.pieces.blocking_recv() {
                None => return Ok(0),
                Some(piece) => self.current = piece?,
            }
        }
        let length = self.current.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.current[..length]);
        self.current.advance(length);
        Ok(length)
    }
}
