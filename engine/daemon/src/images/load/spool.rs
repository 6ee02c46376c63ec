//! The archive's files, copied into a staging directory under numbers and known by name.

use crate::archive::{Archive, Kind, Limited, Limits, decompress};
use crate::images::blobs::{self, LARGEST_DOCUMENT};
use crate::images::digest::Digest;
use crate::images::error::ImageError;
use crate::images::record::Blob;
use crate::images::register::Delivered;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// An archive of images has a handful of files for each image.
const MOST_FILES: usize = 100_000;

pub(super) struct Spool {
    files: HashMap<String, Spooled>,
    /// `docker save` before 25 wrote a layer that two images share once, and a link for the other.
    links: HashMap<String, String>,
}

struct Spooled {
    path: PathBuf,
    digest: Digest,
    size: u64,
}

impl Spool {
    pub(super) fn read(input: impl Read, folder: &Path) -> Result<Self, ImageError> {
        let most = Limits::of_path(folder).map_err(ImageError::io("look at the disk of", folder))?.bytes;
        let plain = decompress(input)?;
        let mut archive = Archive::new(Limited::new(plain, most));
        let mut spool = Self { files: HashMap::new(), links: HashMap::new() };
        let mut count = 0_usize;
        while let Some(entry) = archive.next()? {
            let name = clean(&entry.name());
            match entry.kind {
                Kind::File => {
                    let path = folder.join(count.to_string());
                    count += 1;
                    let (digest, size) = blobs::spool(&mut archive, &path, entry.stored)?;
                    spool.files.insert(name, Spooled { path, digest, size });
                }
                Kind::Symlink | Kind::HardLink => {
                    let target = String::from_utf8_lossy(&entry.link).into_owned();
                    let base = if entry.kind == Kind::HardLink {
                        ""
                    } else {
                        name.rsplit_once('/').map_or("", |(base, _)| base)
                    };
                    let target = relative(base, &target);
                    spool.links.insert(name, target);
                }
                _ => {}
            }
            if spool.files.len() + spool.links.len() > MOST_FILES {
                return Err(ImageError::Layout(format!("more than {MOST_FILES} files")));
            }
        }
        // A sender that is not read to the end sees a broken connection instead of the answer.
        archive.drain()?;
        Ok(spool)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.file(name).is_some()
    }

    fn file(&self, name: &str) -> Option<&Spooled> {
        let name = clean(name);
        self.files.get(&name).or_else(|| self.files.get(self.links.get(&name)?))
    }

    fn expect(&self, name: &str) -> Result<&Spooled, ImageError> {
        self.file(name).ok_or_else(|| ImageError::Layout(format!("{name} is missing")))
    }

    /// A small file's bytes.
    pub(super) fn bytes(&self, name: &str) -> Result<Vec<u8>, ImageError> {
        let file = self.expect(name)?;
        if file.size > LARGEST_DOCUMENT {
            return Err(ImageError::Layout(format!("{name} has {} bytes, which no document has", file.size)));
        }
        fs::read(&file.path).map_err(ImageError::io("read", &file.path))
    }

    /// A JSON document.
    pub(super) fn document<T: DeserializeOwned>(&self, name: &str) -> Result<T, ImageError> {
        parse(name, &self.bytes(name)?)
    }

    /// A document that a descriptor names by its digest.
    pub(super) fn blob(&self, blob: &Blob) -> Result<Vec<u8>, ImageError> {
        let name = blob_name(&blob.digest);
        check(blob, self.expect(&name)?)?;
        self.bytes(&name)
    }

    /// A layer that a descriptor names by its digest.
    pub(super) fn layer_blob(&self, blob: &Blob) -> Result<Delivered, ImageError> {
        let file = self.expect(&blob_name(&blob.digest))?;
        check(blob, file)?;
        Ok(Delivered { file: file.path.clone(), blob: Blob { size: file.size, ..blob.clone() } })
    }

    /// A layer that is named by its file.
    pub(super) fn layer_file(&self, name: &str) -> Result<Delivered, ImageError> {
        let file = self.expect(name)?;
        let mut start = Vec::new();
        let read = File::open(&file.path).and_then(|opened| opened.take(4).read_to_end(&mut start));
        read.map_err(ImageError::io("read", &file.path))?;
        let media_type = media_type(&start).to_owned();
        Ok(Delivered { file: file.path.clone(), blob: Blob { media_type, digest: file.digest, size: file.size } })
    }
}

/// The OCI media type of a layer that begins so.
pub(in crate::images) fn media_type(start: &[u8]) -> &'static str {
    match start {
        [0x1f, 0x8b, ..] => "application/vnd.oci.image.layer.v1.tar+gzip",
        [0x28, 0xb5, 0x2f, 0xfd] => "application/vnd.oci.image.layer.v1.tar+zstd",
        _ => "application/vnd.oci.image.layer.v1.tar",
    }
}

pub(super) fn parse<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, ImageError> {
    hull_api::decode::from_slice(bytes).map_err(|source| ImageError::Document { name: name.to_owned(), source })
}

fn blob_name(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

fn check(expected: &Blob, file: &Spooled) -> Result<(), ImageError> {
    if file.digest != expected.digest {
        return Err(ImageError::Digest { expected: expected.digest, found: file.digest });
    }
    if expected.size != 0 && file.size != expected.size {
        let (digest, said, has) = (expected.digest, expected.size, file.size);
        return Err(ImageError::Layout(format!("blob {digest} has {has} bytes, its descriptor says {said}")));
    }
    Ok(())
}

/// One spelling for each name of a table; nothing is opened by it.
fn clean(name: &str) -> String {
    relative("", name)
}

fn relative(base: &str, name: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(name.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_looked_up_in_one_spelling() {
        for (base, name, cleaned) in
            [("", "./a//b", "a/b"), ("a", "../c/layer.tar", "c/layer.tar"), ("", "../../x", "x"), ("", "/x/", "x")]
        {
            assert_eq!(relative(base, name), cleaned);
        }
    }
}
