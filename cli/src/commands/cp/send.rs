//! Packs local files as a tar, in constant memory.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header, HeaderMode};

use super::paths::{Plan, Source};
use super::pipe::Writer;
use crate::commands::CommandError;

/// Packs the source under the names that it gets at the destination.
pub(super) fn pack(source: &Source, plan: &Plan, output: Writer) -> Result<(), CommandError> {
    let mut packer = Packer { tar: Builder::new(output), links: HashMap::new() };
    let name = OsString::from_vec(plan.renamed(name_of(source).as_bytes()));
    match packer.tree(Path::new(&source.path), Path::new(&name)) {
        Ok(()) => {
            let end = packer.tar.into_inner().and_then(|mut output| output.flush());
            end.map_err(|error| CommandError::InStream(error.to_string()))
        }
        Err((path, error)) => {
            let text = format!("{}: {}", path.display(), crate::request::error::reason(&error));
            packer.tar.get_ref().fail(error);
            Err(CommandError::InStream(text))
        }
    }
}

/// As the rename expects it: the last component of the path.
fn name_of(source: &Source) -> &str {
    let path = source.path.trim_end_matches('/');
    match path.rsplit_once('/') {
        _ if path.is_empty() => "",
        Some((_, name)) => name,
        None => path,
    }
}

type Failed = (PathBuf, io::Error);

struct Packer {
    tar: Builder<Writer>,
    /// Files with several names: the others are links to the first.
    links: HashMap<(u64, u64), PathBuf>,
}

impl Packer {
    fn tree(&mut self, path: &Path, name: &Path) -> Result<(), Failed> {
        let mut pending = vec![(path.to_owned(), name.to_owned())];
        while let Some((path, name)) = pending.pop() {
            let failed = |error| (path.clone(), error);
            let meta = fs::symlink_metadata(&path).map_err(failed)?;
            self.one(&path, &name, &meta).map_err(failed)?;
            if meta.is_dir() {
                let entries = fs::read_dir(&path).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(failed)?;
                let mut names: Vec<_> = entries.iter().map(fs::DirEntry::file_name).collect();
                names.sort();
                // The last one in is the first one out.
                pending.extend(names.into_iter().rev().map(|child| (path.join(&child), name.join(&child))));
            }
        }
        Ok(())
    }

    fn one(&mut self, path: &Path, name: &Path, meta: &Metadata) -> io::Result<()> {
        let mut header = Header::new_gnu();
        header.set_metadata_in_mode(meta, HeaderMode::Complete);
        let kind = meta.file_type();
        if !meta.is_dir() && meta.nlink() > 1 {
            if let Some(first) = self.links.get(&(meta.dev(), meta.ino())) {
                header.set_entry_type(EntryType::Link);
                header.set_size(0);
                return self.tar.append_link(&mut header, name, first);
            }
            self.links.insert((meta.dev(), meta.ino()), name.to_owned());
        }
        if kind.is_symlink() {
            header.set_size(0);
            self.tar.append_link(&mut header, name, fs::read_link(path)?)
        } else if kind.is_dir() {
            // `/` itself has no name in an archive.
            let unnamed = name.as_os_str().is_empty();
            if unnamed { Ok(()) } else { self.tar.append_data(&mut header, name.join(""), io::empty()) }
        } else if kind.is_file() {
            let size = meta.len();
            header.set_size(size);
            // A file that grows is cut, one that shrinks is filled up: its size is said already.
            let content = File::open(path)?.chain(io::repeat(0)).take(size);
            self.tar.append_data(&mut header, name, content)
        } else if kind.is_socket() {
            Ok(())
        } else {
            header.set_size(0);
            let (major, minor) = (rustix::fs::major(meta.rdev()), rustix::fs::minor(meta.rdev()));
            header.set_device_major(major)?;
            header.set_device_minor(minor)?;
            self.tar.append_data(&mut header, name, io::empty())
        }
    }
}
