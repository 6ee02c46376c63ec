//! Receiving frames: as much as is there, never more than a kind of frame may have, never waiting.

use crate::sys::map::Buffer;
use crate::sys::{AsFd, Errno, net};
use core::ops::Deref;
use hull_plan::FrameHeader;
use hull_plan::frame::{HEADER, kind};

/// Payloads up to this length need no memory of their own.
const SMALL: usize = 256;

/// A frame's payload.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is no heap to put the small ones on; they live on the stack")]
pub(crate) enum Payload {
    Small([u8; SMALL], usize),
    Large(Buffer, usize),
}

impl Payload {
    fn with_length(length: usize) -> Result<Self, Errno> {
        if length <= SMALL {
            Ok(Self::Small([0; SMALL], length))
        } else {
            Ok(Self::Large(Buffer::new(length)?, length))
        }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        let (bytes, length) = match self {
            Self::Small(bytes, length) => (bytes.as_mut_slice(), *length),
            Self::Large(bytes, length) => (&mut **bytes, *length),
        };
        bytes.get_mut(..length).unwrap_or_default()
    }
}

impl Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let (bytes, length) = match self {
            Self::Small(bytes, length) => (bytes.as_slice(), *length),
            Self::Large(bytes, length) => (&**bytes, *length),
        };
        bytes.get(..length).unwrap_or_default()
    }
}

/// What has come of it.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "as for its payload")]
pub(crate) enum Progress {
    /// A whole frame.
    Frame(FrameHeader, Payload),
    /// A stdin frame has begun; its bytes are left in the socket for whoever has room, see [`Input::stdin_left`].
    Stdin,
    /// Nothing more for now.
    Blocked,
    /// The other side has closed, or sends nonsense.
    Over,
}

/// What has been received of the next frame.
#[derive(Debug)]
pub(crate) struct Input {
    header: [u8; HEADER],
    have: usize,
    body: Option<(FrameHeader, Payload)>,
    /// Bytes of a stdin frame that are still to come.
    pub(crate) stdin_left: usize,
}

impl Input {
    pub(crate) const fn new() -> Self {
        Self { header: [0; HEADER], have: 0, body: None, stdin_left: 0 }
    }

    /// Receives until something is whole.
    pub(crate) fn receive(&mut self, socket: impl AsFd) -> Progress {
        loop {
            if self.stdin_left > 0 {
                return Progress::Stdin;
            }
            let target = match &mut self.body {
                Some((_, payload)) => payload.bytes_mut().get_mut(self.have..),
                None => self.header.get_mut(self.have..),
            }
            .unwrap_or_default();
            if !target.is_empty() {
                match net::receive(&socket, target) {
                    Ok(0) => return Progress::Over,
                    Ok(length) => self.have += length,
                    Err(Errno::EAGAIN) => return Progress::Blocked,
                    Err(_) => return Progress::Over,
                }
                let complete = self.body.as_ref().map_or(HEADER, |(_, payload)| payload.len());
                if self.have < complete {
                    continue;
                }
            }
            self.have = 0;
            if let Some((header, payload)) = self.body.take() {
                return Progress::Frame(header, payload);
            }
            let Ok(header) = FrameHeader::from_bytes(self.header) else { return Progress::Over };
            let Ok(length) = usize::try_from(header.length) else { return Progress::Over };
            if header.kind == kind::STDIN {
                self.stdin_left = length;
                continue;
            }
            let Ok(payload) = Payload::with_length(length) else { return Progress::Over };
            self.body = Some((header, payload));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::net::{message_pair, send};
    use hull_plan::Frame;

    fn frame(progress: Progress) -> Vec<u8> {
        match progress {
            Progress::Frame(header, payload) => Frame::decode(&header, &payload).unwrap().to_vec(),
            other => panic!("{other:?}"),
        }
    }

    /// Sequenced packets: each `send` is one piece, however it is received.
    #[test]
    fn frames_may_come_in_pieces() {
        let (ours, theirs) = message_pair().unwrap();
        let mut input = Input::new();
        let plan = vec![7u8; 5000];
        let wire = Frame::Exec { id: c"e", plan: &plan }.to_vec();
        let (first, second) = wire.split_at(HEADER);
        send(&theirs, first).unwrap();
        assert!(matches!(input.receive(&ours), Progress::Blocked));
        for piece in second.chunks(1999) {
            send(&theirs, piece).unwrap();
        }
        assert_eq!(frame(input.receive(&ours)), wire);
        let wire = Frame::CloseStdin.to_vec();
        send(&theirs, &wire).unwrap();
        assert_eq!(frame(input.receive(&ours)), wire);
    }

    #[test]
    fn stdin_is_left_where_it_is() {
        let (ours, theirs) = message_pair().unwrap();
        let mut input = Input::new();
        send(&theirs, &Frame::Stdin { bytes: b"hello" }.to_vec()[..HEADER]).unwrap();
        assert!(matches!(input.receive(&ours), Progress::Stdin));
        assert_eq!(input.stdin_left, 5);
        input.stdin_left = 0;
        assert!(matches!(input.receive(&ours), Progress::Blocked));
    }

    #[test]
    fn nonsense_and_the_end_are_over() {
        for wire in [&[255u8; 8][..], &[1, 0, 1, 0, 255, 255, 255, 255], &[1, 0, 9, 0, 0, 0, 0, 0]] {
            let (ours, theirs) = message_pair().unwrap();
            send(&theirs, wire).unwrap();
            assert!(matches!(Input::new().receive(&ours), Progress::Over), "{wire:?}");
        }
        let (ours, theirs) = message_pair().unwrap();
        drop(theirs);
        assert!(matches!(Input::new().receive(&ours), Progress::Over));
    }
}
