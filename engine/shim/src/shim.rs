//! The loop, and the tables that it works on.

use crate::connection::Connection;
use crate::log::Log;
use crate::process::{INIT, Phase, Process};
use crate::sys::map::{Buffer, Page};
use crate::sys::poll::{self, Event, Poll, READABLE};
use crate::sys::process as sys;
use crate::sys::{CWD, Errno, OwnedFd, Result, fd, file, identity};
use crate::text::Text;
use hull_plan::Frame;
use hull_plan::frame::{HEADER, MAX_CHUNK};

/// The init and this many execs less one at a time.
pub(crate) const MAX_PROCESSES: usize = 256;
pub(crate) const MAX_CONNECTIONS: usize = 512;
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

/// The shim.
#[derive(Debug)]
pub(crate) struct Shim {
    pub(crate) poll: Poll,
    signals: OwnedFd,
    pub(crate) listener: Option<OwnedFd>,
    pub(crate) socket_path: Text<108>,
    pub(crate) processes: [Option<Page<Process>>; MAX_PROCESSES],
    pub(crate) connections: [Option<Page<Connection>>; MAX_CONNECTIONS],
    pub(crate) log: Option<Log>,
    /// Output on its way, behind room for a frame's header.
    pub(crate) scratch: Buffer,
    pub(crate) scratch_used: usize,
    pub(crate) in_pid_namespace: bool,
    /// Root of the container's user namespace, as ids of the host.
    pub(crate) root: Option<(u32, u32)>,
    pub(crate) over: bool,
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
        // What the daemon was started with and did not mark (a listener from systemd, say) must not live as long as this.
        fd::close_all(3, u32::MAX)?;
        let signals = poll::take_over_signals()?;
        let _ = identity::set_name(c"hull-shim");
        // A process of the container must not be able to look at this one's descriptors (CVE-2016-9962).
        identity::set_dumpable(false)?;
        identity::become_subreaper()?;
        // The log may be read by its group, the control socket is the owner's alone.
        identity::set_umask(0o027);
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
}
