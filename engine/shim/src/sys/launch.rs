//! What the kernel gives a program at its start.

use super::call::{Errno, call};
use super::fd::OwnedFd;
use core::ffi::CStr;

/// The arguments and the environment of this process, as the kernel laid them out.
#[derive(Debug)]
pub struct Launch {
    /// argc, the arguments, a null pointer, the environment, a null pointer.
    stack: *const usize,
}

impl Launch {
    /// # Safety
    /// `stack` is the stack pointer that the kernel started this process with, and what lies there is never written to.
    pub unsafe fn new(stack: *const usize) -> Self {
        Self { stack }
    }

    fn count(&self) -> usize {
        // SAFETY: by the contract of `new` argc is there.
        unsafe { *self.stack }
    }

    /// Where the pointer to an argument lies; past the last one its null pointer.
    fn place(&self, index: usize) -> *const usize {
        // SAFETY: argc pointers and a null pointer follow argc, and the index stays among them.
        unsafe { self.stack.add(1 + index.min(self.count())) }
    }

    /// An argument; the first is the program's name.
    pub fn argument(&self, index: usize) -> Option<&CStr> {
        if index >= self.count() {
            return None;
        }
        // SAFETY: the kernel put a pointer to a string with a NUL there, which lives as long as the process.
        Some(unsafe { CStr::from_ptr(core::ptr::with_exposed_provenance(*self.place(index))) })
    }

    /// Becomes the program at this path: the arguments from `first` on are its own, and so is the environment. Returns only on failure.
    pub fn execute(&self, path: &CStr, first: usize) -> Errno {
        // SAFETY: the environment begins behind the arguments' null pointer.
        let environment = unsafe { self.stack.add(2 + self.count()) };
        // SAFETY: `path` ends with NUL; both arrays are the kernel's own, with a null pointer at their ends; all are only read.
        match unsafe { call!(EXECVE, path.as_ptr(), self.place(first), environment) } {
            Ok(_) => Errno::EINVAL,
            Err(errno) => errno,
        }
    }

    /// Takes over a descriptor that this program was started with. To be called once for a number.
    pub fn take_descriptor(&self, number: i32) -> OwnedFd {
        // SAFETY: a program that has just begun has opened nothing itself, so nobody else owns it. If there is none, using it fails and
        // closing it does nothing.
        unsafe { OwnedFd::adopt(number) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_layout_is_read() {
        let (a, b) = (c"hull-init", c"/bin/true");
        let address = |text: &CStr| text.as_ptr().expose_provenance();
        let stack = [2, address(a), address(b), 0, address(c"A=1"), 0];
        // SAFETY: laid out as the kernel does, and never written to.
        let launch = unsafe { Launch::new(stack.as_ptr()) };
        assert_eq!((launch.argument(0), launch.argument(1), launch.argument(2)), (Some(a), Some(b), None));
        assert_eq!(launch.execute(c"/no/such", 1), Errno::ENOENT);
    }
}
