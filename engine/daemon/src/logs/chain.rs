//! The files of one log, in their order: `x`, then `x.1` or `x.1.gz`, `x.2`...
//!
//! Names move while the log is read: the shim rotates, [`super::compress`] replaces a plain file by a compressed one. Both
//! do so under an exclusive `flock` on the newest file, and whoever opens the files holds a shared one meanwhile, so what
//! is opened is one moment's chain. The shim never waits for the lock, it rotates later instead.
//!
//! A file is known by its inode and its birth, because an inode's number is given to the next file as soon as this one is
//! gone. A compressed file says in its header which file it was.

use super::packed::{self, Header};
use flate2::read::GzDecoder;
use rustix::fs::FlockOperation;
use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Which file, whatever its name, compressed or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId {
    pub(super) inode: u64,
    /// Nanoseconds since 1970; 0 on file systems that keep none.
    pub(super) born: u64,
}

impl FileId {
    pub(super) fn of(meta: &Metadata) -> Self {
        let born = meta.created().ok().and_then(|born| born.duration_since(UNIX_EPOCH).ok());
        let born = born.map_or(0, |age| u64::try_from(age.as_nanos()).unwrap_or(u64::MAX));
        Self { inode: meta.ino(), born }
    }
}

/// One file of a log, held open: a rename or removal does not take it from us.
#[derive(Debug)]
pub(super) struct LogFile {
    content: Content,
    pub(super) id: FileId,
    /// Of the content.
    pub(super) len: u64,
    pub(super) modified: SystemTime,
}

#[derive(Debug)]
enum Content {
    Plain(File),
    Packed { file: File, decoder: Option<Box<GzDecoder<File>>> },
}

impl LogFile {
    fn plain(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let meta = file.metadata()?;
        let modified = meta.modified()?;
        Ok(Self { id: FileId::of(&meta), len: meta.len(), modified, content: Content::Plain(file) })
    }

    fn packed(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let meta = file.metadata()?;
        // Packed by somebody else: it is still readable, but cannot be told from what it was.
        let header = packed::header(&file)?.unwrap_or(Header { id: FileId::of(&meta), len: u64::MAX });
        let content = Content::Packed { file, decoder: None };
        Ok(Self { id: header.id, len: header.len, modified: meta.modified()?, content })
    }

    pub(super) fn is_packed(&self) -> bool {
        matches!(self.content, Content::Packed { .. })
    }

    /// Reads on; 0 is the end, for now if the file is the newest.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.content {
            Content::Plain(file) => file.read(buffer),
            Content::Packed { file, decoder } => {
                let decoder = match decoder {
                    Some(decoder) => decoder,
                    none => none.insert(Box::new(GzDecoder::new(file.try_clone()?))),
                };
                decoder.read(buffer)
            }
        }
    }

    /// Goes to a place of the content.
    pub(super) fn seek(&mut self, offset: u64) -> io::Result<()> {
        match &mut self.content {
            Content::Plain(file) => file.seek(SeekFrom::Start(offset)).map(drop),
            Content::Packed { file, decoder } => {
                *decoder = None;
                file.seek(SeekFrom::Start(0))?;
                io::copy(&mut self.by_ref().take(offset), &mut io::sink()).map(drop)
            }
        }
    }

    /// Fills a buffer from a place of a plain file.
    pub(super) fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        match &self.content {
            Content::Plain(file) => file.read_exact_at(buffer, offset),
            Content::Packed { .. } => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

impl Read for LogFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Self::read(self, buffer)
    }
}

/// Keeps names where they are while it lives.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "closing it is what unlocks")] File);

impl Lock {
    /// `None`: there is no newest file. The shim makes one before it moves anything, so then nothing moves.
    pub(super) fn shared(path: &Path) -> io::Result<Option<Self>> {
        Self::take(path, FlockOperation::LockShared)
    }

    pub(super) fn exclusive(path: &Path) -> io::Result<Option<Self>> {
        Self::take(path, FlockOperation::LockExclusive)
    }

    fn take(path: &Path, operation: FlockOperation) -> io::Result<Option<Self>> {
        loop {
            let file = match File::open(path) {
                Ok(file) => file,
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(e) => return Err(e),
            };
            rustix::fs::flock(&file, operation)?;
            // Rotated before the lock was ours: then it is on a file that says nothing any more.
            if newest(path)? == Some(FileId::of(&file.metadata()?)) {
                return Ok(Some(Self(file)));
            }
        }
    }
}

/// Which file is the newest now.
pub(super) fn newest(path: &Path) -> io::Result<Option<FileId>> {
    match fs::metadata(path) {
        Ok(meta) => Ok(Some(FileId::of(&meta))),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// What there is of one number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Forms {
    pub(super) plain: bool,
    pub(super) packed: bool,
}

/// The numbers of a log's files that exist, and in which form; 0 is the newest.
pub(super) fn list(path: &Path) -> io::Result<BTreeMap<u32, Forms>> {
    let mut found: BTreeMap<u32, Forms> = BTreeMap::new();
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { return Ok(found) };
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(e) => return Err(e),
    };
    for entry in entries {
        let entry = entry?.file_name();
        let Some(rest) = entry.as_encoded_bytes().strip_prefix(name.as_encoded_bytes()) else { continue };
        let Ok(rest) = std::str::from_utf8(rest) else { continue };
        if rest.is_empty() {
            found.entry(0).or_default().plain = true;
            continue;
        }
        let Some(rest) = rest.strip_prefix('.') else { continue };
        let (number, packed) = rest.strip_suffix(".gz").map_or((rest, false), |number| (number, true));
        // Only as it is written by the shim: not "01", not "+1".
        let Ok(parsed) = number.parse::<u32>() else { continue };
        if parsed == 0 || parsed.to_string() != number {
            continue;
        }
        let forms = found.entry(parsed).or_default();
        if packed { forms.packed = true } else { forms.plain = true }
    }
    Ok(found)
}

/// The name of a rotated file; 0 is the newest.
pub(super) fn numbered(path: &Path, number: u32, packed: bool) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    if number > 0 {
        name.push(format!(".{number}{}", if packed { ".gz" } else { "" }));
    }
    name.into()
}

/// Opens all files of a log that exist, newest first.
pub(super) fn open(path: &Path) -> io::Result<Vec<LogFile>> {
    let _held = Lock::shared(path)?;
    let mut files: Vec<LogFile> = Vec::new();
    for (number, forms) in list(path)? {
        // Both forms at once are one file, whose compression a crash cut short before its last step.
        let opened = if forms.plain {
            LogFile::plain(&numbered(path, number, false))
        } else {
            LogFile::packed(&numbered(path, number, true))
        };
        match opened {
            Ok(file) if files.iter().all(|known| known.id != file.id) => files.push(file),
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    Ok(files)
}
