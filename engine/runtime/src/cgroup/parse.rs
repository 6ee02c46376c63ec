//! Reading cgroup files.

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;

/// A cgroup's directory, held while its files are read: a scrape of many containers reads thousands of them, and so the
/// kernel looks up one name for each instead of six. One that is not there has no files.
#[derive(Debug)]
pub struct Directory(Option<OwnedFd>);

impl Directory {
    /// Opens it.
    pub fn open(path: &Path) -> Self {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Self(nix::fcntl::open(path, flags, Mode::empty()).ok())
    }

    /// The content of a control file, in as few system calls as can be.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn text(&self, file: &str) -> io::Result<String> {
        let directory = self.0.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let opened = nix::fcntl::openat(directory, file, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
        content(File::from(opened))
    }
}

fn content(mut file: File) -> io::Result<String> {
    let mut buffer = [0; 4096];
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
    content(File::open(path)?).map(|text| value(text.trim()))
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
            std::fs::write(directory.path().join("file"), &content).unwrap();
            assert_eq!(Directory::open(directory.path()).text("file").unwrap(), content);
        }
        assert!(Directory::open(directory.path()).text("none").is_err());
        assert!(Directory::open(&directory.path().join("none")).text("file").is_err());
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
