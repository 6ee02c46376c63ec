//! The payload's output: from its pipes or terminal into the log or to connections.

use crate::log::Stream;
use crate::process::{INIT, Phase};
use crate::relay;
use crate::shim::{Shim, Token};
use crate::sys::poll::{self, EDGE, READABLE};
use crate::sys::{fd, time};
use hull_plan::frame::{HEADER, MAX_CHUNK};

/// Reads of one output before others have their turn.
const BURST: u32 = 16;
/// Reads of an output whose process has ended: what was written before that is at most a pipe full, but others may hold
/// the pipe, too, and go on writing.
const LAST_READS: u32 = 256;

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

impl Shim {
    pub(crate) fn on_output(&mut self, place: usize, number: usize) {
        let attached = relay::attached(place, &mut self.connections).next().is_some();
        if let Some(log) = self.log.as_mut().filter(|_| place == INIT) {
            log.set_attached(attached);
        }
        let mut pumped = Pumped::More;
        for _ in 0..BURST {
            pumped = self.pump(place, number);
            if pumped != Pumped::More {
                break;
            }
        }
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
        } else if process.is_running() {
            // Nobody has the terminal open; somebody may open it again, which a level-triggered set would drown in hang-ups.
            if let Some(terminal) = &process.terminal {
                let _ = self.poll.modify(terminal, READABLE | EDGE, Token::Terminal(place).into());
            }
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
    pub(crate) fn settle(&mut self, place: usize) {
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

    /// Reads what a process wrote before it ended. `false`: a connection has to take some of it first.
    pub(crate) fn drain(&mut self, place: usize) -> bool {
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
}
