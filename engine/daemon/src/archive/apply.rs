//! What an entry says of a file besides its content: owner, mode, attributes, times.

use super::reader::{Entry, Kind};
use super::tree::Place;
use super::unpack_error::UnpackError;
use rustix::fs::{AtFlags, FileType, Gid, Mode, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

const OVERLAY_OPAQUE: &str = "trusted.overlay.opaque";

/// Whether overlayfs keeps books in this attribute. What it believes about a layer must come from us: a redirect would
/// show other folders of the host's.
pub(crate) fn is_overlay_attribute(name: &[u8]) -> bool {
    name.starts_with(b"trusted.overlay.") || name.starts_with(b"user.overlay.")
}

/// Hides what lower layers have in this directory.
pub(super) fn set_opaque(directory: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::fs::fsetxattr(directory, OVERLAY_OPAQUE, b"y", XattrFlags::empty())?)
}

/// A device or a pipe.
pub(super) fn node(
    entry: &Entry,
    place: &Place,
    owner: Option<(u32, u32)>,
    kind: FileType,
    (major, minor): (u32, u32),
) -> Result<(), UnpackError> {
    let device = rustix::fs::makedev(major, minor);
    let made = rustix::fs::mknodat(&*place.parent, place.name(), kind, Mode::from_raw_mode(0o600), device);
    let apply = |source: Errno| UnpackError::Apply { operation: "create", path: entry.name(), source: source.into() };
    made.map_err(apply)?;
    by_name(entry, place, owner)
}

/// Owner before mode before attributes: chown clears the set-id bits and the file's capabilities.
pub(super) fn by_descriptor(entry: &Entry, fd: BorrowedFd<'_>, owner: Option<(u32, u32)>) -> Result<(), UnpackError> {
    let apply =
        |operation| move |source: Errno| UnpackError::Apply { operation, path: entry.name(), source: source.into() };
    let (owner, group) = owner_of(entry, owner)?;
    rustix::fs::fchown(fd, Some(owner), Some(group)).map_err(apply("set the owner of"))?;
    rustix::fs::fchmod(fd, Mode::from_raw_mode(entry.mode)).map_err(apply("set the mode of"))?;
    for (name, value) in wanted_xattrs(entry) {
        let result = rustix::fs::fsetxattr(fd, name, value, XattrFlags::empty());
        result.or_else(|errno| tolerate(name, errno)).map_err(apply("set an extended attribute of"))?;
    }
    Ok(())
}

/// The same for what must not be opened: links, devices, pipes.
pub(super) fn by_name(entry: &Entry, place: &Place, owner: Option<(u32, u32)>) -> Result<(), UnpackError> {
    let apply =
        |operation| move |source: Errno| UnpackError::Apply { operation, path: entry.name(), source: source.into() };
    let (owner, group) = owner_of(entry, owner)?;
    let (parent, name) = (&*place.parent, place.name());
    let no_follow = AtFlags::SYMLINK_NOFOLLOW;
    rustix::fs::chownat(parent, name, Some(owner), Some(group), no_follow).map_err(apply("set the owner of"))?;
    if entry.kind != Kind::Symlink {
        change_mode(place, entry.mode).map_err(apply("set the mode of"))?;
    }
    // There is no lsetxattrat before Linux 6.13; the parent's descriptor makes the path as safe.
    let mut path = format!("/proc/self/fd/{}/", parent.as_raw_fd()).into_bytes();
    path.extend(&place.name);
    for (attribute, value) in wanted_xattrs(entry) {
        let result = rustix::fs::lsetxattr(OsStr::from_bytes(&path), attribute, value, XattrFlags::empty());
        result.or_else(|errno| tolerate(attribute, errno)).map_err(apply("set an extended attribute of"))?;
    }
    rustix::fs::utimensat(parent, name, &times(entry.mtime), no_follow).map_err(apply("set the times of"))
}

/// chmod(2) follows links, and in a running container the name may have become one: the file that is meant is held by a
/// descriptor first.
fn change_mode(place: &Place, mode: u32) -> Result<(), Errno> {
    use rustix::fs::OFlags;
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let held = rustix::fs::openat(&*place.parent, place.name(), flags, Mode::empty())?;
    if FileType::from_raw_mode(rustix::fs::fstat(&held)?.st_mode) == FileType::Symlink {
        return Err(Errno::LOOP);
    }
    rustix::fs::chmod(format!("/proc/self/fd/{}", held.as_raw_fd()), Mode::from_raw_mode(mode))
}

fn owner_of(entry: &Entry, given: Option<(u32, u32)>) -> Result<(Uid, Gid), UnpackError> {
    if let Some((uid, gid)) = given {
        return Ok((Uid::from_raw(uid), Gid::from_raw(gid)));
    }
    // The largest number means "leave as it is" to chown.
    let id = |id: u64| u32::try_from(id).ok().filter(|id| *id != u32::MAX);
    match (id(entry.uid), id(entry.gid)) {
        (Some(uid), Some(gid)) => Ok((Uid::from_raw(uid), Gid::from_raw(gid))),
        _ => Err(UnpackError::Owner { path: entry.name(), uid: entry.uid, gid: entry.gid }),
    }
}

fn wanted_xattrs(entry: &Entry) -> impl Iterator<Item = (&str, &[u8])> {
    let wanted = entry.xattrs.iter().filter(|(name, _)| !is_overlay_attribute(name.as_bytes()));
    wanted.map(|(name, value)| (&name[..], &value[..]))
}

/// Capabilities must be set, or a program of the image fails later and strangely; labels of another host's SELinux or of
/// a file system that lacks user attributes are left out, as Docker does.
fn tolerate(name: &str, errno: Errno) -> Result<(), Errno> {
    match errno {
        Errno::NOTSUP | Errno::PERM | Errno::INVAL if name != "security.capability" => Ok(()),
        errno => Err(errno),
    }
}

pub(super) fn times((seconds, nanos): (i64, u32)) -> Timestamps {
    let time = Timespec { tv_sec: seconds, tv_nsec: nanos.into() };
    Timestamps { last_access: time, last_modification: time }
}
