//! Writes files as a tar, one after another, in constant memory.
//!
//! Files are opened only when they are known to be files: a name in a running container may become a device or a pipe
//! between two looks, and opening one does something. A file that is cut short meanwhile is filled up with zeros, since
//! its size is said already; what has vanished is left out.

use super::apply::is_overlay_attribute;
use super::header::{Fields, PaxRecord, encode};
use rustix::fs::{FileType, Mode, OFlags, SeekFrom, Stat};
use rustix::io::Errno;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use tar::EntryType;

const BLOCK: u64 = 512;
const BUFFER: usize = 128 * 1024;
/// Smaller holes are not worth the blocks that describe them.
const LEAST_HOLES: u64 = 1 << 20;
/// A file in more pieces is written whole.
const MOST_PIECES: usize = 4096;
/// Longest value of an extended attribute, and longest list of names (limits.h).
const LONGEST_ATTRIBUTE: usize = 64 * 1024;
const CAPABILITY: &str = "security.capability";

/// Who reads the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// An engine: all extended attributes, and large holes are not written (GNU's format 1.0).
    Layer,
    /// Any program, some of which know no holes; all extended attributes.
    Export,
    /// Any program, on any file system, many of which refuse attributes: a file's capabilities only, as Docker's `cp`.
    Copy,
}

/// Why an archive was not written to its end.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Whoever takes it takes no more.
    #[error("write the archive")]
    Write(#[source] io::Error),
    /// A file cannot be read.
    #[error("{operation} {path:?}")]
    Read {
        /// What was being done.
        operation: &'static str,
        /// To which file.
        path: String,
        /// What the kernel said.
        source: io::Error,
    },
}

/// A tar that is being written.
pub(crate) struct Writer<W> {
    output: W,
    form: Form,
    /// Under which name a file with several names was written: the others are links to it.
    links: HashMap<(u64, u64), Vec<u8>>,
    buffer: Vec<u8>,
    entries: u64,
}

impl<W: Write> Writer<W> {
    pub(crate) fn new(output: W, form: Form) -> Self {
        Self { output, form, links: HashMap::new(), buffer: vec![0; BUFFER], entries: 0 }
    }

    /// Entries so far.
    pub(crate) fn entries(&self) -> u64 {
        self.entries
    }

    /// Writes one thing under `name`; of a directory not what is in it. Sockets mean nothing in an archive.
    pub(crate) fn entry(
        &mut self,
        name: &[u8],
        parent: BorrowedFd<'_>,
        leaf: &OsStr,
        stat: &Stat,
    ) -> Result<(), WriteError> {
        let mut fields = Fields { name, mode: stat.st_mode, uid: stat.st_uid, gid: stat.st_gid, ..Fields::default() };
        fields.mtime = stat.st_mtime;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind != FileType::Directory && stat.st_nlink > 1 {
            if let Some(first) = self.links.get(&(stat.st_dev, stat.st_ino)) {
                let first = first.clone();
                return self.head(Fields { kind: Some(EntryType::Link), link: &first, ..fields });
            }
            self.links.insert((stat.st_dev, stat.st_ino), name.to_vec());
        }
        let (link, folder);
        fields.kind = Some(match kind {
            FileType::RegularFile => return self.file(fields, parent, leaf),
            FileType::Directory => {
                folder = if name.ends_with(b"/") { name.to_vec() } else { [name, b"/"].concat() };
                fields.name = &folder;
                EntryType::Directory
            }
            FileType::Symlink => {
                link = match rustix::fs::readlinkat(parent, leaf, Vec::new()) {
                    Ok(link) => link.into_bytes(),
                    Err(errno) if vanished(errno) => return Ok(()),
                    Err(errno) => return Err(reading("read the link", name, errno.into())),
                };
                fields.link = &link;
                EntryType::Symlink
            }
            FileType::CharacterDevice => EntryType::Char,
            FileType::BlockDevice => EntryType::Block,
            FileType::Fifo => EntryType::Fifo,
            FileType::Socket | FileType::Unknown => return Ok(()),
        });
        if matches!(kind, FileType::CharacterDevice | FileType::BlockDevice) {
            fields.device = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
        }
        fields.records = self.records(name, parent, leaf, kind)?;
        self.head(fields)
    }

    /// An empty file that no tree has: a whiteout.
    pub(crate) fn mark(&mut self, name: &[u8]) -> Result<(), WriteError> {
        self.head(Fields { name, mode: 0o644, ..Fields::default() })
    }

    /// The end of the archive; gives its taker back.
    pub(crate) fn finish(mut self) -> Result<W, WriteError> {
        self.write(&[0; 2 * BLOCK as usize])?;
        self.output.flush().map_err(WriteError::Write)?;
        Ok(self.output)
    }

    fn head(&mut self, fields: Fields<'_>) -> Result<(), WriteError> {
        self.entries += 1;
        self.write(&encode(fields))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.output.write_all(bytes).map_err(WriteError::Write)
    }

    fn file(&mut self, mut fields: Fields<'_>, parent: BorrowedFd<'_>, leaf: &OsStr) -> Result<(), WriteError> {
        let name = fields.name;
        let opened = match open(parent, leaf) {
            Ok(opened) => opened,
            Err(error) if Errno::from_io_error(&error).is_some_and(vanished) => return Ok(()),
            Err(error) => return Err(reading("open", name, error)),
        };
        let Some(file) = opened else { return Ok(()) };
        let stat = rustix::fs::fstat(&file).map_err(|errno| reading("look at", name, errno.into()))?;
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        fields.records = self.records(name, parent, leaf, FileType::RegularFile)?;
        let pieces = if self.form == Form::Layer { pieces(&file, &stat, size) } else { None };
        let Some(pieces) = pieces else {
            fields.stored = size;
            self.head(fields)?;
            self.copy(name, &file, 0, size)?;
            return self.pad(size);
        };
        let mut map = format!("{}\n", pieces.len());
        for (start, length) in &pieces {
            map.push_str(&format!("{start}\n{length}\n"));
        }
        let map_size = (map.len() as u64).next_multiple_of(BLOCK);
        let data: u64 = pieces.iter().map(|(_, length)| length).sum();
        let real_size = size.to_string();
        for (key, value) in [("major", &b"1"[..]), ("minor", b"0"), ("name", name), ("realsize", real_size.as_bytes())]
        {
            fields.records.push((format!("GNU.sparse.{key}").into_bytes(), value.to_vec()));
        }
        fields.stored = map_size + data;
        self.head(fields)?;
        self.write(map.as_bytes())?;
        self.pad(map.len() as u64)?;
        for (start, length) in pieces {
            self.copy(name, &file, start, length)?;
        }
        self.pad(data)
    }

    fn copy(&mut self, name: &[u8], file: &File, start: u64, length: u64) -> Result<(), WriteError> {
        let mut done = 0;
        while done < length {
            let most = usize::try_from(length - done).unwrap_or(usize::MAX).min(self.buffer.len());
            let count = match file.read_at(&mut self.buffer[..most], start + done) {
                Ok(0) => {
                    self.buffer[..most].fill(0);
                    most
                }
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(reading("read", name, error)),
            };
            self.output.write_all(&self.buffer[..count]).map_err(WriteError::Write)?;
            done += count as u64;
        }
        Ok(())
    }

    fn pad(&mut self, size: u64) -> Result<(), WriteError> {
        let padding = usize::try_from(size.next_multiple_of(BLOCK) - size).unwrap_or(0);
        self.write(&[0; BLOCK as usize][..padding])
    }

    /// Extended attributes as pax records.
    fn records(
        &mut self,
        name: &[u8],
        parent: BorrowedFd<'_>,
        leaf: &OsStr,
        kind: FileType,
    ) -> Result<Vec<PaxRecord>, WriteError> {
        let path =
            OsString::from_vec([format!("/proc/self/fd/{}/", parent.as_raw_fd()).as_bytes(), leaf.as_bytes()].concat());
        let value = &mut self.buffer[..LONGEST_ATTRIBUTE];
        let names = match self.form {
            Form::Copy if kind == FileType::RegularFile => vec![CAPABILITY.to_owned()],
            Form::Copy => Vec::new(),
            Form::Layer | Form::Export => match rustix::fs::llistxattr(&path, &mut *value) {
                Ok(length) => wanted(&value[..length]),
                Err(errno) if vanished(errno) || errno == Errno::NOTSUP => Vec::new(),
                Err(errno) => return Err(reading("list the attributes of", name, errno.into())),
            },
        };
        let mut records = Vec::new();
        for attribute in names {
            match rustix::fs::lgetxattr(&path, &*attribute, &mut *value) {
                Ok(length) => {
                    let key = format!("SCHILY.xattr.{attribute}").into_bytes();
                    records.push((key, value[..length].to_vec()));
                }
                Err(Errno::NODATA | Errno::NOTSUP) => {}
                Err(errno) if vanished(errno) => {}
                Err(errno) => return Err(reading("read an attribute of", name, errno.into())),
            }
        }
        Ok(records)
    }
}

/// Names that another host can make something of: not its labels and signatures, not overlayfs' books.
fn wanted(list: &[u8]) -> Vec<String> {
    let means = |name: &&[u8]| {
        let elsewhere = [&b"user."[..], b"trusted.", b"system.posix_acl_", CAPABILITY.as_bytes()];
        elsewhere.iter().any(|start| name.starts_with(start)) && !is_overlay_attribute(name)
    };
    let names = list.split(|byte| *byte == 0).filter(means);
    names.filter_map(|name| String::from_utf8(name.to_vec()).ok()).collect()
}

/// Opens a file for reading; `None` if it is none any more.
fn open(parent: BorrowedFd<'_>, leaf: &OsStr) -> io::Result<Option<File>> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let held = rustix::fs::openat(parent, leaf, flags, Mode::empty())?;
    if FileType::from_raw_mode(rustix::fs::fstat(&held)?.st_mode) != FileType::RegularFile {
        return Ok(None);
    }
    File::open(format!("/proc/self/fd/{}", held.as_fd().as_raw_fd())).map(Some)
}

/// Where the data of a file with large holes is.
fn pieces(file: &File, stat: &Stat, size: u64) -> Option<Vec<(u64, u64)>> {
    let allocated = u64::try_from(stat.st_blocks).ok()?.saturating_mul(512);
    if allocated.saturating_add(LEAST_HOLES) > size {
        return None;
    }
    let (mut pieces, mut at) = (Vec::new(), 0);
    while at < size {
        let start = match rustix::fs::seek(file, SeekFrom::Data(at)) {
            Ok(start) if start < size => start,
            Ok(_) | Err(Errno::NXIO) => break,
            Err(_) => return None,
        };
        let end = rustix::fs::seek(file, SeekFrom::Hole(start)).ok()?.min(size);
        pieces.push((start, end - start));
        at = end;
        if pieces.len() > MOST_PIECES {
            return None;
        }
    }
    if at < size {
        // Says where a file ends that ends in a hole, as GNU tar does.
        pieces.push((size, 0));
    }
    Some(pieces)
}

/// It was there a moment ago.
pub(super) fn vanished(errno: Errno) -> bool {
    matches!(errno, Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::STALE)
}

pub(super) fn reading(operation: &'static str, path: &[u8], source: io::Error) -> WriteError {
    WriteError::Read { operation, path: String::from_utf8_lossy(path).into_owned(), source }
}
