//! The JSON objects of pull, load and import, shown as they come in: bars on a terminal, lines otherwise.

use std::collections::HashMap;
use std::io::IsTerminal;

use hull_api::JsonMessage;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shows one stream of messages.
pub(crate) struct Progress {
    bars: MultiProgress,
    by_id: HashMap<String, ProgressBar>,
    fancy: bool,
    to_stderr: bool,
    last: HashMap<String, String>,
}

impl Progress {
    /// On standard output; on standard error where the output is for programs (`run`).
    pub(crate) fn new(to_stderr: bool) -> Self {
        let fancy = if to_stderr { std::io::stderr().is_terminal() } else { std::io::stdout().is_terminal() };
        let target = if to_stderr { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::stdout() };
        Self {
            bars: MultiProgress::with_draw_target(target),
            by_id: HashMap::new(),
            fancy,
            to_stderr,
            last: HashMap::new(),
        }
    }

    /// Shows one message; the text of an error that came in the stream is the result.
    pub(crate) fn show(&mut self, message: &JsonMessage) -> Result<(), String> {
        if !message.error.is_empty() {
            return Err(message.error.clone());
        }
        if let Some(detail) = message.error_detail.as_ref().filter(|d| !d.message.is_empty()) {
            return Err(detail.message.clone());
        }
        if !message.stream.is_empty() {
            self.line(message.stream.trim_end_matches('\n'));
        } else if message.id.is_empty() {
            if !message.status.is_empty() {
                self.line(&message.status);
            }
        } else if self.fancy {
            self.bar(message);
        } else if message.progress_detail.as_ref().is_none_or(|d| d.current == 0 && d.total == 0) {
            // Without a terminal each layer says each of its states once.
            let state = self.last.insert(message.id.clone(), message.status.clone());
            if state.as_ref() != Some(&message.status) {
                self.line(&format!("{}: {}", message.id, message.status));
            }
        }
        Ok(())
    }

    fn line(&self, text: &str) {
        if self.fancy {
            // A terminal that went away while it was drawn on is noticed at the next write of the command's own.
            let _ = self.bars.println(text);
        } else if self.to_stderr {
            eprintln!("{text}");
        } else {
            let _ = super::print_line(text);
        }
    }

    fn bar(&mut self, message: &JsonMessage) {
        let bars = &self.bars;
        let bar = self.by_id.entry(message.id.clone()).or_insert_with(|| {
            let bar = bars.add(ProgressBar::new(0));
            bar.set_prefix(message.id.clone());
            bar
        });
        let detail = message.progress_detail.clone().unwrap_or_default();
        if detail.total > 0 {
            bar.set_style(style("{prefix}: {msg} [{bar:40}] {bytes}/{total_bytes}"));
            bar.set_length(detail.total.unsigned_abs());
        } else if detail.current > 0 {
            bar.set_style(style("{prefix}: {msg} {bytes}"));
        } else {
            bar.set_style(style("{prefix}: {msg}"));
        }
        bar.set_position(detail.current.unsigned_abs());
        bar.set_message(message.status.clone());
    }

    /// Leaves the bars as they are.
    pub(crate) fn finish(self) {
        for bar in self.by_id.into_values() {
            bar.abandon();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are the literals above; should one be wrong, the plain bar serves.
    ProgressStyle::with_template(template)
        .map(|style| style.progress_chars("=> "))
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A bar for bytes that this side sends or receives. Hidden where standard error is no terminal.
pub(crate) fn transfer(total: Option<u64>, what: &str) -> ProgressBar {
    let bar = match total {
        Some(total) => {
            ProgressBar::new(total).with_style(style("{msg} [{bar:40}] {bytes}/{total_bytes} {bytes_per_sec}"))
        }
        None => ProgressBar::new_spinner().with_style(style("{msg} {bytes} {bytes_per_sec}")),
    };
    if std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::stderr());
    } else {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar.set_message(what.to_owned());
    bar
}
