//! The exit record: on disk, whole, before anybody hears of the exit.

use crate::sys::file::{self, flags};
use crate::sys::{CWD, Result, fd};
use crate::text::Text;
use core::ffi::CStr;
use core::fmt::Write;
use hull_plan::ExitRecord;

/// Writes the record beside its place and renames it there: a reader finds the whole record or none.
pub(crate) fn write_record(path: &CStr, record: &ExitRecord) -> Result<()> {
    let mut json = Text::<{ ExitRecord::MAX_JSON + 1 }>::new();
    // It always fits, by the constant's promise; a cut record would be worse than none.
    write!(json, "{record}").map_err(|_| crate::sys::Errno::ENAMETOOLONG)?;
    let mut beside = Text::<1030>::copy(path.to_bytes())?;
    beside.push(b".new")?;
    let new = file::open(CWD, beside.as_c_str(), flags::WRONLY | flags::CREAT | flags::TRUNC, 0o600)?;
    fd::write_all(&new, json.as_bytes())?;
    file::rename(beside.as_c_str(), path)
}

/// How many processes of the cgroup the kernel has killed for want of memory: the `oom_kill` line of v1's
/// `memory.oom_control` or v2's `memory.events`. 0 if it cannot be told.
pub(crate) fn oom_kills(path: &CStr) -> u64 {
    if path.is_empty() {
        return 0;
    }
    let mut buffer = [0u8; 512];
    let mut read = || fd::read(file::open(CWD, path, flags::RDONLY, 0)?, &mut buffer);
    let length = read().unwrap_or(0);
    parse_oom_kills(buffer.get(..length).unwrap_or_default())
}

fn parse_oom_kills(text: &[u8]) -> u64 {
    let mut lines = text.split(|b| *b == b'\n');
    let number = lines.find_map(|line| line.strip_prefix(b"oom_kill ")).unwrap_or_default();
    core::str::from_utf8(number).ok().and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_in_both_hierarchies() {
        assert_eq!(parse_oom_kills(b"oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"), 3);
        assert_eq!(parse_oom_kills(b"low 0\nhigh 0\nmax 5\noom 1\noom_kill 1\noom_group_kill 0\n"), 1);
        assert_eq!(parse_oom_kills(b"oom_kill_disable 7\n"), 0);
        assert_eq!(parse_oom_kills(b""), 0);
    }

    #[test]
    fn a_record_replaces_what_was_there() {
        let path = std::env::temp_dir().join(format!("hull-record-{}.json", std::process::id()));
        std::fs::write(&path, "old").unwrap();
        let c_path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
        let most = ExitRecord {
            pid: u32::MAX,
            code: u8::MAX,
            signal: u8::MAX,
            oom_killed: false,
            started_at: u64::MAX,
            finished_at: u64::MAX,
        };
        write_record(&c_path, &most).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(json["started_at"], u64::MAX);
        assert_eq!(json["code"], 255);
        assert_eq!(json["oom_killed"], false);
    }
}
