//! Rotated files are compressed in the background, where `compress=true` asks for it: one file at a time in the whole
//! engine, and a crash at any moment leaves the plain file, the compressed one, or both, which readers take for one.

use super::chain::{self, FileId, Lock};
use super::packed::{self, Header};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Compresses every rotated file of a log that is not. Blocking, and long.
///
/// # Errors
/// When a file cannot be read or written; those that are done are done.
pub(super) fn rotated(path: &Path) -> io::Result<()> {
    // What cannot be put in its place is not tried again and again: the next rotation is the next occasion.
    let mut last = None;
    while let Some((mut file, id)) = next(path)? {
        if last.replace(id) == Some(id) {
            break;
        }
        let beside = beside(path);
        let result = pack(&mut file, id, &beside).and_then(|()| replace(path, id, &beside));
        if result.is_err() {
            let _ = fs::remove_file(&beside);
        }
        result?;
    }
    Ok(())
}

/// The newest rotated file that is plain: it stays longest.
fn next(path: &Path) -> io::Result<Option<(File, FileId)>> {
    let _held = Lock::shared(path)?;
    let numbers = chain::list(path)?;
    let Some((&number, _)) = numbers.iter().find(|(number, forms)| **number > 0 && forms.plain) else {
        return Ok(None);
    };
    let file = match File::open(chain::numbered(path, number, false)) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let id = FileId::of(&file.metadata()?);
    Ok(Some((file, id)))
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".gz.new");
    name.into()
}

fn pack(file: &mut File, id: FileId, beside: &Path) -> io::Result<()> {
    let meta = file.metadata()?;
    let packed = File::create(beside)?;
    rustix::fs::fchmod(&packed, rustix::fs::Mode::from_raw_mode(0o640))?;
    packed::write(Header { id, len: meta.len() }, file, &packed)?;
    // Readers that look for a time pass over files by it.
    packed.set_modified(meta.modified()?)?;
    // On disk before the plain one goes: a power cut must not take both.
    packed.sync_data()
}

/// Puts the compressed file where the plain one is now: it may have moved meanwhile, or be gone.
fn replace(path: &Path, id: FileId, beside: &Path) -> io::Result<()> {
    let Some(_held) = Lock::exclusive(path)? else { return fs::remove_file(beside) };
    for (number, forms) in chain::list(path)? {
        let plain = chain::numbered(path, number, false);
        if number > 0 && forms.plain && chain::newest(&plain)? == Some(id) {
            fs::rename(beside, chain::numbered(path, number, true))?;
            return fs::remove_file(plain);
        }
    }
    fs::remove_file(beside)
}
