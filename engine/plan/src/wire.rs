//! Reading and writing the primitive fields of Plans and frames.
//!
//! Everything is little endian. Strings and byte arrays carry a `u32` length; a string's length counts its NUL.

use crate::DecodeError;
use core::ffi::CStr;

/// Where encoded bytes go. The two sinks are a caller's buffer (the shim) and a `Vec` (the daemon).
pub(crate) trait Sink {
    fn put(&mut self, bytes: &[u8]);
}

/// Writes into a buffer as far as it reaches and counts what was asked for, so that "does not fit" is known at the end.
pub(crate) struct SliceSink<'b> {
    buffer: &'b mut [u8],
    wanted: usize,
}

impl<'b> SliceSink<'b> {
    pub(crate) fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, wanted: 0 }
    }

    /// Length of what was written, or `None` when the buffer was too short.
    pub(crate) fn finish(self) -> Option<usize> {
        (self.wanted <= self.buffer.len()).then_some(self.wanted)
    }
}

impl Sink for SliceSink<'_> {
    fn put(&mut self, bytes: &[u8]) {
        let end = self.wanted.saturating_add(bytes.len());
        if let Some(slot) = self.buffer.get_mut(self.wanted..end) {
            slot.copy_from_slice(bytes);
        }
        self.wanted = end;
    }
}

#[cfg(feature = "alloc")]
impl Sink for alloc::vec::Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Only counts.
#[derive(Default)]
pub(crate) struct Count(pub(crate) usize);

impl Sink for Count {
    fn put(&mut self, bytes: &[u8]) {
        self.0 = self.0.saturating_add(bytes.len());
    }
}

/// A cursor over bytes that nobody has checked.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (head, tail) = self.rest.split_at_checked(length).ok_or(DecodeError::Truncated)?;
        self.rest = tail;
        Ok(head)
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.rest)
    }

    /// Every field was used, and nothing is left.
    pub(crate) fn end(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::TrailingBytes) }
    }
}

/// A field of a step or frame.
pub(crate) trait Field<'a>: Sized {
    fn write(&self, sink: &mut impl Sink);
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError>;
}

macro_rules! integers {
    ($($int:ty),*) => {$(
        impl<'a> Field<'a> for $int {
            fn write(&self, sink: &mut impl Sink) {
                sink.put(&self.to_le_bytes());
            }
            fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
                let bytes = reader.take(size_of::<$int>())?;
                bytes.try_into().map(<$int>::from_le_bytes).map_err(|_| DecodeError::Truncated)
            }
        }
    )*};
}
integers!(u8, u16, u32, u64, i32, i64);

impl<'a> Field<'a> for bool {
    fn write(&self, sink: &mut impl Sink) {
        u8::from(*self).write(sink);
    }
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        match u8::read(reader)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::BadValue),
        }
    }
}

impl<'a> Field<'a> for &'a [u8] {
    fn write(&self, sink: &mut impl Sink) {
        // A longer one is refused when the plan is finished: it is over MAX_PAYLOAD.
        u32::try_from(self.len()).unwrap_or(u32::MAX).write(sink);
        sink.put(self);
    }
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let length = u32::read(reader)?;
        reader.take(usize::try_from(length).map_err(|_| DecodeError::Truncated)?)
    }
}

impl<'a> Field<'a> for &'a CStr {
    fn write(&self, sink: &mut impl Sink) {
        self.to_bytes_with_nul().write(sink);
    }
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        CStr::from_bytes_with_nul(<&[u8]>::read(reader)?).map_err(|_| DecodeError::BadString)
    }
}
