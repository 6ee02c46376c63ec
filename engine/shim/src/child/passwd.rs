//! `/etc/passwd` and `/etc/group` of an image, which may be missing, huge or nonsense.

use crate::sys::map::Buffer;
use crate::sys::{Errno, Result};
use crate::text::parse_u32;

/// No more than this is read of a file.
const MAX_FILE: usize = 16 << 20;
/// A longer line is skipped.
const MAX_LINE: usize = 64 << 10;

/// A line of `/etc/passwd`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PasswdLine<'l> {
    /// Login name.
    pub name: &'l [u8],
    /// User id.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// Home directory.
    pub home: &'l [u8],
}

/// A line of `/etc/group`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GroupLine<'l> {
    /// Group name.
    pub name: &'l [u8],
    /// Group id.
    pub gid: u32,
    /// Members, comma-separated.
    members: &'l [u8],
}

impl<'l> PasswdLine<'l> {
    /// A line without a numeric user id is no entry: read as 0 it would be root.
    pub(crate) fn parse(line: &'l [u8]) -> Option<Self> {
        let mut fields = line.split(|b| *b == b':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let _password = fields.next()?;
        let uid = parse_u32(fields.next()?)?;
        let gid = fields.next().and_then(parse_u32)?;
        let _comment = fields.next();
        Some(Self { name, uid, gid, home: fields.next().unwrap_or_default() })
    }
}

impl<'l> GroupLine<'l> {
    /// A line without a numeric group id is no entry.
    pub(crate) fn parse(line: &'l [u8]) -> Option<Self> {
        let mut fields = line.split(|b| *b == b':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let _password = fields.next()?;
        let gid = parse_u32(fields.next()?)?;
        Some(Self { name, gid, members: fields.next().unwrap_or_default() })
    }

    /// Whether it lists this user.
    pub(crate) fn has_member(&self, user: &[u8]) -> bool {
        self.members.split(|b| *b == b',').any(|member| member.trim_ascii() == user)
    }
}

/// Calls `each` with every line, until it returns false. `read` gives the file's next bytes.
pub(crate) fn for_each_line(
    mut read: impl FnMut(&mut [u8]) -> Result<usize>,
    mut each: impl FnMut(&[u8]) -> bool,
) -> Result<()> {
    let mut buffer = Buffer::new(MAX_LINE)?;
    let (mut held, mut total, mut skipping) = (0, 0, false);
    loop {
        let free = buffer.get_mut(held..).ok_or(Errno::EIO)?;
        let got = read(free)?;
        total += got;
        if total > MAX_FILE {
            return Err(Errno::E2BIG);
        }
        let filled = held + got;
        let bytes = buffer.get(..filled).ok_or(Errno::EIO)?;
        let mut start = 0;
        while let Some(length) = bytes.get(start..).and_then(|rest| rest.iter().position(|b| *b == b'\n')) {
            let line = bytes.get(start..start + length).unwrap_or_default();
            start += length + 1;
            if !core::mem::take(&mut skipping) && !each(line) {
                return Ok(());
            }
        }
        if got == 0 {
            let line = bytes.get(start..).unwrap_or_default();
            if !line.is_empty() && !skipping {
                each(line);
            }
            return Ok(());
        }
        buffer.copy_within(start..filled, 0);
        held = filled - start;
        if held == MAX_LINE {
            skipping = true;
            held = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8], step: usize) -> Vec<Vec<u8>> {
        let mut rest = text;
        let mut seen = Vec::new();
        let read = |buffer: &mut [u8]| {
            let length = rest.len().min(step).min(buffer.len());
            let (now, later) = rest.split_at(length);
            buffer[..length].copy_from_slice(now);
            rest = later;
            Ok(length)
        };
        for_each_line(read, |line| {
            seen.push(line.to_vec());
            true
        })
        .unwrap();
        seen
    }

    #[test]
    fn lines_come_whole_however_they_are_read() {
        let text = b"root:x:0:0:root:/root:/bin/sh\n\nnobody:x:65534:65534\nlast";
        let expected: Vec<Vec<u8>> = text.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
        for step in [1, 3, 4096] {
            assert_eq!(lines(text, step), expected, "read by {step}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_and_the_next_one_is_not() {
        let mut text = vec![b'a'; MAX_LINE * 2 + 5];
        text.extend_from_slice(b"\nnext\n");
        assert_eq!(lines(&text, 10_000), [b"next".to_vec()]);
    }

    #[test]
    fn a_file_without_end_is_refused() {
        let endless = |buffer: &mut [u8]| {
            buffer.fill(b'\n');
            Ok(buffer.len())
        };
        assert_eq!(for_each_line(endless, |_| true), Err(Errno::E2BIG));
    }

    #[test]
    fn entries_need_their_numbers() {
        let entry = PasswdLine::parse(b"www-data:x:33:34:www:/var/www:/usr/sbin/nologin").unwrap();
        assert_eq!((entry.uid, entry.gid, entry.home), (33, 34, &b"/var/www"[..]));
        assert_eq!(PasswdLine::parse(b"short:x:1:2").unwrap().home, b"");
        for bad in ["", ":x:0:0", "a:x:", "a:x:-1:0", "a:x:zero:0", "a:x:1", "a:x:4294967296:1"] {
            assert_eq!(PasswdLine::parse(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn membership_is_by_whole_name() {
        let group = GroupLine::parse(b"adm:x:4:syslog, bob").unwrap();
        assert!(group.has_member(b"bob") && group.has_member(b"syslog"));
        assert!(!group.has_member(b"bo") && !group.has_member(b""));
        assert_eq!(GroupLine::parse(b"adm:x"), None);
    }
}
