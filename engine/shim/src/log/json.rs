//! A string of JSON, escaped byte for byte as Docker's log writer does: `"` and `\` with a backslash, `\n` and `\r`,
//! other control characters, `<`, `>` and `&` as `\u00XX`, U+2028 and U+2029 as such, and each byte that is not UTF-8
//! as `\ufffd`.

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends to a buffer that is known to be long enough; what does not fit is dropped, never written elsewhere.
pub(super) struct Writer<'b> {
    out: &'b mut [u8],
    at: usize,
}

impl<'b> Writer<'b> {
    /// Starts at an offset.
    pub(super) fn new(out: &'b mut [u8], at: usize) -> Self {
        Self { out, at }
    }

    /// Where it stands.
    pub(super) fn end(self) -> usize {
        self.at
    }

    /// Appends bytes as they are.
    #[inline]
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        let end = self.at + bytes.len();
        if let Some(slot) = self.out.get_mut(self.at..end) {
            slot.copy_from_slice(bytes);
            self.at = end;
        }
    }

    /// Appends the inside of a JSON string.
    pub(super) fn escaped(&mut self, bytes: &[u8]) {
        // Validating all of it at once is several times faster than chunk by chunk, and output is mostly valid.
        if let Ok(valid) = core::str::from_utf8(bytes) {
            self.escaped_text(valid.as_bytes());
            return;
        }
        for chunk in bytes.utf8_chunks() {
            self.escaped_text(chunk.valid().as_bytes());
            for _ in chunk.invalid() {
                self.raw(b"\\ufffd");
            }
        }
    }

    /// The same for bytes that are UTF-8.
    fn escaped_text(&mut self, mut text: &[u8]) {
        loop {
            let (plain, rest) = text.split_at(plain_prefix(text));
            self.raw(plain);
            let Some((&special, after)) = rest.split_first() else { return };
            text = after;
            match special {
                b'"' => self.raw(b"\\\""),
                b'\\' => self.raw(b"\\\\"),
                b'\n' => self.raw(b"\\n"),
                b'\r' => self.raw(b"\\r"),
                0xe2 => match after {
                    [0x80, last @ (0xa8 | 0xa9), tail @ ..] => {
                        self.raw(if *last == 0xa8 { b"\\u2028" } else { b"\\u2029" });
                        text = tail;
                    }
                    _ => self.raw(&[special]),
                },
                _ => {
                    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
                    self.raw(&[b'\\', b'u', b'0', b'0', digit(special >> 4), digit(special & 0xf)]);
                }
            }
        }
    }
}

/// Needs a look: a byte to escape, or the first of U+2028 and U+2029.
#[inline(always)]
fn is_special(byte: u8) -> bool {
    byte < 0x20 || matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&' | 0xe2)
}

/// How many bytes at the start need no escape. Sixteen at a time, without a branch in between: the compiler makes vector
/// instructions of that.
fn plain_prefix(text: &[u8]) -> usize {
    let mut at = 0;
    let (blocks, _) = text.as_chunks::<16>();
    for block in blocks {
        if block.iter().fold(false, |any, byte| any | is_special(*byte)) {
            break;
        }
        at += 16;
    }
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| is_special(*byte)).unwrap_or(rest.len())
}

/// The place of the first newline.
pub(super) fn find_newline(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    let (blocks, _) = bytes.as_chunks::<16>();
    for block in blocks {
        if block.iter().fold(false, |any, byte| any | (*byte == b'\n')) {
            break;
        }
        at += 16;
    }
    let rest = bytes.get(at..)?;
    rest.iter().position(|byte| *byte == b'\n').map(|place| at + place)
}

/// How many bytes at the end are the beginning of a character that could still be completed: at most 3.
pub(super) fn incomplete_tail(bytes: &[u8]) -> usize {
    for length in 1..=3.min(bytes.len()) {
        let tail = bytes.get(bytes.len() - length..).unwrap_or_default();
        match tail.first() {
            Some(0x80..=0xbf) => {}
            Some(0xc2..=0xf4) => {
                let incomplete = core::str::from_utf8(tail).is_err_and(|error| error.error_len().is_none());
                return if incomplete { length } else { 0 };
            }
            _ => return 0,
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn escape(bytes: &[u8]) -> String {
        let mut out = vec![0; bytes.len() * 6 + 1];
        let mut writer = Writer::new(&mut out, 0);
        writer.escaped(bytes);
        let end = writer.end();
        out.truncate(end);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn docker_escapes_these() {
        let cases: [(&[u8], &str); 10] = [
            (b"plain text, 16 bytes and more: / ' ~ \x7f", "plain text, 16 bytes and more: / ' ~ \x7f"),
            (b"say \"hi\" \\ there\n\r", r#"say \"hi\" \\ there\n\r"#),
            (b"\t\x00\x1b[0m\x08\x0c", r"\u0009\u0000\u001b[0m\u0008\u000c"),
            (b"<a href=x>&</a>", r"\u003ca href=x\u003e\u0026\u003c/a\u003e"),
            ("snow ☃ and 中文 and 😀".as_bytes(), "snow ☃ and 中文 and 😀"),
            ("\u{2028}\u{2029}\u{2027}".as_bytes(), "\\u2028\\u2029\u{2027}"),
            (b"\xff\xfe", r"\ufffd\ufffd"),
            // Go gives one replacement for each byte, not for each broken character.
            (b"\xe2\x82x", r"\ufffd\ufffdx"),
            (b"\xed\xa0\x80", r"\ufffd\ufffd\ufffd"),
            (b"", ""),
        ];
        for (bytes, expected) in cases {
            assert_eq!(escape(bytes), expected, "{bytes:x?}");
        }
    }

    #[test]
    fn a_buffer_that_is_too_short_is_not_overrun() {
        let mut out = [0; 4];
        let mut writer = Writer::new(&mut out, 2);
        writer.escaped(b"abc\nd");
        assert_eq!(writer.end(), 4, "abc did not fit, the newline did, d did not");
    }

    #[test]
    fn an_incomplete_character_is_found() {
        assert_eq!(incomplete_tail("aé".as_bytes()), 0);
        assert_eq!(incomplete_tail(b"a\xc3"), 1);
        assert_eq!(incomplete_tail(b"\xf0\x9f\x98"), 3);
        assert_eq!(incomplete_tail(b"a\xe2\x82"), 2);
        for hopeless in [&b"\xff"[..], b"\x80\x80\x80\x80", b"\xe2\x28", b"a", b"", b"\xc0", b"\xed\xa0"] {
            assert_eq!(incomplete_tail(hopeless), 0, "{hopeless:x?}");
        }
    }

    proptest! {
        #[test]
        fn any_json_reader_gets_the_text_back(text in "\\PC*|[\\x00-\\x7f]*|.*") {
            let json = format!("\"{}\"", escape(text.as_bytes()));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        #[test]
        fn any_bytes_give_valid_json(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let json = format!("\"{}\"", escape(&bytes));
            prop_assert!(serde_json::from_str::<String>(&json).is_ok(), "{}", json);
        }

        #[test]
        fn newlines_are_found_where_they_are(bytes in proptest::collection::vec(0x08u8..0x0c, 0..70)) {
            prop_assert_eq!(find_newline(&bytes), bytes.iter().position(|b| *b == b'\n'));
        }
    }
}
