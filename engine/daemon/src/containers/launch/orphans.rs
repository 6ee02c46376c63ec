//! What earlier daemons left behind, found at the start by its name or its place.
//!
//! | left behind | how it is known | what happens |
//! | --- | --- | --- |
//! | cgroup, with all that runs in it | below `/hull-<engine>`, of no live container | killed and removed, in the background |
//! | cgroup below a parent of the user's | noted in the run directory of no live container | the same |
//! | mount | its point lies where containers' files are | unmounted at once, so that nothing is deleted through it |
//! | run directory | of no live container | deleted in the background |
//! | container's directory | no description in it | deleted in the background |
//! | trash, half-made things in staging | always | deleted in the background |
//!
//! Links, addresses and rules are the network's to find (`networks`); namespaces go with their last process.

use super::super::reaper::{Reaper, Work};
use super::place;
use crate::ids::ContainerId;
use crate::store::paths::Paths;
use hull_runtime::cgroup::{self, Cgroup, Hierarchies};
use nix::mount::{MntFlags, umount2};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Gives all of it to the reaper, each piece under its container's name: a start of that container waits for it. Blocking.
pub(super) fn reap(
    paths: &Paths,
    hierarchies: &Hierarchies,
    reaper: &Reaper,
    known: &[ContainerId],
    live: &[ContainerId],
) -> io::Result<()> {
    unmount(paths, live)?;
    let engine = paths.engine_id();
    for name in cgroup::orphans(hierarchies, engine).map_err(io::Error::other)? {
        if !live.iter().any(|id| id.as_str() == name) {
            tracing::info!(container = name, "an orphaned cgroup is removed");
            // By its layout: one whose making or removal was cut short lacks some of its directories.
            let orphan = Cgroup::layout(hierarchies, engine, &name);
            reaper.submit(ContainerId::try_from(name).ok(), vec![Work::Cgroup(Arc::new(orphan))]);
        }
    }
    for (name, path) in entries(&paths.runs())? {
        if !live.iter().any(|id| id.short() == name) {
            let container = known.iter().find(|id| id.short() == name).cloned();
            let mut work = Vec::new();
            match place::noted(hierarchies, &path) {
                Ok(Some(cgroup)) => work.push(Work::Cgroup(Arc::new(cgroup))),
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "a cgroup may be left behind"),
            }
            work.push(Work::Tree(path));
            reaper.submit(container, work);
        }
    }
    let mut work = Vec::new();
    for (name, path) in entries(&paths.containers())? {
        if !known.iter().any(|id| id.as_str() == name) {
            tracing::info!(container = %name.display(), "a directory without a container is removed");
            work.push(Work::Tree(path));
        }
    }
    // Nothing is being made at this time: no request is served yet, and what makes things at the start has done so.
    for place in [paths.trash(), paths.staging()] {
        work.extend(entries(&place)?.into_iter().map(|(_, path)| Work::Tree(path)));
    }
    if !work.is_empty() {
        reaper.submit(None, work);
    }
    Ok(())
}

fn entries(directory: &Path) -> io::Result<Vec<(OsString, PathBuf)>> {
    fs::read_dir(directory)?.map(|entry| entry.map(|entry| (entry.file_name(), entry.path()))).collect()
}

/// Containers' files are mounted in their own namespaces only. What is mounted there on the host was to be short-lived, or was put there by hand; to
/// delete a directory with a mount in it would delete what is mounted.
fn unmount(paths: &Paths, live: &[ContainerId]) -> io::Result<()> {
    let places = [paths.runs(), paths.containers(), paths.trash(), paths.staging()];
    let spared: Vec<PathBuf> = live.iter().flat_map(|id| [paths.run(id), paths.container(id)]).collect();
    for point in mount_points(&fs::read("/proc/self/mountinfo")?).into_iter().rev() {
        let below = |place: &PathBuf| point.starts_with(place) && point != *place;
        if !places.iter().any(below) || spared.iter().any(|directory| point.starts_with(directory)) {
            continue;
        }
        match umount2(&point, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW) {
            Ok(()) => tracing::info!(path = %point.display(), "an orphaned mount is removed"),
            Err(error) => tracing::warn!(path = %point.display(), %error, "an orphaned mount stays"),
        }
    }
    Ok(())
}

/// Where something is mounted, in the order in which it was.
fn mount_points(mountinfo: &[u8]) -> Vec<PathBuf> {
    let lines = mountinfo.split(|byte| *byte == b'\n');
    lines.filter_map(|line| line.split(|byte| *byte == b' ').nth(4)).map(unescape).collect()
}

/// The kernel writes blanks, line ends and backslashes as three octal digits.
fn unescape(text: &[u8]) -> PathBuf {
    let mut path = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|digits| byte == b'\\' && digits.iter().all(|d| (b'0'..=b'7').contains(d)));
        if let Some(digits) = digits {
            path.push(digits.iter().fold(0_u8, |value, digit| value.wrapping_mul(8).wrapping_add(digit - b'0')));
            rest = &after[3..];
        } else {
            path.push(byte);
            rest = after;
        }
    }
    PathBuf::from(OsString::from_vec(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn mount_points_are_read_with_their_blanks() {
        let text = b"22 1 0:20 / /proc rw shared:5 - proc proc rw\n31 22 0:9 /a /mnt/a\\040b\\134c rw - tmpfs x rw\n";
        assert_eq!(mount_points(text), [Path::new("/proc"), Path::new("/mnt/a b\\c")]);
        assert_eq!(unescape(b"\\9x\\12"), Path::new("\\9x\\12"));
        assert_eq!(unescape(b"\\303\\244").as_os_str().as_bytes(), "ä".as_bytes());
    }
}
