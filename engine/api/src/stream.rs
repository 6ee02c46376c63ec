//! The frames in which the output of a container without a terminal travels: attach, exec and logs.
//!
//! ```text
//!  0      1 2 3   4 5 6 7     8 ...
//! +------+-------+-----------+---------
//! | kind | 0 0 0 | length BE | payload
//! +------+-------+-----------+---------
//! ```

use std::fmt;

/// Bytes of a frame before its payload.
pub const HEADER_LEN: usize = 8;

/// Longest payload that the decoder takes: far above what any engine sends at once, far below what would
/// exhaust a client's memory because a raw stream was taken for frames.
pub const MAX_PAYLOAD: usize = 64 << 20;

/// Which stream a frame belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum StreamKind {
    /// Never sent by the daemon, but a legal value.
    Stdin = 0,
    /// Standard output.
    Stdout = 1,
    /// Standard error.
    Stderr = 2,
    /// An error of the daemon's after the stream has begun: text for the user, not output.
    SystemError = 3,
}

impl TryFrom<u8> for StreamKind {
    type Error = FrameError;

    fn try_from(byte: u8) -> Result<Self, FrameError> {
        match byte {
            0 => Ok(Self::Stdin),
            1 => Ok(Self::Stdout),
            2 => Ok(Self::Stderr),
            3 => Ok(Self::SystemError),
            other => Err(FrameError::UnknownStream(other)),
        }
    }
}

/// A stream that is not made of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    /// The first byte of a header names no stream.
    UnknownStream(u8),
    /// A header announces more than [`MAX_PAYLOAD`].
    TooLong(usize),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownStream(byte) => write!(f, "unrecognized stream: {byte}"),
            Self::TooLong(len) => write!(f, "frame of {len} bytes is longer than {MAX_PAYLOAD}"),
        }
    }
}

impl std::error::Error for FrameError {}

/// The header of a frame with `len` bytes of payload. Longer output goes in several frames.
pub fn header(kind: StreamKind, len: u32) -> [u8; HEADER_LEN] {
    let [a, b, c, d] = len.to_be_bytes();
    [kind as u8, 0, 0, 0, a, b, c, d]
}

/// Appends `payload` as one frame, or as several when it is longer than [`MAX_PAYLOAD`].
pub fn encode(kind: StreamKind, payload: &[u8], out: &mut Vec<u8>) {
    for part in payload.chunks(MAX_PAYLOAD) {
        out.reserve(HEADER_LEN + part.len());
        out.extend_from_slice(&header(kind, part.len() as u32));
        out.extend_from_slice(part);
    }
}

/// Takes a stream apart as it arrives, whatever the cuts. A payload is handed out in pieces as they come in, so
/// a long frame is never collected in memory.
#[derive(Debug, Default)]
pub struct Decoder {
    header: [u8; HEADER_LEN],
    header_len: usize,
    kind: Option<StreamKind>,
    payload_left: usize,
}

impl Decoder {
    /// At the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece of `input` and advances it. `None`: all of it is used up, more is needed.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<(StreamKind, &'a [u8])>, FrameError> {
        loop {
            if let Some(kind) = self.kind {
                if input.is_empty() && self.payload_left > 0 {
                    return Ok(None);
                }
                let (piece, rest) = input.split_at(self.payload_left.min(input.len()));
                *input = rest;
                self.payload_left -= piece.len();
                if self.payload_left == 0 {
                    self.kind = None;
                }
                if piece.is_empty() {
                    continue;
                }
                return Ok(Some((kind, piece)));
            }
            let (part, rest) = input.split_at((HEADER_LEN - self.header_len).min(input.len()));
            *input = rest;
            self.header[self.header_len..self.header_len + part.len()].copy_from_slice(part);
            self.header_len += part.len();
            if self.header_len < HEADER_LEN {
                return Ok(None);
            }
            self.header_len = 0;
            let [kind, _, _, _, a, b, c, d] = self.header;
            let kind = StreamKind::try_from(kind)?;
            let len = u32::from_be_bytes([a, b, c, d]) as usize;
            if len > MAX_PAYLOAD {
                return Err(FrameError::TooLong(len));
            }
            self.payload_left = len;
            self.kind = Some(kind);
        }
    }

    /// Whether the stream may end here: not in the middle of a frame.
    pub fn is_at_boundary(&self) -> bool {
        self.header_len == 0 && self.kind.is_none()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode_all(decoder: &mut Decoder, mut input: &[u8]) -> Result<Vec<(StreamKind, Vec<u8>)>, FrameError> {
        let mut out = Vec::new();
        while let Some((kind, piece)) = decoder.next(&mut input)? {
            out.push((kind, piece.to_vec()));
        }
        assert!(input.is_empty(), "the decoder asks for more only when all is used up");
        Ok(out)
    }

    #[test]
    fn the_layout_is_dockers() {
        let mut out = Vec::new();
        encode(StreamKind::Stderr, b"hi", &mut out);
        assert_eq!(out, [2, 0, 0, 0, 0, 0, 0, 2, b'h', b'i']);
        encode(StreamKind::Stdout, b"", &mut out);
        assert_eq!(out.len(), 10, "nothing is no frame");
    }

    #[test]
    fn a_raw_stream_is_refused_instead_of_guessed() {
        assert_eq!(decode_all(&mut Decoder::new(), b"hello world"), Err(FrameError::UnknownStream(b'h')));
        assert_eq!(
            decode_all(&mut Decoder::new(), &[1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]),
            Err(FrameError::TooLong(0xffff_ffff))
        );
    }

    #[test]
    fn empty_frames_are_passed_over() {
        let input = [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1, b'x'];
        let mut decoder = Decoder::new();
        assert_eq!(decode_all(&mut decoder, &input), Ok(vec![(StreamKind::Stderr, b"x".to_vec())]));
        assert!(decoder.is_at_boundary());
    }

    fn kind() -> impl Strategy<Value = StreamKind> {
        prop_oneof![Just(StreamKind::Stdin), Just(StreamKind::Stdout), Just(StreamKind::Stderr)]
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_streams(
            frames in prop::collection::vec((kind(), prop::collection::vec(any::<u8>(), 0..40)), 0..20),
            cuts in prop::collection::vec(1usize..30, 1..60),
        ) {
            let mut wire = Vec::new();
            for (kind, payload) in &frames {
                encode(*kind, payload, &mut wire);
            }
            let mut decoder = Decoder::new();
            let mut got = Vec::new();
            let mut rest = wire.as_slice();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                rest = later;
                got.extend(decode_all(&mut decoder, now).unwrap());
            }
            prop_assert!(decoder.is_at_boundary());
            let bytes = |list: &[(StreamKind, Vec<u8>)]| -> Vec<(u8, u8)> {
                list.iter().flat_map(|(k, p)| p.iter().map(|b| (*k as u8, *b))).collect()
            };
            prop_assert_eq!(bytes(&got), bytes(&frames));
        }

        #[test]
        fn garbage_never_panics(input in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_all(&mut Decoder::new(), &input);
        }
    }
}
