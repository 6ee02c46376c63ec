//! hull-shim: carries out a [Plan](hull_plan), then owns what a container needs of its parent.
//!
//! One process for each container, single-threaded, without a heap. It is started by `hulld` with a socket as stdin,
//! gets a plan, clones the container's init, and from then on waits in one loop: it writes the log, relays stdin and
//! the output of execs, answers requests on its control socket, reaps, and writes the exit record. It survives the
//! daemon.
//!
//! ```text
//!  start socket --+                      +-- stdout, stderr, terminal --> log | relay --> connections
//!  control socket +--> connection -------+-- stdin  <------------------------------------ connections
//!                      (frames)          +-- status: Started | Failed, from the child before its execve
//!                                        +-- SIGCHLD --> exit record --> Exited on every connection that asked
//! ```
//!
//! With `--init` the same program is also PID 1 of the container, under another name: see [`init`].
//!
//! [`sys`] has the system calls and all `unsafe`. Without the feature `freestanding` the crate is an ordinary library, so
//! that its logic is tested on the host.
#![cfg_attr(not(test), no_std)]

mod child;
mod connection;
mod ends;
mod exit;
mod failure;
mod init;
mod input;
mod log;
mod output;
mod process;
mod relay;
mod requests;
mod search;
mod serve;
mod shim;
mod spawn;
mod start;
mod stdin;
pub mod sys;
mod text;

/// The program. Its name says which of its two roles it has.
pub fn run(launch: &sys::launch::Launch) -> ! {
    if launch.argument(0) == Some(init::NAME) { init::run(launch) } else { sys::process::exit(shim::main()) }
}
