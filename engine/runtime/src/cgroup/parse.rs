//! Reading cgroup files.

use std::fs;
use std::io;
use std::path::Path;

/// A file that is one number; `max` is `u64::MAX`.
pub(crate) fn number(path: &Path) -> io::Result<u64> {
    fs::read_to_string(path).map(|text| value(text.trim()))
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
    fn keys_numbers_and_max() {
        let text = "populated 1\nfrozen 0\nhigh max\nbad x\n";
        assert_eq!(key(text, "populated"), Some(1));
        assert_eq!(key(text, "high"), Some(u64::MAX));
        assert_eq!(key(text, "bad"), Some(0));
        assert_eq!(key(text, "gone"), None);
    }
}
