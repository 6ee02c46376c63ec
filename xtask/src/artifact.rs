//! Files that one build makes and the next one embeds.

use crate::command::target;
use anyhow::{Context, Result};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Replaces a file if its content differs: an equal one keeps its time, and what embeds it is not built again for nothing.
/// It is renamed into place, so that a test which runs the old one goes on with it.
///
/// # Errors
/// When the target folder cannot be written.
pub(crate) fn replace(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    // Not beside the file: hulld's build may watch that folder.
    let new = target("images")?.join(format!("new.{}", std::process::id()));
    fs::write(&new, content).with_context(|| format!("cannot write {}", new.display()))?;
    fs::set_permissions(&new, Permissions::from_mode(mode))
        .with_context(|| format!("cannot set the mode of {}", new.display()))?;
    fs::rename(&new, path).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_equal_file_is_left_alone() {
        use std::os::unix::fs::MetadataExt;
        let path = target("images").unwrap().join(format!("test.{}", std::process::id()));
        let inode = || fs::metadata(&path).unwrap().ino();
        replace(&path, b"one", 0o755).unwrap();
        let first = inode();
        replace(&path, b"one", 0o755).unwrap();
        assert_eq!(inode(), first);
        replace(&path, b"two", 0o755).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o755);
        fs::remove_file(&path).unwrap();
    }
}
