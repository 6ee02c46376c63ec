//! The loop, and the tables that it works on.

use crate::connection::Connection;
use crate::exit;
use crate::input::Progress;
use crate::log::{Log, Stream};
use crate::process::{INIT, Phase, Process};
use crate::relay;
use crate::sys::map::{Buffer, Page};
use crate::sys::poll::{self, Event, HANGUP, Poll, READABLE, WRITABLE};
use crate::sys::process::{self as sys, Ended};
use crate::sys::{CWD, Errno, OwnedFd, Result, fd, file, identity, net, time};
use crate::text::Text;
use core::ffi::CStr;
use hull_plan::frame::{HEADER, MAX_CHUNK};
use hull_plan::{ExitRecord, Frame};

/// The init and this many execs less one at a time.
pub(crate) const MAX_PROCESSES: usize = 256;
const MAX_CONNECTIONS: usize = 512;
/// Reads of one output before others have their turn.
const BURST: u32 = 16;
/// Reads of an output whose process has ended: what was written before that is at most a pipe full, but others may hold
/// the pipe, too, and go on writing.
const LAST_READS: u32 = 256;
/// More than this of the scratch buffer is given back when there is nothing to do.
const COLD: usize = 8 << 10;

/// What a descriptor in the poll set belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Token {
    Signals,
    Listener,
    Connection(usize),
    Status(usize),
    Output(usize, usize),
    Terminal(usize),
    Stdin(usize),
}

impl From<Token> for u64 {
    fn from(token: Token) -> Self {
        let (kind, index) = match token {
            Token::Signals => (0, 0),
            Token::Listener => (1, 0),
            Token::Connection(index) => (2, index),
            Token::Status(place) => (3, place),
            Token::Output(place, number) => (4 + (number as u64 & 1), place),
            Token::Terminal(place) => (6, place),
            Token::Stdin(place) => (7, place),
        };
        kind | (index as u64) << 8
    }
}

impl Token {
    fn from_u64(token: u64) -> Option<Self> {
        let index = usize::try_from(token >> 8).ok()?;
        Some(match token & 0xff {
            0 => Self::Signals,
            1 => Self::Listener,
            2 => Self::Connection(index),
            3 => Self::Status(index),
            4 => Self::Output(index, 0),
            5 => Self::Output(index, 1),
            6 => Self::Terminal(index),
            7 => Self::Stdin(index),
            _ => return None,
        })
    }
}

/// What reading an output came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pumped {
    /// There may be more.
    More,
    /// Nothing now, or never again.
    Empty,
    /// A connection has to take what it has first.
    Paused,
}

/// The shim.
#[derive(Debug)]
pub(crate) struct Shim {
    pub(crate) poll: Poll,
    signals: OwnedFd,
    listener: Option<OwnedFd>,
    socket_path: Text<108>,
    pub(crate) processes: [Option<Page<Process>>; MAX_PROCESSES],
    connections: [Option<Page<Connection>>; MAX_CONNECTIONS],
    pub(crate) log: Option<Log>,
    /// Output on its way, behind room for a frame's header.
    scratch: Buffer,
    scratch_used: usize,
    pub(crate) in_pid_namespace: bool,
    /// Root of the container's user namespace, as ids of the host.
    pub(crate) root: Option<(u32, u32)>,
    over: bool,
}

/// Returns the exit code: 0 once the container has ended, or could not be started and the daemon knows why.
pub(crate) fn main() -> u8 {
    match Shim::new().and_then(|mut shim| shim.run()) {
        Ok(()) => 0,
        Err(Errno(errno)) => u8::try_from(errno).unwrap_or(1).max(1),
    }
}

impl Shim {
    fn new() -> Result<Self> {
        let signals = poll::take_over_signals()?;
        let _ = identity::set_name(c"hull-shim");
        // A process of the container must not be able to look at this one's descriptors (CVE-2016-9962).
        identity::set_dumpable(false)?;
        identity::become_subreaper()?;
        let inherited = fd::take_stdin().ok_or(Errno::EBADF)?;
        let start = fd::duplicate(&inherited, 3)?;
        core::mem::forget(inherited);
        // 0 to 2 stay taken, so that nothing of ours gets a number that a payload's stdio will have.
        let null = file::open(CWD, c"/dev/null", file::flags::RDWR, 0)?;
        for number in 0..=2 {
            if null.raw() != i32::from(number) {
                fd::install_stdio(&null, number)?;
            }
        }
        let poll = Poll::new()?;
        poll.add(&signals, READABLE, Token::Signals.into())?;
        let mut shim = Self {
            poll,
            signals,
            listener: None,
            socket_path: Text::new(),
            processes: [const { None }; MAX_PROCESSES],
            connections: [const { None }; MAX_CONNECTIONS],
            log: None,
            scratch: Buffer::new(HEADER + MAX_CHUNK)?,
            scratch_used: 0,
            in_pid_namespace: false,
            root: None,
            over: false,
        };
        shim.adopt(start)?;
        Ok(shim)
    }

    fn run(&mut self) -> Result<()> {
        while !self.is_over() {
            let event = match self.poll.wait(false)? {
                Some(event) => event,
                None => {
                    self.cool_down();
                    match self.poll.wait(true)? {
                        Some(event) => event,
                        None => continue,
                    }
                }
            };
            self.on_event(event);
            self.sweep();
        }
        Ok(())
    }

    /// The container has ended, everybody has heard of it, and nothing is left to reap or to send.
    fn is_over(&self) -> bool {
        let told = self.over || self.process(INIT).is_some_and(|init| init.phase == Phase::Told);
        told && !self.processes.iter().flatten().any(|process| process.is_alive())
            && !self.connections.iter().flatten().any(|connection| connection.is_pending())
    }

    fn on_event(&mut self, event: Event) {
        match Token::from_u64(event.token()) {
            Some(Token::Signals) => {
                poll::drain_signals(&self.signals);
                while let Some(ended) = sys::reap() {
                    self.on_end(ended);
                }
            }
            Some(Token::Listener) => self.on_listener(),
            Some(Token::Connection(index)) => self.on_connection(index, event.flags()),
            Some(Token::Status(place)) => self.on_status(place),
            Some(Token::Output(place, number)) => self.on_output(place, number),
            Some(Token::Terminal(place)) => self.on_output(place, 0),
            Some(Token::Stdin(place)) => {
                if let Some(process) = self.process_mut(place) {
                    process.stdin.flush();
                }
                self.after_stdin(place);
            }
            None => {}
        }
    }

    fn cool_down(&mut self) {
        if self.scratch_used > COLD {
            self.scratch.release();
            self.scratch_used = 0;
        }
        if let Some(log) = &mut self.log {
            log.cool_down();
        }
    }

    // ---- tables ------------------------------------------------------------------------------------------

    pub(crate) fn process(&self, place: usize) -> Option<&Process> {
        self.processes.get(place)?.as_deref()
    }

    pub(crate) fn process_mut(&mut self, place: usize) -> Option<&mut Process> {
        self.processes.get_mut(place)?.as_deref_mut()
    }

    pub(crate) fn connection(&mut self, index: usize) -> Option<&mut Connection> {
        self.connections.get_mut(index)?.as_deref_mut()
    }

    /// Sends a frame, if the connection is still there.
    pub(crate) fn reply(&mut self, to: usize, frame: &Frame<'_>) {
        if let Some(connection) = self.connection(to) {
            connection.send(frame);
        }
    }

    /// Marks a connection to be closed.
    pub(crate) fn break_off(&mut self, index: usize) {
        if let Some(connection) = self.connection(index) {
            connection.broken = true;
        }
    }

    // ---- connections -------------------------------------------------------------------------------------

    /// Listens on the control socket. What is left there of an earlier run is replaced.
    pub(crate) fn listen(&mut self, path: &CStr) -> Result<()> {
        self.socket_path = Text::copy(path.to_bytes())?;
        let _ = file::unlink(CWD, path);
        let listener = net::listen(path)?;
        self.poll.add(&listener, READABLE, Token::Listener.into())?;
        self.listener = Some(listener);
        Ok(())
    }

    fn on_listener(&mut self) {
        let Some(listener) = &self.listener else { return };
        // A connection beyond the table is closed at once: its sender sees the end, not a hang.
        if let Ok(socket) = net::accept(listener) {
            let _ = self.adopt(socket);
        }
    }

    fn adopt(&mut self, socket: OwnedFd) -> Result<()> {
        let mut slots = self.connections.iter_mut().enumerate();
        let (index, slot) = slots.find(|(_, slot)| slot.is_none()).ok_or(Errno::EMFILE)?;
        self.poll.add(&socket, READABLE, Token::Connection(index).into())?;
        *slot = Some(Page::new(Connection::new(socket))?);
        Ok(())
    }

    fn on_connection(&mut self, index: usize, flags: u32) {
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
    fn after_stdin(&mut self, place: usize) {
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
    fn sweep(&mut self) {
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

    // ---- output ------------------------------------------------------------------------------------------

    fn on_output(&mut self, place: usize, number: usize) {
        let mut pumped = Pumped::More;
        for _ in 0..BURST {
            pumped = self.pump(place, number);
            if pumped != Pumped::More {
                break;
            }
        }
        let attached = relay::attached(place, &mut self.connections).next().is_some();
        if let Some(log) = self.log.as_mut().filter(|_| place == INIT) {
            // A prompt must appear; in the midst of more output there is none.
            if attached && pumped == Pumped::Empty {
                let now = time::now();
                log.end_line(Stream::Stdout, now, false);
                log.end_line(Stream::Stderr, now, false);
            }
            log.write_out();
        }
    }

    /// Reads an output once.
    fn pump(&mut self, place: usize, number: usize) -> Pumped {
        let Some(process) = self.processes.get_mut(place).and_then(Option::as_deref_mut) else { return Pumped::Empty };
        if process.is_paused() {
            return Pumped::Paused;
        }
        let stream = if number == 0 { Stream::Stdout } else { Stream::Stderr };
        let source = match process.outputs.get(number) {
            Some(Some(output)) => output,
            _ if number == 0 => match &process.terminal {
                Some(terminal) => terminal,
                None => return Pumped::Empty,
            },
            _ => return Pumped::Empty,
        };
        let space = self.scratch.get_mut(HEADER..).unwrap_or_default();
        let length = match fd::read(source, space) {
            Ok(length) if length > 0 => length,
            Err(errno) if poll::would_block(errno) => return Pumped::Empty,
            // The end; a terminal says it with EIO.
            _ => {
                self.end_output(place, number, stream);
                return Pumped::Empty;
            }
        };
        self.scratch_used = self.scratch_used.max(length);
        match (&mut process.relay, &mut self.log) {
            (Some(relay), _) => {
                relay.send(place, stream.number(), &mut self.scratch, length, &mut self.connections);
                if relay.is_paused() {
                    self.pause(place, true);
                    return Pumped::Paused;
                }
            }
            (None, Some(log)) => {
                log.append(stream, self.scratch.get(HEADER..HEADER + length).unwrap_or_default(), time::now());
            }
            (None, None) => {}
        }
        // A pipe that gave less than was asked for has been emptied.
        if length < MAX_CHUNK { Pumped::Empty } else { Pumped::More }
    }

    fn end_output(&mut self, place: usize, number: usize, stream: Stream) {
        let Some(process) = self.processes.get_mut(place).and_then(Option::as_deref_mut) else { return };
        if let Some(output) = process.outputs.get_mut(number).and_then(Option::take) {
            let _ = self.poll.remove(&output);
        } else if let Some(terminal) = process.terminal.take() {
            let _ = self.poll.remove(&terminal);
        }
        if process.relay.is_none()
            && let Some(log) = &mut self.log
        {
            log.end_line(stream, time::now(), true);
        }
    }

    /// Stops or resumes reading a process's output.
    fn pause(&mut self, place: usize, pause: bool) {
        let Some(process) = self.processes.get(place).and_then(Option::as_deref) else { return };
        let flags = if pause { 0 } else { READABLE };
        for (number, output) in process.outputs.iter().enumerate() {
            if let Some(output) = output {
                let _ = self.poll.modify(output, flags, Token::Output(place, number).into());
            }
        }
        if let Some(terminal) = &process.terminal {
            let _ = self.poll.modify(terminal, flags, Token::Terminal(place).into());
        }
    }

    /// Goes on with output that was paused, if nobody waits any more, and with an exit that waited for it.
    fn settle(&mut self, place: usize) {
        let Some(process) = self.processes.get_mut(place).and_then(Option::as_deref_mut) else { return };
        if process.is_paused()
            && let Some(relay) = &mut process.relay
            && relay.settle(place, &mut self.connections)
        {
            let ended = matches!(process.phase, Phase::Ended(_));
            self.pause(place, false);
            if ended {
                self.tell(place);
            }
        }
        let done = self.process(place).is_some_and(|process| process.phase == Phase::Told && !process.has_output());
        if done && place != INIT {
            // What it left behind no longer writes anywhere.
            if let Some(slot) = self.processes.get_mut(place) {
                *slot = None;
            }
        }
    }

    // ---- ends --------------------------------------------------------------------------------------------

    fn on_end(&mut self, ended: Ended) {
        let is_it = |process: &Page<Process>| process.pid == ended.pid && process.is_alive();
        // Others are orphans of the container's, whose parent has gone: reaped, and that is all.
        let Some(place) = self.processes.iter().position(|process| process.as_ref().is_some_and(is_it)) else { return };
        self.on_status(place);
        let Some(process) = self.process(place) else { return };
        if process.phase == Phase::Failed {
            return self.bury(place);
        }
        let record = ExitRecord {
            pid: ended.pid,
            code: ended.code,
            signal: ended.signal,
            oom_killed: exit::oom_kills(process.oom_file.as_c_str()) > process.oom_before,
            started_at: process.started_at,
            finished_at: time::now(),
        };
        if let Some(process) = self.process_mut(place) {
            process.phase = Phase::Ended(record);
        }
        let drained = self.drain(place);
        if let Some(process) = self.process(place)
            && !process.exit_record.is_empty()
        {
            // Without a record the daemon still hears of the exit, unless it is not there now.
            let _ = exit::write_record(process.exit_record.as_c_str(), &record);
        }
        if place == INIT {
            self.end_container();
        }
        if drained {
            self.tell(place);
        }
    }

    /// A start that failed: whoever asked has heard why.
    fn bury(&mut self, place: usize) {
        if place == INIT {
            return self.give_up();
        }
        if let Some(slot) = self.processes.get_mut(place) {
            *slot = None;
        }
        for connection in self.connections.iter_mut().flatten().filter(|c| c.watches == Some(place)) {
            connection.let_go();
        }
    }

    /// Nothing runs, and nothing will.
    pub(crate) fn give_up(&mut self) {
        if let Some(init) = self.processes.get_mut(INIT) {
            *init = None;
        }
        self.stop_listening();
        self.over = true;
    }

    fn stop_listening(&mut self) {
        if let Some(listener) = self.listener.take() {
            let _ = self.poll.remove(&listener);
            let _ = file::unlink(CWD, self.socket_path.as_c_str());
        }
    }

    /// The init has ended: execs that the kernel has not killed with its PID namespace are killed here.
    fn end_container(&mut self) {
        const SIGKILL: u32 = 9;
        self.stop_listening();
        for process in self.processes.iter().flatten().filter(|process| process.is_alive()) {
            let _ = sys::signal(&process.pidfd, SIGKILL);
        }
    }

    /// Reads what a process wrote before it ended. `false`: a connection has to take some of it first.
    fn drain(&mut self, place: usize) -> bool {
        for number in 0..2 {
            for _ in 0..LAST_READS {
                match self.pump(place, number) {
                    Pumped::More => {}
                    Pumped::Empty => break,
                    Pumped::Paused => return false,
                }
            }
        }
        if place == INIT
            && let Some(log) = &mut self.log
        {
            let now = time::now();
            log.end_line(Stream::Stdout, now, true);
            log.end_line(Stream::Stderr, now, true);
            log.write_out();
        }
        true
    }

    /// Tells everybody who waits for the end of a process, once its output is out.
    fn tell(&mut self, place: usize) {
        let Some(Phase::Ended(record)) = self.process(place).map(|process| process.phase) else { return };
        if !self.drain(place) {
            return;
        }
        if let Some(process) = self.process_mut(place) {
            process.phase = Phase::Told;
            process.stdin.discard();
        }
        for connection in self.connections.iter_mut().flatten().filter(|c| c.watches == Some(place)) {
            connection.send(&Frame::Exited { record });
            connection.let_go();
        }
    }
}
