//! The payload's stdin: bytes come from connections, as fast as the payload reads and no faster.

use crate::sys::map::Buffer;
use crate::sys::{Errno, OwnedFd, Result, fd, net};

/// What is held while the payload is not reading.
const CAPACITY: usize = 64 << 10;
/// A buffer of which no more than this was used is kept for the next bytes.
const WARM: usize = 4096;

/// See the module.
#[derive(Debug)]
pub(crate) struct Stdin {
    /// The pipe, or the terminal.
    pub(crate) fd: Option<OwnedFd>,
    buffer: Option<Buffer>,
    start: usize,
    end: usize,
    /// Closed once everything is written.
    closing: bool,
    /// Close it with the first client.
    pub(crate) once: bool,
    /// A terminal's input has no end of its own.
    pub(crate) terminal: bool,
    /// The payload was given a stdin.
    pub(crate) wanted: bool,
    /// It is in the poll set, waiting to become writable.
    pub(crate) waiting: bool,
}

impl Stdin {
    /// `once`: whether it ends with its first client; `None`: the payload has no stdin.
    pub(crate) fn new(fd: Option<OwnedFd>, once: Option<bool>, terminal: bool) -> Self {
        Self {
            fd,
            buffer: None,
            start: 0,
            end: 0,
            closing: false,
            once: once.unwrap_or(false),
            terminal,
            wanted: once.is_some(),
            waiting: false,
        }
    }

    /// Bytes are held: no more can be taken.
    pub(crate) fn is_full(&self) -> bool {
        self.start < self.end
    }

    /// Takes at most `left` bytes from a connection, and returns how many; 0 is the connection's end. Without anybody to
    /// read them they are dropped.
    pub(crate) fn take(&mut self, connection: &OwnedFd, left: usize) -> Result<usize> {
        let buffer = match &mut self.buffer {
            Some(buffer) => buffer,
            none => none.insert(Buffer::new(CAPACITY)?),
        };
        let room = left.min(CAPACITY);
        let length = net::receive(connection, buffer.get_mut(..room).unwrap_or_default())?;
        if self.fd.is_some() && !self.closing {
            (self.start, self.end) = (0, length);
            self.flush();
        }
        Ok(length)
    }

    /// Writes what the payload takes.
    pub(crate) fn flush(&mut self) {
        while let (Some(fd), Some(buffer), true) = (&self.fd, &self.buffer, self.is_full()) {
            match fd::write(fd, buffer.get(self.start..self.end).unwrap_or_default()) {
                Ok(written) => self.start += written,
                Err(Errno::EAGAIN) => return,
                // Nobody will ever read it.
                Err(_) => return self.discard(),
            }
        }
        if self.end > WARM {
            self.buffer = None;
        }
        (self.start, self.end) = (0, 0);
        if self.closing {
            self.discard();
        }
    }

    /// The payload shall read the end, after what is held.
    pub(crate) fn close(&mut self) {
        if self.terminal {
            return;
        }
        self.closing = true;
        if !self.is_full() {
            self.discard();
        }
    }

    /// Lets go of the descriptor, and of what is held.
    pub(crate) fn discard(&mut self) {
        self.fd = None;
        self.buffer = None;
        self.waiting = false;
        (self.start, self.end) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::fd::{pipe, read, set_nonblocking};
    use crate::sys::net::{message_pair, send};

    #[test]
    fn a_slow_reader_gets_everything_and_then_the_end() {
        let (reader, writer) = pipe().unwrap();
        set_nonblocking(&writer).unwrap();
        let (ours, theirs) = message_pair().unwrap();
        let mut stdin = Stdin::new(Some(writer), Some(false), false);
        let (mut sent, mut got) = (0usize, 0usize);
        let piece = vec![b'x'; 40_000];
        while !stdin.is_full() {
            send(&theirs, &piece).unwrap();
            assert_eq!(stdin.take(&ours, 40_000).unwrap(), 40_000);
            sent += 40_000;
        }
        stdin.close();
        assert!(stdin.fd.is_some(), "not before everything is written");
        let mut buffer = vec![0; 30_000];
        loop {
            let length = read(&reader, &mut buffer).unwrap();
            got += length;
            if length == 0 {
                break;
            }
            stdin.flush();
        }
        assert_eq!(got, sent);
    }

    #[test]
    fn bytes_for_nobody_are_dropped() {
        let (reader, writer) = pipe().unwrap();
        let (ours, theirs) = message_pair().unwrap();
        let mut stdin = Stdin::new(Some(writer), Some(false), false);
        stdin.close();
        let mut buffer = [0; 4];
        assert_eq!(read(&reader, &mut buffer).unwrap(), 0);
        send(&theirs, b"late").unwrap();
        assert_eq!(stdin.take(&ours, 4).unwrap(), 4);
        assert!(!stdin.is_full());
    }
}
