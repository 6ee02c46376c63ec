//! What the daemon asks for on a connection. A request that makes no sense is refused or closes that connection, and
//! touches nothing else.

use crate::input::Payload;
use crate::process::{INIT, Phase, Process};
use crate::shim::{MAX_PROCESSES, Shim};
use crate::sys::{Errno, Result, process, time, tty};
use crate::text::Text;
use core::ffi::CStr;
use hull_plan::{Frame, FrameHeader};

impl Shim {
    /// Answers one frame.
    pub(crate) fn on_request(&mut self, from: usize, header: &FrameHeader, payload: &Payload) {
        let Ok(frame) = Frame::decode(header, payload) else { return self.break_off(from) };
        let outcome = match frame {
            Frame::Start { plan } => return self.on_start(from, plan),
            Frame::Exec { id, plan } => return self.on_exec(from, id, plan),
            Frame::Attach { stdin } => self.attach(from, INIT, stdin),
            Frame::AttachExec { id, stdin } => self.find(id).and_then(|place| self.attach(from, place, stdin)),
            Frame::Subscribe { target } => self.subscribe(from, target),
            Frame::Signal { target, signal } => self.signal(from, target, signal),
            Frame::Resize { target, rows, cols } => self.resize(from, target, rows, cols),
            Frame::CloseStdin => return self.close_stdin(from),
            // The rest is what a shim says.
            _ => return self.break_off(from),
        };
        if let Err(errno) = outcome {
            self.reply(from, &Frame::Refused { errno: errno.0 });
        }
    }

    fn on_start(&mut self, from: usize, plan: &[u8]) {
        if from != 0 || self.process(INIT).is_some() {
            return self.break_off(from);
        }
        self.start(INIT, Text::new(), plan, from);
    }

    fn on_exec(&mut self, from: usize, id: &CStr, plan: &[u8]) {
        if self.connection(from).is_none_or(|connection| connection.watches.is_some()) {
            return self.break_off(from);
        }
        let place = (INIT + 1..MAX_PROCESSES).find(|place| self.process(*place).is_none());
        let allowed = match (self.process(INIT).map(|init| init.phase), self.find(id), place) {
            (Some(Phase::Running), Err(_), Some(place)) if !id.is_empty() => {
                Text::copy(id.to_bytes()).map(|text| (place, text))
            }
            (Some(Phase::Running), Ok(_), _) => Err(Errno::EEXIST),
            (Some(Phase::Running), _, None) => Err(Errno::EMFILE),
            (Some(Phase::Running), ..) => Err(Errno::EINVAL),
            _ => Err(Errno::ESRCH),
        };
        match allowed {
            Ok((place, id)) => self.start(place, id, plan, from),
            Err(errno) => self.reply(from, &Frame::Refused { errno: errno.0 }),
        }
    }

    /// The process that a request means.
    fn find(&self, target: &CStr) -> Result<usize> {
        let is_it = |process: &Process| {
            process.id.as_bytes() == target.to_bytes() && process.is_alive() && process.phase != Phase::Failed
        };
        self.processes.iter().position(|process| process.as_deref().is_some_and(is_it)).ok_or(Errno::ESRCH)
    }

    fn attach(&mut self, from: usize, place: usize, stdin: bool) -> Result<()> {
        if !self.process(place).is_some_and(|process| process.is_running()) {
            return Err(Errno::ESRCH);
        }
        let (log_inode, log_offset) = match &mut self.log {
            Some(log) if place == INIT => log.position(time::now()),
            _ => (0, 0),
        };
        let connection = self.connection(from).ok_or(Errno::EBADF)?;
        if connection.watches.is_some_and(|watched| watched != place) || connection.attached {
            return Err(Errno::EALREADY);
        }
        connection.watches = Some(place);
        connection.sends_stdin |= stdin;
        // The answer is on its way before any output is.
        self.reply(from, &Frame::Attached { log_inode, log_offset });
        if let Some(connection) = self.connection(from) {
            connection.attached = true;
        }
        Ok(())
    }

    fn subscribe(&mut self, from: usize, target: &CStr) -> Result<()> {
        let place = self.find(target)?;
        let pid = self.process(place).ok_or(Errno::ESRCH)?.pid;
        let connection = self.connection(from).ok_or(Errno::EBADF)?;
        if connection.watches.is_some_and(|watched| watched != place) {
            return Err(Errno::EALREADY);
        }
        connection.watches = Some(place);
        self.reply(from, &Frame::State { pid });
        Ok(())
    }

    fn signal(&mut self, from: usize, target: &CStr, signal: u32) -> Result<()> {
        let place = self.find(target)?;
        let process = self.process(place).ok_or(Errno::ESRCH)?;
        process::signal(&process.pidfd, signal)?;
        self.reply(from, &Frame::Done);
        Ok(())
    }

    fn resize(&mut self, from: usize, target: &CStr, rows: u16, cols: u16) -> Result<()> {
        let place = self.find(target)?;
        let terminal = self.process(place).and_then(|process| process.terminal.as_ref()).ok_or(Errno::ENOTTY)?;
        tty::resize(terminal, rows, cols)?;
        self.reply(from, &Frame::Done);
        Ok(())
    }

    fn close_stdin(&mut self, from: usize) {
        match self.connection(from).map(|connection| (connection.sends_stdin, connection.watches)) {
            Some((true, Some(place))) => {
                if let Some(process) = self.process_mut(place) {
                    process.stdin.close();
                }
            }
            // The process has ended meanwhile.
            Some((false, None)) => {}
            _ => self.break_off(from),
        }
    }
}
