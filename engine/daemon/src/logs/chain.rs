//! The files of one log, in their order.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// More rotated files than this are not looked for.
const MOST_FILES: u32 = 1000;

/// One file of a log, held open: a rename or removal does not take it from us.
#[derive(Debug)]
pub(super) struct LogFile {
    pub(super) file: File,
    pub(super) inode: u64,
    pub(super) len: u64,
}

/// Opens all files of a log that exist, newest first.
pub(super) fn open(path: &Path) -> io::Result<Vec<LogFile>> {
    let mut files: Vec<LogFile> = Vec::new();
    for number in 0..MOST_FILES {
        match File::open(numbered(path, number)) {
            Ok(file) => {
                let meta = file.metadata()?;
                // A rotation between two opens shows a file twice, under its old and its new name.
                if files.iter().all(|known| known.inode != meta.ino()) {
                    files.push(LogFile { file, inode: meta.ino(), len: meta.len() });
                }
            }
            // In the middle of a rotation the newest name is absent for a moment.
            Err(e) if e.kind() == io::ErrorKind::NotFound && number == 0 => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => break,
            Err(e) => return Err(e),
        }
    }
    Ok(files)
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    if number == 0 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}
