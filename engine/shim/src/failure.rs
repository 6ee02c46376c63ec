//! Which step failed, on what, and why: what travels back to the daemon.

use crate::sys::Errno;
use hull_plan::StepKind;

/// A step that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failure<'p> {
    /// Which.
    pub step: StepKind,
    /// Why.
    pub errno: Errno,
    /// On what.
    pub object: &'p [u8],
}

/// The result of a step.
pub(crate) type Outcome<'p, T = ()> = Result<T, Failure<'p>>;

/// Says which step a failed system call belongs to.
pub(crate) trait At<T> {
    /// `object` is what the daemon will name in its message.
    fn at<'p>(self, step: StepKind, object: impl Object<'p>) -> Outcome<'p, T>;
}

impl<T> At<T> for crate::sys::Result<T> {
    fn at<'p>(self, step: StepKind, object: impl Object<'p>) -> Outcome<'p, T> {
        self.map_err(|errno| Failure { step, errno, object: object.bytes() })
    }
}

/// A path, a name or plain bytes.
pub(crate) trait Object<'p> {
    /// Without NUL.
    fn bytes(self) -> &'p [u8];
}

impl<'p> Object<'p> for &'p core::ffi::CStr {
    fn bytes(self) -> &'p [u8] {
        self.to_bytes()
    }
}

impl<'p> Object<'p> for &'p [u8] {
    fn bytes(self) -> &'p [u8] {
        self
    }
}

impl<'p> Object<'p> for &'p str {
    fn bytes(self) -> &'p [u8] {
        self.as_bytes()
    }
}
