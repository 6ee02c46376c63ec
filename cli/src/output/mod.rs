//! What the user sees: tables, templates, progress.
//!
//! A list is rows (maps of field to value) and a [`format::List`] that says how they are shown by default; each
//! command builds its rows, everything else is here.

pub(crate) mod format;
pub(crate) mod json;
pub(crate) mod progress;
pub(crate) mod table;
pub(crate) mod template;
pub(crate) mod time;
pub(crate) mod units;

use std::io::Write;

/// Writes to standard output; the reader may be gone, which `main` treats as the end and not as an error.
pub(crate) fn print(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// [`print`] with a line feed.
pub(crate) fn print_line(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}
