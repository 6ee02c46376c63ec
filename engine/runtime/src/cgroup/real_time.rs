//! Real-time runtime of cgroup v1. A child's share comes out of its parent's, whose default is none: the parent gets what
//! all its children have together, each measured in the parent's period.

use super::parse::number;
use std::path::Path;
use std::{fs, io};

const RUNTIME: &str = "cpu.rt_runtime_us";
const PERIOD: &str = "cpu.rt_period_us";

/// For so many children that are gone and still counted, each as large as this one, there can be room.
const GHOSTS: u64 = 16;

/// Sets what a child has, and its parent as that needs.
pub(super) fn set_runtime(dir: &Path, runtime: i64) -> io::Result<()> {
    let write = || fs::write(dir.join(RUNTIME), runtime.to_string());
    let (Some(parent), Ok(wanted)) = (dir.parent(), u64::try_from(runtime)) else { return write() };
    let period = number(&parent.join(PERIOD))?;
    let own = share(dir, wanted, period)?;
    let all = own + of_the_others(parent, dir, period)?;
    // The kernel counts a removed cgroup until its last reference is gone, and shows it to nobody: EINVAL, and more helps.
    for ghosts in 0..GHOSTS {
        let needed = all + ghosts * own;
        if needed > number(&parent.join(RUNTIME))? {
            fs::write(parent.join(RUNTIME), needed.to_string())?;
        }
        match write() {
            Err(error) if error.raw_os_error() == Some(nix::libc::EINVAL) => {}
            result => return result,
        }
    }
    write()
}

/// A runtime in a child's period, as one in its parent's.
fn share(child: &Path, runtime: u64, period: u64) -> io::Result<u64> {
    Ok(runtime.saturating_mul(period).div_ceil(number(&child.join(PERIOD))?.max(1)))
}

fn of_the_others(parent: &Path, dir: &Path, period: u64) -> io::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(parent)? {
        let child = entry?.path();
        if child.is_dir() && child != dir {
            // One that goes away meanwhile needs nothing any more.
            sum += number(&child.join(RUNTIME)).and_then(|runtime| share(&child, runtime, period)).unwrap_or(0);
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cgroup(dir: &Path, runtime: u64, period: u64) {
        fs::create_dir_all(dir).unwrap();
        fs::write(dir.join(RUNTIME), runtime.to_string()).unwrap();
        fs::write(dir.join(PERIOD), period.to_string()).unwrap();
    }

    #[test]
    fn a_parent_has_what_its_children_have() {
        let root = tempfile::tempdir().unwrap();
        let parent = root.path();
        cgroup(parent, 0, 1_000_000);
        cgroup(&parent.join("a"), 0, 1_000_000);
        cgroup(&parent.join("b"), 5_000, 500_000);
        set_runtime(&parent.join("a"), 1_000).unwrap();
        assert_eq!(number(&parent.join("a").join(RUNTIME)).unwrap(), 1_000);
        assert_eq!(number(&parent.join(RUNTIME)).unwrap(), 11_000);
        // It keeps what it has.
        set_runtime(&parent.join("b"), 1_000).unwrap();
        assert_eq!(number(&parent.join(RUNTIME)).unwrap(), 11_000);
    }
}
