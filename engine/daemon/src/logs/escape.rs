//! Escapes: of JSON strings, to be taken away, and of queries, to be put on.

use bytes::{BufMut, BytesMut};
use memchr::memchr2;

/// Where a JSON string ends whose inside begins here: the place of its closing quote.
pub(super) fn end_of_string(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// Appends what the inside of a JSON string means. `None`: it is none.
pub(super) fn unescape(mut text: &[u8], out: &mut BytesMut) -> Option<()> {
    while let Some(at) = memchr2(b'\\', b'"', text) {
        out.extend_from_slice(&text[..at]);
        if text[at] == b'"' {
            return None;
        }
        let kind = *text.get(at + 1)?;
        text = &text[at + 2..];
        let byte = match kind {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'b' => 8,
            b'f' => 12,
            b'"' | b'\\' | b'/' => kind,
            b'u' => {
                text = unicode(text, out)?;
                continue;
            }
            _ => return None,
        };
        out.put_u8(byte);
    }
    out.extend_from_slice(text);
    Some(())
}

/// The four digits after `\u`, and those of a second escape where both are halves of one character.
fn unicode<'t>(text: &'t [u8], out: &mut BytesMut) -> Option<&'t [u8]> {
    let first = hex(text)?;
    let mut rest = &text[4..];
    let mut code = first;
    if (0xd800..0xdc00).contains(&first)
        && let Some(low) = rest.strip_prefix(b"\\u").and_then(hex)
        && (0xdc00..0xe000).contains(&low)
    {
        code = 0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00);
        rest = &rest[6..];
    }
    // Half a character alone.
    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    Some(rest)
}

fn hex(text: &[u8]) -> Option<u32> {
    let digits = text.get(..4)?;
    digits.iter().try_fold(0, |number, digit| Some(number << 4 | char::from(*digit).to_digit(16)?))
}

/// As Go's `url.QueryEscape`.
pub(super) fn query(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(text: &str) -> Option<String> {
        let mut out = BytesMut::new();
        unescape(text.as_bytes(), &mut out)?;
        Some(String::from_utf8(out.to_vec()).unwrap())
    }

    #[test]
    fn escapes_are_taken_away() {
        for (text, meaning) in [
            ("", Some("")),
            ("plain", Some("plain")),
            (r"a\nb\r\t\b\f\/\\\qx", None),
            (r#"\n\r\t\b\f\/\\\""#, Some("\n\r\t\u{8}\u{c}/\\\"")),
            (r"\u0041\u00e9\u2028\ufffd", Some("Aé\u{2028}\u{fffd}")),
            (r"\ud83d\ude00!", Some("😀!")),
            (r"\ud83d!", Some("\u{fffd}!")),
            (r"\ud83d\u0041", Some("\u{fffd}A")),
            (r"\u00g0", None),
            (r"\u00", None),
            ("end\\", None),
            ("a\"b", None),
        ] {
            assert_eq!(plain(text).as_deref(), meaning, "{text}");
        }
    }

    #[test]
    fn queries_are_escaped_as_go_does() {
        assert_eq!(query("a b=c,d/é~._-"), "a+b%3Dc%2Cd%2F%C3%A9~._-");
    }

    proptest! {
        #[test]
        fn a_json_string_means_what_a_json_parser_says(text in "\\PC*|[\\x00-\\x7f]*|.*") {
            let json = serde_json::to_string(&text).unwrap();
            let inside = &json[1..json.len() - 1];
            prop_assert_eq!(end_of_string(&json.as_bytes()[1..]), Some(inside.len()));
            prop_assert_eq!(plain(inside), Some(text));
        }
    }
}
