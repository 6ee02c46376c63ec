//! Work for the demonstration of limits.

use nix::sys::signal::{SigSet, Signal};
use std::io::Write;
use std::process::ExitCode;

/// Keeps `threads` threads busy until somebody asks for an end.
pub(crate) fn spin(threads: u32) -> ExitCode {
    let signals = block();
    for number in 1..=threads {
        let name = format!("spin-{number}");
        let busy = || {
            loop {
                std::hint::spin_loop();
            }
        };
        if let Err(error) = std::thread::Builder::new().name(name).spawn(busy) {
            eprintln!("hello: thread {number}: {error}");
            return ExitCode::FAILURE;
        }
    }
    say(&format!("{threads} busy threads"));
    wait(&signals)
}

/// Fills `size` MiB, so that they are really there, and keeps them.
pub(crate) fn alloc(size: usize) -> ExitCode {
    let signals = block();
    let mut pages: Vec<Vec<u8>> = Vec::new();
    for _ in 0..size {
        pages.push(std::hint::black_box(vec![0xa5; 1 << 20]));
    }
    say(&format!("holding {} MiB", pages.len()));
    let code = wait(&signals);
    drop(pages);
    code
}

/// The first process of a PID namespace ignores every signal that it has not asked for, so it asks: blocked here, before
/// there are threads, and taken in [`wait`].
fn block() -> SigSet {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGINT);
    if let Err(error) = signals.thread_block() {
        eprintln!("hello: block signals: {error}");
    }
    signals
}

fn wait(signals: &SigSet) -> ExitCode {
    match signals.wait() {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hello: wait for a signal: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A reader that went away is no reason to stop.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
