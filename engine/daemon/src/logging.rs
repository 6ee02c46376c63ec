//! The daemon's own log: lines on stderr, for the service manager or the terminal.

use crate::config::LogLevel;
use std::io::IsTerminal;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::prelude::*;
use tracing_subscriber::reload;
use tracing_subscriber::{Registry, fmt};

/// Changes the level later.
pub type Handle = reload::Handle<LevelFilter, Registry>;

/// Starts to log. To be called once.
pub fn start(level: LogLevel) -> Handle {
    let (filter, handle) = reload::Layer::new(level.0);
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal()).with_target(false);
    // A second start (in tests) keeps the first one's subscriber.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
    handle
}

/// Changes the level.
///
/// # Errors
/// When logging has ended.
pub fn set(handle: &Handle, level: LogLevel) -> Result<(), reload::Error> {
    handle.reload(level.0)
}
