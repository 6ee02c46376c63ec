//! Reading cgroup files.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The content of a control file, in as few system calls as can be: a scrape of many containers reads thousands of them.
///
/// # Errors
/// When it cannot be read.
pub fn text(path: &Path) -> io::Result<String> {
    let mut buffer = [0; 4096];
    let mut file = File::open(path)?;
    let length = file.read(&mut buffer)?;
    let mut text = String::from_utf8_lossy(&buffer[..length]).into_owned();
    // The kernel puts as many lines into a page as fit, and no line is near half a page: what is shorter is all of it.
    if length > buffer.len() / 2 {
        file.read_to_string(&mut text)?;
    }
    Ok(text)
}

/// A file that is one number; `max` is `u64::MAX`.
pub(crate) fn number(path: &Path) -> io::Result<u64> {
    text(path).map(|text| value(text.trim()))
}

/// One number, `max` or nonsense (then 0: a statistic is never worth an error).
pub(crate) fn value(text: &str) -> u64 {
    if text == "max" { u64::MAX } else { text.parse().unwrap_or(0) }
}

/// Lines of `key value`.
pub(crate) fn pairs(text: &str) -> impl Iterator<Item = (&str, u64)> {
    text.lines().filter_map(|line| line.split_once(' ')).map(|(key, number)| (key, value(number.trim())))
}

/// The value of one key among lines of `key value`.
pub(crate) fn key(text: &str, wanted: &str) -> Option<u64> {
    pairs(text).find(|(key, _)| *key == wanted).map(|(_, number)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_files_are_read_to_their_end() {
        let directory = tempfile::tempdir().unwrap();
        for lines in [0, 1, 300, 3000] {
            let content: String = (0..lines).map(|n| format!("key{n} {n}\n")).collect();
            let path = directory.path().join("file");
            std::fs::write(&path, &content).unwrap();
            assert_eq!(text(&path).unwrap(), content);
        }
        assert!(text(&directory.path().join("none")).is_err());
    }

    #[test]
    fn keys_numbers_and_max() {
        let text = "populated 1\nfrozen 0\nhigh max\nbad x\n";
        assert_eq!(key(text, "populated"), Some(1));
        assert_eq!(key(text, "high"), Some(u64::MAX));
        assert_eq!(key(text, "bad"), Some(0));
        assert_eq!(key(text, "gone"), None);
    }
}
