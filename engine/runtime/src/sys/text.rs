//! Program text in memory.

use nix::libc::{MADV_DONTNEED, madvise};
use std::ops::Range;

/// Takes the code of the program and its libraries out of this process. It stays in the host's page cache, and comes back page
/// by page when it is run.
pub(crate) fn unmap() {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    for range in code(&maps) {
        let start = std::ptr::with_exposed_provenance_mut(range.start);
        // SAFETY: a private mapping of a file that nobody has written to (it is not writable, and nothing here makes it so)
        // reads the same again, madvise(2). A refusal leaves it as it is.
        let _ = unsafe { madvise(start, range.len(), MADV_DONTNEED) };
    }
}

/// Where programs and libraries have their code: `start-end r-xp offset device inode path`, proc_pid_maps(5).
fn code(maps: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    maps.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let (range, permissions, path) = (words.next()?, words.next()?, words.nth(3)?);
        let (start, end) = range.split_once('-')?;
        let address = |text: &str| usize::from_str_radix(text, 16).ok();
        (permissions == "r-xp" && path.starts_with('/')).then_some(address(start)?..address(end)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_what_is_executable_and_of_a_file() {
        let maps = "00001000-00003000 r-xp 00000000 fe:00 77   /usr/bin/hulld\n\
                    00003000-00004000 r--p 00002000 fe:00 77   /usr/bin/hulld\n\
                    00004000-00005000 r-xp 00000000 00:00 0    [vdso]\n\
                    00005000-00006000 r-xp 00000000 00:00 0\n";
        let mut found = code(maps);
        assert_eq!((found.next(), found.next()), (Some(0x1000..0x3000), None));
    }
}
