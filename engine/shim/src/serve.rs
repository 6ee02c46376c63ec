//! Connections: accepting them, receiving requests and stdin, sending what is due, closing them.

use crate::connection::Connection;
use crate::input::Progress;
use crate::process::INIT;
use crate::shim::{MAX_CONNECTIONS, MAX_PROCESSES, Shim, Token};
use crate::sys::map::Page;
use crate::sys::poll::{self, HANGUP, READABLE, WRITABLE};
use crate::sys::{CWD, Errno, OwnedFd, Result, file, net};
use crate::text::Text;
use core::ffi::CStr;

/// Frames of one connection before others have their turn.
const BURST: u32 = 16;

impl Shim {
    /// Listens on the control socket. What is left there of an earlier run is replaced.
    pub(crate) fn listen(&mut self, path: &CStr) -> Result<()> {
        self.socket_path = Text::copy(path.to_bytes())?;
        let _ = file::unlink(CWD, path);
        let listener = net::listen(path)?;
        self.poll.add(&listener, READABLE, Token::Listener.into())?;
        self.listener = Some(listener);
        Ok(())
    }

    pub(crate) fn on_listener(&mut self) {
        let Some(listener) = &self.listener else { return };
        // A connection beyond the table is closed at once: its sender sees the end, not a hang.
        if let Ok(socket) = net::accept(listener) {
            let _ = self.adopt(socket);
        }
    }

    pub(crate) fn adopt(&mut self, socket: OwnedFd) -> Result<()> {
        let mut slots = self.connections.iter_mut().enumerate();
        let (index, slot) = slots.find(|(_, slot)| slot.is_none()).ok_or(Errno::EMFILE)?;
        self.poll.add(&socket, READABLE, Token::Connection(index).into())?;
        *slot = Some(Page::new(Connection::new(socket))?);
        Ok(())
    }

    pub(crate) fn on_connection(&mut self, index: usize, flags: u32) {
        if flags & WRITABLE != 0 {
            self.flush(index);
        }
        if flags & READABLE != 0 {
            self.on_readable(index);
        } else if flags & HANGUP != 0 {
            self.break_off(index);
        }
    }

    fn flush(&mut self, index: usize) {
        let Some(connection) = self.connections.get_mut(index).and_then(Option::as_deref_mut) else { return };
        let relay = connection
            .watches
            .and_then(|place| self.processes.get(place)?.as_deref()?.relay.as_ref())
            .filter(|_| connection.relay_left > 0);
        match relay {
            Some(relay) => relay.flush(connection),
            None => connection.flush_tail(),
        }
    }

    fn on_readable(&mut self, index: usize) {
        // A few frames, then others have their turn.
        for _ in 0..BURST {
            let Some(connection) = self.connection(index).filter(|connection| !connection.broken) else { return };
            match connection.input.receive(&connection.fd) {
                Progress::Frame(header, payload) => self.on_request(index, &header, &payload),
                Progress::Stdin => {
                    if !self.on_stdin(index) {
                        return;
                    }
                }
                Progress::Blocked => return,
                Progress::Over => return self.break_off(index),
            }
        }
    }

    /// Moves bytes of a stdin frame to the process. `false`: no more for now.
    fn on_stdin(&mut self, index: usize) -> bool {
        let Some(connection) = self.connections.get_mut(index).and_then(Option::as_deref_mut) else { return false };
        let left = connection.input.stdin_left;
        let process = match (connection.watches, connection.sends_stdin) {
            (Some(place), true) => self.processes.get_mut(place).and_then(Option::as_deref_mut),
            (None, _) => None,
            (Some(_), false) => {
                connection.broken = true;
                return false;
            }
        };
        let taken = match process {
            Some(process) if process.stdin.is_full() => {
                connection.stdin_full = true;
                return false;
            }
            Some(process) => process.stdin.take(&connection.fd, left),
            // It has ended; what is still said to it goes nowhere.
            None => net::receive(&connection.fd, self.scratch.get_mut(..left.min(4096)).unwrap_or_default()),
        };
        match taken {
            Ok(0) => connection.broken = true,
            Ok(length) => connection.input.stdin_left = left.saturating_sub(length),
            Err(errno) if poll::would_block(errno) => return false,
            Err(_) => connection.broken = true,
        }
        if let Some(place) = connection.watches {
            self.after_stdin(place);
        }
        true
    }

    /// Waits for a stdin that is full, and lets the connections go on once it is not.
    pub(crate) fn after_stdin(&mut self, place: usize) {
        let Some(process) = self.processes.get_mut(place).and_then(Option::as_deref_mut) else { return };
        let stdin = &mut process.stdin;
        let full = stdin.is_full();
        if let Some(fd) = &stdin.fd
            && full != stdin.waiting
        {
            let changed =
                if full { self.poll.add(fd, WRITABLE, Token::Stdin(place).into()) } else { self.poll.remove(fd) };
            stdin.waiting = full && changed.is_ok();
        }
        for connection in self.connections.iter_mut().flatten() {
            if connection.watches == Some(place) && connection.sends_stdin {
                connection.stdin_full = full;
            }
        }
    }

    /// After every event: closes what has broken, and tells the poll set what is waited for now.
    pub(crate) fn sweep(&mut self) {
        for index in 0..MAX_CONNECTIONS {
            let Some(connection) = self.connections.get_mut(index).and_then(Option::as_deref_mut) else { continue };
            if connection.broken {
                self.close(index);
                continue;
            }
            let wanted = connection.wanted();
            if wanted != connection.interest
                && self.poll.modify(&connection.fd, wanted, Token::Connection(index).into()).is_ok()
            {
                connection.interest = wanted;
            }
        }
        for place in 0..MAX_PROCESSES {
            self.settle(place);
        }
    }

    fn close(&mut self, index: usize) {
        let Some(connection) = self.connections.get_mut(index).and_then(Option::take) else { return };
        // Explicitly: while a starting child still has a copy, closing alone does not take it out of the set.
        let _ = self.poll.remove(&connection.fd);
        let watched = connection.watches.and_then(|place| self.process_mut(place));
        if let Some(process) = watched
            && connection.sends_stdin
            && process.stdin.once
        {
            process.stdin.close();
        }
        if let Some(starter) = self.processes.iter_mut().flatten().find(|process| process.starter == Some(index)) {
            starter.starter = None;
        }
        // The daemon went away before it sent a plan.
        if index == 0 && self.process(INIT).is_none() {
            self.over = true;
        }
    }
}
