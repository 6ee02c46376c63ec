//! Memory from `mmap`: there is no heap. What is mapped is owned, and given back when dropped.

use super::call::{Errno, Result, call};
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use core::slice;

const PAGE: usize = 4096;

fn map(length: usize) -> Result<NonNull<u8>> {
    const READ_WRITE: usize = 3;
    const PRIVATE_ANONYMOUS: usize = 0x22;
    // SAFETY: a new private mapping at an address of the kernel's choice touches nothing that exists.
    let address = unsafe { call!(MMAP, 0, length, READ_WRITE, PRIVATE_ANONYMOUS, -1i32, 0) }?;
    NonNull::new(core::ptr::with_exposed_provenance_mut(address)).ok_or(Errno::ENOMEM)
}

fn unmap(address: NonNull<u8>, length: usize) {
    // SAFETY: callers pass a mapping of `map` that they own and do not use afterwards.
    let _ = unsafe { call!(MUNMAP, address.as_ptr(), length) };
}

/// A zeroed buffer of its own pages.
#[derive(Debug)]
pub struct Buffer {
    start: NonNull<u8>,
    length: usize,
}

impl Buffer {
    /// At least one byte; pages cost memory only once they are written.
    pub fn new(length: usize) -> Result<Self> {
        let length = length.max(1);
        Ok(Self { start: map(length)?, length })
    }

    /// Gives all its pages back to the kernel. The content is zeros afterwards.
    pub fn release(&mut self) {
        const DONTNEED: usize = 4;
        // SAFETY: the range is this mapping, and `&mut self` says that nobody looks at it.
        let _ = unsafe { call!(MADVISE, self.start.as_ptr(), self.length.next_multiple_of(PAGE), DONTNEED) };
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `start` is a mapping of at least `length` bytes, initialised (zeros), and owned.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and `&mut self` makes it the only reference.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        unmap(self.start, self.length);
    }
}

/// One value on a page of its own: what `Box` is elsewhere.
#[derive(Debug)]
pub struct Page<T> {
    start: NonNull<T>,
    owns: PhantomData<T>,
}

impl<T> Page<T> {
    /// Moves the value there.
    pub fn new(value: T) -> Result<Self> {
        const { assert!(size_of::<T>() <= PAGE && align_of::<T>() <= PAGE, "it fits on one page") };
        let start = map(PAGE)?.cast::<T>();
        // SAFETY: the mapping is new, writable, large and aligned enough (asserted).
        unsafe { start.write(value) };
        Ok(Self { start, owns: PhantomData })
    }
}

impl<T> Deref for Page<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: `new` wrote a value there, and it lives until drop.
        unsafe { self.start.as_ref() }
    }
}

impl<T> DerefMut for Page<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and `&mut self` makes it the only reference.
        unsafe { self.start.as_mut() }
    }
}

impl<T> Drop for Page<T> {
    fn drop(&mut self) {
        // SAFETY: the value is dropped once, here, and not used afterwards.
        unsafe { self.start.drop_in_place() };
        unmap(self.start.cast(), PAGE);
    }
}

/// A NUL-terminated array of pointers to strings, for `execve`.
#[derive(Debug)]
pub struct Pointers<'s> {
    slots: Buffer,
    used: usize,
    strings: PhantomData<&'s core::ffi::CStr>,
}

impl<'s> Pointers<'s> {
    /// Room for this many strings.
    pub fn new(capacity: usize) -> Result<Self> {
        let bytes = capacity.checked_add(1).and_then(|n| n.checked_mul(size_of::<usize>())).ok_or(Errno::ENOMEM)?;
        Ok(Self { slots: Buffer::new(bytes)?, used: 0, strings: PhantomData })
    }

    /// Appends a string.
    pub fn push(&mut self, string: &'s core::ffi::CStr) -> Result<()> {
        let at = self.used * size_of::<usize>();
        let last = self.slots.len().saturating_sub(size_of::<usize>());
        let slot = self.slots.get_mut(at..at + size_of::<usize>()).filter(|_| at < last).ok_or(Errno::E2BIG)?;
        slot.copy_from_slice(&string.as_ptr().expose_provenance().to_ne_bytes());
        self.used += 1;
        Ok(())
    }

    /// The array, as the kernel wants it: the slots after the last string are zero.
    pub(super) fn as_ptr(&self) -> *const u8 {
        self.slots.as_ptr()
    }
}
