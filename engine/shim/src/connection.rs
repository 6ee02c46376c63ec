//! A connection of the daemon's: what it asked for, and what is on its way to it.

use crate::input::Input;
use crate::sys::poll::{READABLE, WRITABLE};
use crate::sys::{Errno, OwnedFd, net};
use hull_plan::Frame;

/// Replies that the other side has not taken yet. More than a few are never due at once; a connection that lets them
/// pile up has broken down.
const TAIL: usize = 2500;

/// See the module.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) fd: OwnedFd,
    pub(crate) input: Input,
    /// The process whose exit this connection will hear of.
    pub(crate) watches: Option<usize>,
    /// It is attached to what it watches: gets the output, if that is relayed.
    pub(crate) attached: bool,
    /// It is a source of stdin for what it watches.
    pub(crate) sends_stdin: bool,
    /// Bytes of the relay's chunk that it has not taken yet.
    pub(crate) relay_left: usize,
    /// Nothing may be read from it now: its stdin has nowhere to go.
    pub(crate) stdin_full: bool,
    tail: [u8; TAIL],
    tail_start: usize,
    tail_end: usize,
    /// To be closed.
    pub(crate) broken: bool,
    /// What the poll set was last told.
    pub(crate) interest: u32,
}

impl Connection {
    pub(crate) fn new(fd: OwnedFd) -> Self {
        Self {
            fd,
            input: Input::new(),
            watches: None,
            attached: false,
            sends_stdin: false,
            relay_left: 0,
            stdin_full: false,
            tail: [0; TAIL],
            tail_start: 0,
            tail_end: 0,
            broken: false,
            interest: READABLE,
        }
    }

    /// Replies are waiting.
    pub(crate) fn has_tail(&self) -> bool {
        self.tail_start < self.tail_end
    }

    /// Something is on its way out.
    pub(crate) fn is_pending(&self) -> bool {
        !self.broken && (self.has_tail() || self.relay_left > 0)
    }

    /// What to wait for. While replies are waiting no further request is read: a client that does not read its answers
    /// cannot make the shim hold more of them.
    pub(crate) fn wanted(&self) -> u32 {
        let reading = if self.stdin_full || self.has_tail() { 0 } else { READABLE };
        let writing = if self.is_pending() { WRITABLE } else { 0 };
        reading | writing
    }

    /// Sends a reply, now or as soon as the other side takes it.
    pub(crate) fn send(&mut self, frame: &Frame<'_>) {
        let mut buffer = [0u8; 1400];
        let Some(length) = frame.encode(&mut buffer) else { return self.broken = true };
        let mut bytes = buffer.get(..length).unwrap_or_default();
        if !self.is_pending() {
            match self.send_now(bytes) {
                Some(sent) => bytes = bytes.get(sent..).unwrap_or_default(),
                None => return,
            }
        }
        if self.tail_start == self.tail_end {
            (self.tail_start, self.tail_end) = (0, 0);
        }
        let end = self.tail_end + bytes.len();
        match self.tail.get_mut(self.tail_end..end) {
            Some(slot) => {
                slot.copy_from_slice(bytes);
                self.tail_end = end;
            }
            None => self.broken = true,
        }
    }

    /// Sends what the socket takes; `None`: it is broken.
    pub(crate) fn send_now(&mut self, bytes: &[u8]) -> Option<usize> {
        match net::send(&self.fd, bytes) {
            Ok(sent) => Some(sent),
            Err(Errno::EAGAIN) => Some(0),
            Err(_) => {
                self.broken = true;
                None
            }
        }
    }

    /// Sends waiting replies, after the relay's chunk has gone.
    pub(crate) fn flush_tail(&mut self) {
        let tail = self.tail;
        let bytes = tail.get(self.tail_start..self.tail_end).unwrap_or_default();
        if !bytes.is_empty()
            && let Some(sent) = self.send_now(bytes)
        {
            self.tail_start += sent;
        }
    }

    /// It has heard of the exit: nothing binds it to the process any more.
    pub(crate) fn let_go(&mut self) {
        self.watches = None;
        self.attached = false;
        self.sends_stdin = false;
        self.stdin_full = false;
    }
}
