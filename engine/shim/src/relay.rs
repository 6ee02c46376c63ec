//! Output without a log: to the attached connections, at the pace of the slowest. Nobody attached: it is dropped.

use crate::connection::Connection;
use crate::sys::map::{Buffer, Page};
use hull_plan::FrameHeader;
use hull_plan::frame::HEADER;

/// Holds the one chunk that some connection has not taken whole; until then the payload's output is not read, its pipe
/// fills, and it waits in `write`.
#[derive(Debug, Default)]
pub(crate) struct Relay {
    chunk: Option<Buffer>,
    length: usize,
}

/// The table of connections.
pub(crate) type Connections = [Option<Page<Connection>>];

impl Relay {
    /// Some connection has not taken everything.
    pub(crate) fn is_paused(&self) -> bool {
        self.chunk.is_some()
    }

    /// Sends output to every connection that is attached to `process`. `scratch` has room for a header in front of the
    /// `length` bytes.
    pub(crate) fn send(
        &mut self,
        process: usize,
        stream: u8,
        scratch: &mut [u8],
        length: usize,
        all: &mut Connections,
    ) {
        if let Some(header) = scratch.get_mut(..HEADER) {
            header.copy_from_slice(&FrameHeader::output(stream, length).to_bytes());
        }
        let Some(frame) = scratch.get(..HEADER + length) else { return };
        let mut held = false;
        for connection in attached(process, all) {
            // Replies that wait come first, so the whole frame queues behind them.
            let sent = if connection.has_tail() { Some(0) } else { connection.send_now(frame) };
            connection.relay_left = frame.len() - sent.unwrap_or(frame.len());
            held |= connection.relay_left > 0;
        }
        if held && let Ok(mut chunk) = Buffer::new(frame.len()) {
            chunk.copy_from_slice(frame);
            (self.chunk, self.length) = (Some(chunk), frame.len());
        } else if held {
            // No memory to hold it: better no connection than a torn one.
            attached(process, all).for_each(|connection| connection.broken |= connection.relay_left > 0);
        }
    }

    /// A connection can take more: what has begun is finished first, since frames must not be torn.
    pub(crate) fn flush(&self, connection: &mut Connection) {
        if connection.relay_left < self.length {
            self.send_chunk(connection);
        }
        if connection.relay_left == 0 || connection.relay_left == self.length {
            connection.flush_tail();
        }
        if !connection.has_tail() {
            self.send_chunk(connection);
        }
    }

    fn send_chunk(&self, connection: &mut Connection) {
        if connection.relay_left == 0 || connection.broken {
            return;
        }
        let Some(chunk) = &self.chunk else { return connection.relay_left = 0 };
        let rest = chunk.get(self.length - connection.relay_left.min(self.length)..self.length).unwrap_or_default();
        if let Some(sent) = connection.send_now(rest) {
            connection.relay_left = rest.len() - sent;
        }
    }

    /// Lets go of the chunk if everybody has it. `true`: output may be read again.
    pub(crate) fn settle(&mut self, process: usize, all: &mut Connections) -> bool {
        let waiting = attached(process, all).any(|connection| !connection.broken && connection.relay_left > 0);
        if !waiting {
            self.chunk = None;
        }
        !waiting
    }
}

/// The connections that get a process's output.
pub(crate) fn attached(process: usize, all: &mut Connections) -> impl Iterator<Item = &mut Connection> {
    all.iter_mut()
        .flatten()
        .map(|connection| &mut **connection)
        .filter(move |connection| connection.attached && connection.watches == Some(process))
}
