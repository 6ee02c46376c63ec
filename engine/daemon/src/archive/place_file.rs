//! A file on its way into a container: made without a name where the file system can, and named when it is whole.

use super::reader::Entry;
use super::tree::Place;
use super::unpack_error::UnpackError;
use crate::ids::random_hex;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::fd::{AsRawFd, OwnedFd};

/// A file without its name yet. It goes with this value unless it was [`put`].
pub(super) struct Unnamed<'a> {
    pub(super) file: File,
    place: &'a Place,
    /// The name that it has meanwhile, where it needs one.
    temporary: Option<String>,
}

impl<'a> Unnamed<'a> {
    pub(super) fn create(place: &'a Place) -> io::Result<Self> {
        let (read_write, private) = (OFlags::RDWR | OFlags::CLOEXEC, Mode::from_raw_mode(0o600));
        match rustix::fs::openat(&*place.parent, ".", read_write | OFlags::TMPFILE, private) {
            Ok(file) => return Ok(Self { file: file.into(), place, temporary: None }),
            // Overlayfs before Linux 6.2, and some others.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
        Self::create_named(place)
    }

    fn create_named(place: &'a Place) -> io::Result<Self> {
        let temporary = temporary()?;
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&*place.parent, &*temporary, flags, Mode::from_raw_mode(0o600))?;
        Ok(Self { file: file.into(), place, temporary: Some(temporary) })
    }

    /// Gives the file that has no name this one.
    fn link(&self, name: &std::ffi::OsStr) -> Result<(), Errno> {
        let path = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        rustix::fs::linkat(CWD, path, &*self.place.parent, name, AtFlags::SYMLINK_FOLLOW)
    }
}

fn temporary() -> io::Result<String> {
    Ok(format!(".{}.copy", &random_hex()?[..16]))
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
    let place = unnamed.place;
    if unnamed.temporary.is_none() {
        match unnamed.link(place.name()) {
            Err(Errno::EXIST) => {}
            linked => return linked.map_err(|errno| apply("create")(errno.into())),
        }
        // A link cannot replace what is there, a rename can; it needs a name to begin with.
        let temporary = temporary().map_err(apply("name"))?;
        unnamed.link(temporary.as_ref()).map_err(|errno| apply("create")(errno.into()))?;
        unnamed.temporary = Some(temporary);
    }
    let Some(temporary) = unnamed.temporary.take() else { return Ok(()) };
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
    let held: OwnedFd = rustix::fs::openat(&*place.parent, place.name(), flags, Mode::empty())?;
    if FileType::from_raw_mode(rustix::fs::fstat(&held)?.st_mode) != FileType::RegularFile {
        return Err(Errno::BUSY.into());
    }
    let path = format!("/proc/self/fd/{}", held.as_raw_fd());
    File::options().write(true).truncate(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::Archive;
    use std::io::Write;
    use std::rc::Rc;

    /// Both ways give the same, whichever of them this host's file system takes.
    #[test]
    fn a_file_comes_into_its_place_with_and_without_a_name_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place { parent: Rc::new(File::open(folder.path()).unwrap().into()), name: b"f".to_vec() };
        let mut tar = tar::Builder::new(Vec::new());
        tar.append_data(&mut tar::Header::new_gnu(), "f", io::empty()).unwrap();
        let entry = Archive::new(&tar.into_inner().unwrap()[..]).next().unwrap().unwrap();
        for content in ["one", "two"] {
            for create in [Unnamed::create, Unnamed::create_named] {
                let mut unnamed = create(&place).unwrap();
                unnamed.file.write_all(content.as_bytes()).unwrap();
                put(&entry, unnamed).unwrap();
                assert_eq!(std::fs::read_to_string(folder.path().join("f")).unwrap(), content);
                drop(create(&place).unwrap());
                assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
            }
        }
    }
}
