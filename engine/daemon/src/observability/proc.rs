//! What `/proc` says about a process: the fallback where eBPF does not watch, and the truth about what changes after the
//! fork (parent, name, command line).

use std::fs;
use std::os::unix::fs::MetadataExt;

/// The fields of `/proc/PID/stat` that Hull reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) comm: String,
    pub(super) state: char,
    pub(super) ppid: u32,
    /// In clock ticks since boot.
    pub(super) start_ticks: u64,
}

/// Nanoseconds of a clock tick: `USER_HZ` is 100 on every Linux.
const NANOSECONDS_PER_TICK: u64 = 10_000_000;

impl Stat {
    pub(super) fn read(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        // The name stands in parentheses and may hold any of these characters itself: the last one counts.
        let (open, close) = (text.find('(')?, text.rfind(')')?);
        let comm = text.get(open + 1..close)?.to_owned();
        let mut fields = text.get(close + 1..)?.split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        let ppid = fields.next()?.parse().ok()?;
        // Field 22 of the file; the state is field 3.
        let start_ticks = fields.nth(22 - 5)?.parse().ok()?;
        Some(Self { comm, state, ppid, start_ticks })
    }

    pub(super) fn start_ns(&self) -> u64 {
        self.start_ticks.saturating_mul(NANOSECONDS_PER_TICK)
    }
}

/// The process's number in each PID namespace, outermost first.
pub(super) fn ns_pids(pid: u32) -> Option<Vec<u32>> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    line.split_ascii_whitespace().map(|word| word.parse().ok()).collect()
}

/// Inode of its PID namespace.
pub(super) fn pidns(pid: u32) -> Option<u64> {
    Some(fs::metadata(format!("/proc/{pid}/ns/pid")).ok()?.ino())
}

/// The command line with blanks between arguments.
pub(super) fn command_line(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    text.trim_end_matches('\0').replace('\0', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_blanks_is_one_field() {
        let text = "42 (a) b (c) S 7 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 12345 0 0\n";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.comm.as_str(), stat.state, stat.ppid), ("a) b (c", 'S', 7));
        assert_eq!(stat.start_ns(), 123_450_000_000);
        assert_eq!(Stat::parse("42 (x"), None);
    }

    #[test]
    fn this_process_is_seen() {
        let pid = std::process::id();
        assert_eq!(Stat::read(pid).unwrap().ppid, std::os::unix::process::parent_id());
        assert!(ns_pids(pid).unwrap().contains(&pid));
        assert!(pidns(pid).is_some());
        assert!(!command_line(pid).is_empty());
    }
}
