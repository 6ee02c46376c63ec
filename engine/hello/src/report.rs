//! The report: one aligned line for each thing that a container has of its own.

use crate::identity::{Status, namespaces, processes};
use crate::limits::limits;
use crate::mounts::mounts;
use std::fmt::Write;

/// Columns before the values.
const LABEL: usize = 15;
/// Where long lists wrap.
const WIDTH: usize = 96;
/// A container has some twenty mounts; these many tell what matters.
const MOST_MOUNTS: usize = 12;

/// All of it.
pub(crate) fn report() -> String {
    let status = Status::read();
    let mut text = "\n  Hello from a Hull container. This is what it sees:\n\n".to_owned();
    let mut line = |label: &str, words: &[String]| wrapped(&mut text, label, words);

    let hostname = nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let seen = processes();
    let others = if seen == 1 { "alone in /proc".to_owned() } else { format!("{seen} processes in /proc") };
    line("process", &[format!("PID {},", std::process::id()), others]);
    line("hostname", &[hostname]);
    line("user", &[status.user()]);
    let inodes: Vec<String> = namespaces().into_iter().map(|(name, inode)| format!("{name}:{inode}")).collect();
    line("namespaces", &inodes);
    let capabilities = status.capabilities();
    let none = ["none".to_owned()];
    line("capabilities", if capabilities.is_empty() { &none } else { &capabilities });
    line("seccomp", &[status.seccomp()]);

    let limits = limits();
    let hidden = || "no cgroup file to be seen here".to_owned();
    for (label, limit) in [("CPU limit", limits.cpu), ("memory limit", limits.memory), ("process limit", limits.pids)] {
        line(label, &[limit.unwrap_or_else(hidden)]);
    }

    let mounts = mounts();
    let (telling, rest): (Vec<_>, Vec<_>) = mounts.iter().partition(|mount| mount.is_telling());
    line("mounts", &[format!("{}, {} of them below /proc and /sys; the others:", mounts.len(), rest.len())]);
    let shown = || telling.iter().take(MOST_MOUNTS);
    let widest = shown().map(|mount| mount.target.len()).max().unwrap_or(0).min(40);
    for mount in shown() {
        let access = if mount.read_only { "read-only" } else { "" };
        line("", &[format!("{:widest$}  {:8} {access}", mount.target, mount.kind).trim_end().to_owned()]);
    }
    if telling.len() > MOST_MOUNTS {
        line("", &[format!("and {} more", telling.len() - MOST_MOUNTS)]);
    }
    text += "\n  Try:  hull run --cpus=.5 --memory=100m --pids-limit=32 hull/hello\n\
             \u{20}       hull run -d --name busy --cpus=.5 hull/hello /hello spin 2   then: hull pids busy\n\n";
    text
}

/// A label and words, in as many lines as they take.
fn wrapped(text: &mut String, label: &str, words: &[String]) {
    let mut column = 0;
    for word in words {
        if column == 0 || column + 1 + word.len() > WIDTH {
            let label = if column == 0 { label } else { "" };
            let newline = if column == 0 { "" } else { "\n" };
            let _ = write!(text, "{newline}  {label:LABEL$}{word}");
            column = 2 + LABEL + word.len();
        } else {
            let _ = write!(text, " {word}");
            column += 1 + word.len();
        }
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_wrap_under_their_first_word() {
        let words: Vec<String> = (0..40).map(|n| format!("word{n}")).collect();
        let mut text = String::new();
        wrapped(&mut text, "label", &words);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.len() > 2 && lines.iter().all(|line| line.len() <= WIDTH));
        assert!(lines[0].starts_with("  label          word0 "));
        assert!(lines[1..].iter().all(|line| line.starts_with(&format!("{:17}word", ""))));
    }

    #[test]
    fn the_report_has_every_section() {
        let report = report();
        for label in [
            "process",
            "hostname",
            "user",
            "namespaces",
            "capabilities",
            "seccomp",
            "CPU limit",
            "memory limit",
            "mounts",
        ] {
            assert!(report.contains(&format!("\n  {label}")), "{label} in {report}");
        }
    }
}
