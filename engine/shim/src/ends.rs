//! Ends: who has ended, what is on disk of it, and who hears of it.

use crate::exit;
use crate::process::{INIT, Phase, Process};
use crate::shim::Shim;
use crate::sys::map::Page;
use crate::sys::process::{self as sys, Ended};
use crate::sys::{CWD, file, time};
use hull_plan::{ExitRecord, Frame};

impl Shim {
    pub(crate) fn on_end(&mut self, ended: Ended) {
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
        self.tell_watchers(place, record);
        if drained {
            self.tell(place);
        }
    }

    /// Tells those that get no output at once: a client that does not read must not hide the end from the daemon.
    fn tell_watchers(&mut self, place: usize, record: ExitRecord) {
        for connection in self.connections.iter_mut().flatten() {
            if connection.watches == Some(place) && !connection.attached {
                connection.send(&Frame::Exited { record });
                connection.let_go();
            }
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

    /// Tells everybody who waits for the end of a process, once its output is out.
    pub(crate) fn tell(&mut self, place: usize) {
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
