//! Short strings in fixed buffers.

use crate::sys::{Errno, Result};
use core::ffi::CStr;
use core::fmt;

/// A string of fewer than `N` bytes, with a NUL after it.
#[derive(Clone, Copy)]
pub(crate) struct Text<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Text<N> {
    /// Empty.
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; N], length: 0 }
    }

    /// A copy of these bytes; `ENAMETOOLONG` if they don't fit, `EINVAL` if there is a NUL among them.
    pub(crate) fn copy(bytes: &[u8]) -> Result<Self> {
        let mut text = Self::new();
        text.push(bytes)?;
        Ok(text)
    }

    /// Appends bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.contains(&0) {
            return Err(Errno::EINVAL);
        }
        let end = self.length + bytes.len();
        // The byte after the end stays NUL.
        let slot = self.bytes.get_mut(self.length..end).filter(|_| end < N).ok_or(Errno::ENAMETOOLONG)?;
        slot.copy_from_slice(bytes);
        self.length = end;
        Ok(())
    }

    /// Cuts it back.
    pub(crate) fn truncate(&mut self, length: usize) {
        if let Some(cut) = self.bytes.get_mut(length..self.length) {
            cut.fill(0);
            self.length = length;
        }
    }

    /// The bytes without the NUL.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// As a string for system calls.
    pub(crate) fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or_default()
    }

    /// Nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// What does not fit is an error, and leaves the text as it was.
impl<const N: usize> fmt::Write for Text<N> {
    fn write_str(&mut self, string: &str) -> fmt::Result {
        self.push(string.as_bytes()).map_err(|_| fmt::Error)
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_c_str().fmt(f)
    }
}

/// A decimal number without sign, at most `u32::MAX`.
pub(crate) fn parse_u32(bytes: &[u8]) -> Option<u32> {
    core::str::from_utf8(bytes).ok().filter(|text| !text.starts_with('+'))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::fmt::Write;

    #[test]
    fn text_keeps_its_nul_and_refuses_what_does_not_fit() {
        let mut text = Text::<8>::copy(b"abc").unwrap();
        assert_eq!(text.push(b"12345"), Err(Errno::ENAMETOOLONG));
        assert_eq!(text.as_c_str(), c"abc");
        text.push(b"1234").unwrap();
        assert_eq!(text.as_c_str(), c"abc1234");
        text.truncate(2);
        write!(text, "{}", 7).unwrap();
        assert_eq!(text.as_bytes(), b"ab7");
        assert_eq!(Text::<8>::copy(b"a\0b").unwrap_err(), Errno::EINVAL);
    }

    #[test]
    fn numbers_are_plain_decimals() {
        assert_eq!(parse_u32(b"4294967295"), Some(u32::MAX));
        for bad in ["", "+1", "-1", "1a", "4294967296", " 1"] {
            assert_eq!(parse_u32(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
