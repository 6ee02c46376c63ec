//! A fresh volume gets what the image has at its place when a copy comes before the first start, which would do it then.

use super::super::mounts::MountSpec;
use super::error::FilesError;
use super::view::View;
use super::walk;
use crate::archive::{Form, Limits, Rules, Tree, Writer, names, open_directory, pack, unpack};
use rustix::fs::{Gid, Mode, OFlags, Uid};
use std::io::{self, BufWriter};
use std::os::fd::AsFd;

const BUFFER: usize = 64 * 1024;

/// Fills an empty volume; what is not empty, or has nothing to be filled with, stays as it is. Blocking.
pub(super) fn populate(bare: &View, mount: &MountSpec) -> Result<(), FilesError> {
    let io = |operation| move |source: io::Error| FilesError::Io { operation, source };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let volume = rustix::fs::open(&mount.source, flags, Mode::empty()).map_err(|e| io("open a volume")(e.into()))?;
    if !names(&volume).map_err(|e| io("list a volume")(e.into()))?.is_empty() {
        return Ok(());
    }
    let Ok(path) = walk::resolve(bare.root(), mount.target.as_bytes()) else { return Ok(()) };
    let Ok(from) = open_directory(bare.root(), path.strip_prefix(b"/").unwrap_or_default()) else { return Ok(()) };
    let limits = Limits::of_file(&volume).map_err(io("look at the disk of a volume"))?;
    let tree = Tree::container(volume.try_clone().map_err(io("keep a volume"))?, b"");
    let (reader, writer) = io::pipe().map_err(io("make a pipe"))?;
    std::thread::scope(|scope| {
        let packing = scope.spawn(|| {
            let mut archive = Writer::new(BufWriter::with_capacity(BUFFER, writer), Form::Layer);
            pack(&mut archive, bare.root(), &path, b"")?;
            archive.finish().map(drop)
        });
        let unpacked = unpack(reader, tree, Rules::Copy { owner: None, keep_kinds: false }, limits);
        let packed = packing.join();
        // When the unpacking failed, the packing did because of that.
        unpacked?;
        packed.unwrap_or_else(|_panic| Err(crate::archive::WriteError::Write(io::ErrorKind::Other.into())))?;
        Ok::<_, FilesError>(())
    })?;
    let stat = rustix::fs::fstat(&from).map_err(|e| io("look at the image's directory")(e.into()))?;
    let (owner, group) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
    rustix::fs::fchown(volume.as_fd(), Some(owner), Some(group))
        .and_then(|()| rustix::fs::fchmod(&volume, Mode::from_raw_mode(stat.st_mode & 0o7777)))
        .map_err(|errno| io("set the owner of a volume")(errno.into()))
}
