//! Disk images, made from a folder without mounting anything.

use super::tools::Tools;
use crate::command::output;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;
use std::process::Command;

/// By name, not as this host's configuration has them: a feature that an old kernel does not know is a failed boot.
const FEATURES: &str = "none,has_journal,ext_attr,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,\
                        huge_file,dir_nlink,extra_isize,metadata_csum";

/// An ext4 image with the content of a folder, owned by root whoever makes it. `size` in MB; without it, what the content
/// takes and a quarter more.
///
/// # Errors
/// When mke2fs fails.
pub(super) fn make(tools: &Tools, image: &Path, content: &Path, size: Option<u64>) -> Result<()> {
    if image.exists() {
        fs::remove_file(image).with_context(|| format!("cannot remove {}", image.display()))?;
    }
    let size = match size {
        Some(size) => size,
        None => {
            let used = output(Command::new("du").args(["--summarize", "--block-size=1M"]).arg(content))?;
            let used: u64 = used.split_whitespace().next().and_then(|n| n.parse().ok()).context("du said nothing")?;
            used + used / 4 + 16
        }
    };
    let mut mke2fs = tools.command("mke2fs")?;
    mke2fs
        .args(["-q", "-t", "ext4", "-F", "-E", "root_owner=0:0,lazy_itable_init=1", "-O", FEATURES, "-d"])
        .arg(content);
    output(mke2fs.arg(image).arg(format!("{size}M"))).map(|_| ())
}
