//! The keys that leave a terminal without ending its process: `ctrl-p,ctrl-q` unless the client says otherwise.

/// A sequence of bytes to watch for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DetachKeys(Vec<u8>);

impl Default for DetachKeys {
    fn default() -> Self {
        Self(vec![16, 17])
    }
}

impl DetachKeys {
    /// `ctrl-p,ctrl-q`, `a,b`: characters, `ctrl-` with a letter or one of `@[\]^_`, and `DEL`. Empty means the usual ones, as for Docker;
    /// `None`: it is none of these.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::default());
        }
        text.split(',').map(code).collect::<Option<_>>().map(Self)
    }

    /// What the terminal sends for them.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

fn code(key: &str) -> Option<u8> {
    if let [byte] = key.as_bytes() {
        return byte.is_ascii().then_some(*byte);
    }
    if key == "DEL" {
        return Some(127);
    }
    let [control] = key.strip_prefix("ctrl-")?.as_bytes() else { return None };
    match control {
        b'a'..=b'z' => Some(control - b'a' + 1),
        b'@' => Some(0),
        b'[' | b'\\' | b']' | b'^' | b'_' => Some(control - b'[' + 27),
        _ => None,
    }
}

/// Passes input on and holds back what may become the sequence.
#[derive(Debug)]
pub(super) struct Watch {
    keys: DetachKeys,
    matched: usize,
}

/// What a piece of input came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Watched {
    /// For the process.
    Pass(Vec<u8>),
    /// For the process, and then the sequence was complete: what follows it is nobody's.
    Detach(Vec<u8>),
}

impl Watch {
    /// Watches for these keys.
    pub(super) fn new(keys: DetachKeys) -> Self {
        Self { keys, matched: 0 }
    }

    /// Takes the next input.
    pub(super) fn input(&mut self, bytes: &[u8]) -> Watched {
        let keys = &self.keys.0;
        let mut pass = Vec::with_capacity(bytes.len() + self.matched);
        for &byte in bytes {
            if byte != keys[self.matched] {
                // The held beginning was meant after all; the byte itself may begin anew.
                pass.extend_from_slice(&keys[..self.matched]);
                self.matched = 0;
            }
            if byte == keys[self.matched] {
                self.matched += 1;
                if self.matched == keys.len() {
                    self.matched = 0;
                    return Watched::Detach(pass);
                }
            } else {
                pass.push(byte);
            }
        }
        Watched::Pass(pass)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_spelled_as_dockers() {
        assert_eq!(DetachKeys::parse("ctrl-p,ctrl-q"), Some(DetachKeys::default()));
        assert_eq!(DetachKeys::parse(""), Some(DetachKeys::default()));
        assert_eq!(DetachKeys::parse("a,ctrl-@,ctrl-_,DEL"), Some(DetachKeys(vec![b'a', 0, 31, 127])));
        for bad in [",", "ctrl-", "ctrl-A", "ctrl-1", "ab", "a,,b", "ä"] {
            assert_eq!(DetachKeys::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_sequence_detaches_wherever_it_is_cut() {
        let mut watch = Watch::new(DetachKeys::default());
        assert_eq!(watch.input(b"a\x10"), Watched::Pass(b"a".to_vec()));
        assert_eq!(watch.input(b"\x11rest"), Watched::Detach(Vec::new()));
        assert_eq!(watch.input(b"b\x10\x11"), Watched::Detach(b"b".to_vec()));
    }

    #[test]
    fn a_broken_sequence_reaches_the_process_whole() {
        let mut watch = Watch::new(DetachKeys::default());
        assert_eq!(watch.input(b"\x10"), Watched::Pass(Vec::new()));
        assert_eq!(watch.input(b"\x10"), Watched::Pass(b"\x10".to_vec()));
        assert_eq!(watch.input(b"x"), Watched::Pass(b"\x10x".to_vec()));
    }
}
