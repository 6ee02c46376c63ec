//! A file on its way into a container: made beside its place, and renamed into it when it is whole.

use super::reader::Entry;
use super::tree::Place;
use super::unpack_error::UnpackError;
use crate::ids::random_hex;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::fd::AsRawFd;

/// A file without its name yet. It goes with this value unless it was [`put`].
pub(super) struct Unnamed<'a> {
    pub(super) file: File,
    place: &'a Place,
    temporary: Option<String>,
}

impl<'a> Unnamed<'a> {
    pub(super) fn create(place: &'a Place) -> io::Result<Self> {
        let temporary = format!(".{}.copy", &random_hex()?[..16]);
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&*place.parent, &*temporary, flags, Mode::from_raw_mode(0o600))?;
        Ok(Self { file: file.into(), place, temporary: Some(temporary) })
    }
}

impl Drop for Unnamed<'_> {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // Whoever made this value hears of what went wrong before.
            let _ = rustix::fs::unlinkat(&*self.place.parent, &**temporary, AtFlags::empty());
        }
    }
}

/// Puts the file where it belongs. A file that is mounted there (`/etc/hosts`) cannot be replaced: it gets the content.
pub(super) fn put(entry: &Entry, mut unnamed: Unnamed<'_>) -> Result<(), UnpackError> {
    let apply = |operation| move |source: io::Error| UnpackError::Apply { operation, path: entry.name(), source };
    let Some(temporary) = unnamed.temporary.take() else { return Ok(()) };
    let place = unnamed.place;
    match rustix::fs::renameat(&*place.parent, &*temporary, &*place.parent, place.name()) {
        Ok(()) => return Ok(()),
        Err(errno) => {
            unnamed.temporary = Some(temporary);
            if errno != Errno::BUSY {
                return Err(apply("replace")(errno.into()));
            }
        }
    }
    let mut mounted = reopen(place).map_err(apply("open"))?;
    unnamed.file.seek(SeekFrom::Start(0)).map_err(apply("read"))?;
    io::copy(&mut unnamed.file, &mut mounted).map(drop).map_err(apply("write"))
}

/// Opens the mounted file for writing once it is known to be a file: a device would do something.
fn reopen(place: &Place) -> io::Result<File> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let held = rustix::fs::openat(&*place.parent, place.name() as &OsStr, flags, Mode::empty())?;
    if FileType::from_raw_mode(rustix::fs::fstat(&held)?.st_mode) != FileType::RegularFile {
        return Err(Errno::BUSY.into());
    }
    let path = format!("/proc/self/fd/{}", held.as_raw_fd());
    File::options().write(true).truncate(true).open(path)
}
