//! v2 limits: one write for each file.

use super::limits::V2Limit;
use super::v1::lacks;
use super::{CgroupError, Warning};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

/// Applies limits one by one. One that the kernel lacks becomes a warning.
pub(crate) fn apply(dir: &Path, limits: &[V2Limit]) -> Result<Vec<Warning>, CgroupError> {
    let mut warnings = Vec::new();
    for limit in limits {
        match write(&dir.join(limit.file), &limit.value) {
            Ok(()) => {}
            Err(error) if lacks(&error) => {
                warnings.push(Warning { limit: limit.name, value: limit.value.clone() });
            }
            Err(source) => return Err(CgroupError::Limit { limit: limit.name, value: limit.value.clone(), source }),
        }
    }
    Ok(warnings)
}

/// One write(2): the kernel takes a control file's value whole or not at all. Never creates: cgroupfs has no such files.
pub(crate) fn write(path: &Path, value: &str) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.write_all(value.as_bytes())
}
