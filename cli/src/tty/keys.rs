//! Detaching: a sequence of keys that this side keeps for itself.

/// The sequence, as bytes. The default is Ctrl-P, Ctrl-Q.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keys(Vec<u8>);

impl Default for Keys {
    fn default() -> Self {
        Self(vec![0x10, 0x11])
    }
}

impl Keys {
    /// `ctrl-p,ctrl-q`, `a,b`, `ctrl-@`. An unusable text gives the default: the daemon, which is told of the keys
    /// too, is the one that complains.
    pub(crate) fn parse(text: &str) -> Self {
        let keys: Option<Vec<u8>> = text.split(',').map(key).collect();
        keys.filter(|keys| !keys.is_empty()).map_or_else(Self::default, Self)
    }
}

fn key(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [byte] => Some(*byte),
        [b'c', b't', b'r', b'l', b'-', byte] => match byte {
            b'a'..=b'z' => Some(byte - b'a' + 1),
            b'@' => Some(0),
            b'[' => Some(27),
            b'\\' => Some(28),
            b']' => Some(29),
            b'^' => Some(30),
            b'_' => Some(31),
            _ => None,
        },
        _ => None,
    }
}

/// Looks for the sequence in what is typed, also when it arrives in pieces.
#[derive(Debug)]
pub(crate) struct Detector {
    keys: Vec<u8>,
    matched: usize,
}

impl Detector {
    pub(crate) fn new(keys: Keys) -> Self {
        Self { keys: keys.0, matched: 0 }
    }

    /// What goes to the container, and whether the sequence is complete. Keys that only began the sequence are
    /// held back until it is known that they don't continue it.
    pub(crate) fn feed(&mut self, input: &[u8]) -> (Vec<u8>, bool) {
        let mut out = Vec::with_capacity(input.len());
        for &byte in input {
            if self.keys[self.matched] == byte {
                self.matched += 1;
                if self.matched == self.keys.len() {
                    return (out, true);
                }
                continue;
            }
            out.extend_from_slice(&self.keys[..self.matched]);
            self.matched = usize::from(self.keys[0] == byte && self.keys.len() > 1);
            if self.matched == 0 {
                out.push(byte);
            }
        }
        (out, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences() {
        assert_eq!(Keys::parse("ctrl-p,ctrl-q"), Keys::default());
        assert_eq!(Keys::parse("a,ctrl-@,ctrl-_"), Keys(vec![b'a', 0, 31]));
        assert_eq!(Keys::parse("bogus"), Keys::default());
        assert_eq!(Keys::parse(""), Keys::default());
    }

    #[test]
    fn the_sequence_is_found_across_pieces_and_false_starts_go_through() {
        let mut d = Detector::new(Keys::default());
        assert_eq!(d.feed(b"ab"), (b"ab".to_vec(), false));
        assert_eq!(d.feed(b"\x10"), (b"".to_vec(), false), "held back");
        assert_eq!(d.feed(b"x"), (b"\x10x".to_vec(), false));
        assert_eq!(d.feed(b"\x10\x10\x11rest"), (b"\x10".to_vec(), true));
        let mut d = Detector::new(Keys::parse("q"));
        assert_eq!(d.feed(b"abq"), (b"ab".to_vec(), true));
    }
}
