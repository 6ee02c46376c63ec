//! Building steps out of Rust strings, which may hold a NUL and so need checking.

use super::{PlanError, TooLong};
use hull_plan::{Plan, PlanBuilder, Step};
use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A plan being written.
pub(super) struct Steps(PlanBuilder);

impl Steps {
    pub(super) fn new() -> Self {
        Self(PlanBuilder::new())
    }

    pub(super) fn push(&mut self, step: &Step<'_>) {
        self.0.push(step);
    }

    /// A step around one string.
    pub(super) fn with(
        &mut self,
        what: &'static str,
        value: &str,
        step: impl FnOnce(&CStr) -> Step<'_>,
    ) -> Result<(), PlanError> {
        self.push(&step(&c_string(what, value.as_bytes())?));
        Ok(())
    }

    /// A step around one path.
    pub(super) fn with_path(
        &mut self,
        what: &'static str,
        path: &Path,
        step: impl FnOnce(&CStr) -> Step<'_>,
    ) -> Result<(), PlanError> {
        self.push(&step(&c_string(what, path.as_os_str().as_bytes())?));
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Plan, PlanError> {
        self.0.finish().map_err(|e| TooLong(e).into())
    }
}

pub(super) fn c_string(what: &'static str, bytes: &[u8]) -> Result<CString, PlanError> {
    CString::new(bytes).map_err(|_| PlanError::Nul { what, value: String::from_utf8_lossy(bytes).into_owned() })
}

pub(super) fn c_path(what: &'static str, path: &Path) -> Result<CString, PlanError> {
    c_string(what, path.as_os_str().as_bytes())
}
