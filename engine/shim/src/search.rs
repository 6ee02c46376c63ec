//! Which file a command is: the search in `PATH`.

use crate::sys::{Errno, Result};
use crate::text::Text;
use core::ffi::CStr;

/// Where to look if the environment has no `PATH`, as Docker.
pub(crate) const DEFAULT_PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What is at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// A file that may be executed.
    Program,
    /// No file.
    Nothing,
    /// Something else: no permission, a directory.
    Unusable(Errno),
}

/// The command's path. One with a slash is taken as it is. Otherwise the first usable candidate counts; if there is none,
/// the first thing that was in the way is the reason, and else that nothing was there.
pub(crate) fn find(command: &[u8], path: &[u8], mut probe: impl FnMut(&CStr) -> Found) -> Result<Text<4097>> {
    if command.is_empty() {
        return Err(Errno::ENOENT);
    }
    if command.contains(&b'/') {
        let given = Text::copy(command)?;
        return match probe(given.as_c_str()) {
            Found::Program => Ok(given),
            Found::Nothing => Err(Errno::ENOENT),
            Found::Unusable(errno) => Err(errno),
        };
    }
    let mut reason = Errno::ENOENT;
    for directory in path.split(|b| *b == b':') {
        // An empty entry means the working directory, by old custom.
        let mut candidate = Text::copy(if directory.is_empty() { b"." } else { directory })?;
        candidate.push(b"/")?;
        candidate.push(command)?;
        match probe(candidate.as_c_str()) {
            Found::Program => return Ok(candidate),
            // A directory of the command's name is not what was meant, as for execvp(3).
            Found::Nothing | Found::Unusable(Errno::EISDIR) => {}
            Found::Unusable(errno) if reason == Errno::ENOENT => reason = errno,
            Found::Unusable(_) => {}
        }
    }
    Err(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(candidate: &CStr) -> Found {
        match candidate.to_bytes() {
            b"/bin/sh" | b"./here" | b"/opt/x" => Found::Program,
            b"/bin" => Found::Unusable(Errno::EISDIR),
            b"/sbin/secret" | b"/sbin/sh" => Found::Unusable(Errno::EACCES),
            _ => Found::Nothing,
        }
    }

    fn found(command: &str, path: &str) -> Result<String> {
        find(command.as_bytes(), path.as_bytes(), probe)
            .map(|text| String::from_utf8(text.as_bytes().to_vec()).unwrap())
    }

    #[test]
    fn the_first_usable_candidate_wins() {
        assert_eq!(found("sh", "/sbin:/bin").unwrap(), "/bin/sh");
        assert_eq!(found("here", "/bin:").unwrap(), "./here");
        assert_eq!(found("/opt/x", "").unwrap(), "/opt/x");
    }

    #[test]
    fn the_reason_tells_missing_from_forbidden() {
        assert_eq!(found("nosuch", "/sbin:/bin"), Err(Errno::ENOENT));
        assert_eq!(found("secret", "/sbin:/bin"), Err(Errno::EACCES));
        assert_eq!(found("/bin", "/bin"), Err(Errno::EISDIR));
        assert_eq!(found("bin", "/"), Err(Errno::ENOENT));
        assert_eq!(found("", "/bin"), Err(Errno::ENOENT));
    }
}
