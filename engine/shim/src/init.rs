//! The other role: a small init, PID 1 of a container that was asked for with `--init`.
//!
//! Most programs are no init: they reap only children that they know, and PID 1 gets no signal that it has no handler for. So this
//! runs the program as a child, hands signals on to it, reaps whoever is orphaned, and ends as it ends.
//!
//! ```text
//!  child of the shim --execveat(own program)--> hull-init --fork--> payload
//!        walls are raised already                  | 3: the status socket, which the payload's execve closes
//!                                                  +-- signals --> payload;  SIGCHLD --> reap
//! ```
//! It is a program of its own rather than the shim's child going on, so that nothing of the shim's memory is in the container, and
//! its command line says what it is. Signals stay blocked from the clone on: none is lost on the way.

use crate::sys::launch::Launch;
use crate::sys::{Errno, OwnedFd, STDIN, fd, identity, net, process, signal, tty};
use core::ffi::CStr;
use hull_plan::{Frame, StepKind};

/// What it is called: the first of its arguments. Then come the program's path, [`MARK`], and the program's own arguments.
pub(crate) const NAME: &CStr = c"hull-init";
/// Before the program's own arguments.
pub(crate) const MARK: &CStr = c"--";
/// Arguments that are not the program's.
pub(crate) const OWN_ARGUMENTS: usize = 3;
/// The descriptor on which a failure is told.
pub(crate) const STATUS: i32 = 3;

/// The exit code of an engine that could not do what it was asked.
const FAILED: u8 = 125;

pub(crate) fn run(launch: &Launch) -> ! {
    let _ = signal::block_all();
    let _ = identity::set_name(NAME);
    if process::own_pid() != 1 {
        // In somebody else's PID namespace orphans would go to its PID 1.
        let _ = identity::become_subreaper();
    }
    let status = launch.take_descriptor(STATUS);
    match process::fork() {
        Ok(None) => become_payload(launch, &status),
        Ok(Some(child)) => {
            // The payload's execve is to be the end of it.
            drop(status);
            serve(child)
        }
        Err(errno) => fail(&status, StepKind::Clone, errno, NAME),
    }
}

fn become_payload(launch: &Launch, status: &OwnedFd) -> ! {
    let _ = fd::close_at_exec(status);
    // Its own group, and the terminal's if there is one: a shell's job control then works as if it were alone.
    if process::new_group().is_ok() {
        let _ = tty::set_foreground(STDIN, process::own_pid());
    }
    let command = launch.argument(OWN_ARGUMENTS).unwrap_or_default();
    let errno = match launch.argument(1) {
        Some(path) => match crate::sys::poll::unblock_signals() {
            Ok(()) => launch.execute(path, OWN_ARGUMENTS),
            Err(errno) => errno,
        },
        None => Errno::EINVAL,
    };
    fail(status, StepKind::Exec, errno, command)
}

fn fail(status: &OwnedFd, step: StepKind, errno: Errno, object: &CStr) -> ! {
    let mut message = [0u8; 2048];
    let frame = Frame::Failed { step, errno: errno.0, object: object.to_bytes() };
    if let Some(length) = frame.encode(&mut message) {
        let _ = net::send_message(status, message.get(..length).unwrap_or_default(), None);
    }
    process::exit(FAILED)
}

/// Until the payload ends. When PID 1 ends the kernel ends all others of its namespace.
fn serve(payload: u32) -> ! {
    loop {
        match signal::wait() {
            Ok(signal::CHLD) => {
                while let Some(ended) = process::reap() {
                    if ended.pid == payload {
                        process::exit(ended.code);
                    }
                }
            }
            // They are about this process and the terminal, and the payload has that.
            Ok(signal::TTIN | signal::TTOU) | Err(Errno::EINTR) => {}
            Ok(other) => {
                // It may have ended just now; SIGCHLD is next then.
                let _ = signal::send(payload, other);
            }
            // A seccomp profile that forbids waiting for signals.
            Err(_) => process::exit(FAILED),
        }
    }
}
