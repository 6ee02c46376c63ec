//! Starting a process: the container's init by the first frame, execs later.

use crate::failure::{At, Failure, Outcome};
use crate::log::Log;
use crate::process::{INIT, Phase, Process};
use crate::relay::Relay;
use crate::shim::{Shim, Token};
use crate::spawn::{self, Prepared, Spawned};
use crate::stdin::Stdin;
use crate::sys::map::Page;
use crate::sys::poll::{READABLE, would_block};
use crate::sys::process::{self as sys, ns};
use crate::sys::{AsFd, Errno, fd, net, time};
use crate::text::Text;
use hull_plan::frame::kind;
use hull_plan::{Frame, FrameHeader, StepKind, Steps};

impl Shim {
    /// Carries out a plan for the process at `place`; `starter` will hear whether it worked.
    pub(crate) fn start(&mut self, place: usize, id: Text<128>, plan: &[u8], starter: usize) {
        if let Err(failure) = self.try_start(place, id, plan, starter) {
            let Failure { step, errno, object } = failure;
            self.reply(starter, &Frame::Failed { step, errno: errno.0, object });
            if place == INIT {
                self.give_up();
            }
        }
    }

    fn try_start<'p>(&mut self, place: usize, id: Text<128>, plan: &'p [u8], starter: usize) -> Outcome<'p> {
        let steps = spawn::check(plan).map_err(|_| Errno::EPROTO).at(StepKind::Plan, "plan")?;
        let mut prepared = Prepared::read(&steps)?;
        if place == INIT {
            self.root = prepared.root;
            self.prepare_container(&prepared)?;
        } else {
            prepared.root = self.root;
            self.enter_pid_namespace(&prepared)?;
        }
        let text = |path: Option<&'p core::ffi::CStr>| Text::copy(path.unwrap_or_default().to_bytes());
        let oom_file: Text<1024> = text(prepared.oom_file).at(StepKind::Prepare, "oom file")?;
        let oom_before = crate::exit::oom_kills(oom_file.as_c_str());
        let exit_record = text(prepared.exit_record).at(StepKind::Prepare, "exit record")?;

        let spawned = self.spawn(&prepared, &steps)?;
        let Spawned { pid, pidfd, status, stdin, outputs } = spawned;
        let process = Process {
            id,
            pid,
            pidfd,
            phase: Phase::Starting,
            starter: Some(starter),
            status: Some(status),
            outputs,
            terminal: None,
            stdin: Stdin::new(stdin, prepared.stdin_once, prepared.terminal),
            relay: (place != INIT || self.log.is_none()).then(Relay::default),
            exit_record,
            oom_file,
            oom_before,
            started_at: time::now(),
        };
        let process = Page::new(process).at(StepKind::Prepare, "memory")?;
        let poll = &self.poll;
        let register = |fd: &crate::sys::OwnedFd, token: Token| {
            poll.add(fd, READABLE, token.into()).at(StepKind::Prepare, "epoll")
        };
        if let Some(status) = &process.status {
            register(status, Token::Status(place))?;
        }
        for (number, output) in process.outputs.iter().enumerate() {
            if let Some(output) = output {
                register(output, Token::Output(place, number))?;
            }
        }
        // Until now an error ended the child: it was still waiting, and its status socket closed.
        if let Some(status) = &process.status {
            net::send_message(status, b"g", None).at(StepKind::Prepare, "status")?;
        }
        if let Some(slot) = self.processes.get_mut(place) {
            *slot = Some(process);
        }
        if let Some(connection) = self.connection(starter) {
            connection.watches = Some(place);
            connection.attached = place != INIT || prepared.attach_on_start;
            connection.sends_stdin = connection.attached;
        }
        Ok(())
    }

    fn spawn<'p>(&self, prepared: &Prepared<'p>, steps: &Steps<'p>) -> Outcome<'p, Spawned> {
        let init = self.process(INIT).map(|init| init.pidfd.fd());
        prepared.spawn(steps, init)
    }

    /// What only the container's own plan asks for.
    fn prepare_container<'p>(&mut self, prepared: &Prepared<'p>) -> Outcome<'p> {
        if let Some(setup) = &prepared.log {
            self.log = Some(Log::open(setup).at(StepKind::Prepare, setup.path)?);
        }
        if let Some(path) = prepared.control_socket {
            self.listen(path).at(StepKind::Prepare, path)?;
        }
        Ok(())
    }

    /// A PID namespace is for children: joined once, so that every exec is one clone.
    fn enter_pid_namespace<'p>(&mut self, prepared: &Prepared<'p>) -> Outcome<'p> {
        if prepared.join_init & ns::PID == 0 || self.in_pid_namespace {
            return Ok(());
        }
        let init = self.process(INIT).map(|init| init.pidfd.fd()).ok_or(Errno::ESRCH);
        init.and_then(|init| sys::join(init, ns::PID)).at(StepKind::Namespace, "pid")?;
        self.in_pid_namespace = true;
        Ok(())
    }

    /// Something came from a child that has not become its payload yet, or its `execve` closed the socket.
    pub(crate) fn on_status(&mut self, place: usize) {
        let mut message = [0u8; 2048];
        loop {
            let Some(status) = self.process(place).and_then(|process| process.status.as_ref()) else { return };
            match net::receive_message(status, &mut message, false) {
                Ok((0, None)) => return self.on_status_end(place),
                Ok((_, Some(terminal))) => self.take_terminal(place, terminal),
                Ok((length, None)) => self.on_failed(place, message.get(..length).unwrap_or_default()),
                Err(errno) if would_block(errno) => return,
                Err(_) => return self.on_status_end(place),
            }
        }
    }

    fn on_status_end(&mut self, place: usize) {
        let poll = &self.poll;
        let Some(process) = self.processes.get_mut(place).and_then(Option::as_mut) else { return };
        if let Some(status) = process.status.take() {
            let _ = poll.remove(&status);
        }
        if process.phase != Phase::Starting {
            return;
        }
        process.phase = Phase::Running;
        let pid = process.pid;
        if let Some(starter) = process.starter.take() {
            self.reply(starter, &Frame::Started { pid });
        }
    }

    /// The child sent a `Failed` frame, which goes to whoever asked as it is; it will end by itself.
    fn on_failed(&mut self, place: usize, message: &[u8]) {
        let Some(process) = self.processes.get_mut(place).and_then(Option::as_mut) else { return };
        process.phase = Phase::Failed;
        let starter = process.starter.take();
        let frame = message.split_first_chunk().and_then(|(header, payload)| {
            let header = FrameHeader::from_bytes(*header).ok().filter(|header| header.kind == kind::FAILED)?;
            Frame::decode(&header, payload).ok()
        });
        let garbled = Frame::Failed { step: StepKind::Prepare, errno: Errno::EPROTO.0, object: b"status" };
        if let Some(starter) = starter {
            self.reply(starter, &frame.unwrap_or(garbled));
        }
    }

    fn take_terminal(&mut self, place: usize, terminal: crate::sys::OwnedFd) {
        let poll = &self.poll;
        let Some(process) = self.processes.get_mut(place).and_then(Option::as_mut) else { return };
        let _ = fd::set_nonblocking(&terminal);
        let _ = poll.add(&terminal, READABLE, Token::Terminal(place).into());
        // A second descriptor, so that waiting to write to it is apart from waiting to read.
        if process.stdin.wanted {
            process.stdin.fd = fd::duplicate(&terminal, 3).ok();
        }
        process.terminal = Some(terminal);
    }
}
