//! One layer: a tree in memory that becomes the same tar whenever it has the same content.

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use tar::{Builder, EntryType, Header};

/// Debian has moved these below `/usr`; packages may still name them by the old path.
const MERGED: [&str; 4] = ["bin", "lib", "lib64", "sbin"];

/// A tree; names are relative, without a slash at either end.
#[derive(Default)]
pub(super) struct Layer {
    nodes: BTreeMap<String, Node>,
}

struct Node {
    mode: u32,
    owner: (u64, u64),
    kind: Kind,
}

enum Kind {
    Directory,
    File(Vec<u8>),
    Symlink(String),
}

impl Layer {
    /// A directory and those above it.
    pub(super) fn dir(&mut self, path: &str, mode: u32) {
        self.parents(path);
        self.put(path, mode, Kind::Directory);
    }

    pub(super) fn file(&mut self, path: &str, mode: u32, content: impl Into<Vec<u8>>) {
        self.parents(path);
        self.put(path, mode, Kind::File(content.into()));
    }

    pub(super) fn symlink(&mut self, path: &str, target: &str) {
        self.parents(path);
        self.put(path, 0o777, Kind::Symlink(target.to_owned()));
    }

    pub(super) fn owner(&mut self, path: &str, uid: u64, gid: u64) {
        if let Some(node) = self.nodes.get_mut(path) {
            node.owner = (uid, gid);
        }
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.nodes.contains_key(path)
    }

    /// All names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.nodes.keys().map(String::as_str)
    }

    /// Names of files, with their content.
    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.nodes.iter().filter_map(|(path, node)| match &node.kind {
            Kind::File(content) => Some((&path[..], &content[..])),
            _ => None,
        })
    }

    /// Keeps what `wanted` says; directories that become empty go as well.
    pub(super) fn retain(&mut self, wanted: impl Fn(&str) -> bool) {
        self.nodes.retain(|path, node| matches!(node.kind, Kind::Directory) || wanted(path));
        let used: Vec<String> = self
            .nodes
            .iter()
            .filter(|(_, node)| !matches!(node.kind, Kind::Directory))
            .map(|(path, _)| path.clone())
            .collect();
        self.nodes.retain(|path, node| {
            !matches!(node.kind, Kind::Directory) || used.iter().any(|file| file.starts_with(&format!("{path}/")))
        });
    }

    /// The unpacked packages below `root`, as a system with merged directories has them.
    pub(super) fn tree(&mut self, root: &Path) -> Result<()> {
        for name in MERGED {
            self.symlink(name, &format!("usr/{name}"));
            self.dir(&format!("usr/{name}"), 0o755);
        }
        self.add(root, "")
    }

    fn add(&mut self, root: &Path, below: &str) -> Result<()> {
        let folder = root.join(below);
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_str().with_context(|| format!("{} is no text", entry.path().display()))?;
            let path = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
            let meta = fs::symlink_metadata(entry.path())?;
            let place = match MERGED.iter().find(|top| path.split('/').next() == Some(top)) {
                Some(_) => format!("usr/{path}"),
                None => path.clone(),
            };
            let kind = meta.file_type();
            if kind.is_dir() {
                self.dir(&place, meta.mode() & 0o7777);
                self.add(root, &path)?;
            } else if kind.is_symlink() {
                let target = fs::read_link(entry.path())?;
                self.symlink(&place, &target.to_string_lossy());
            } else if kind.is_file() {
                let content =
                    fs::read(entry.path()).with_context(|| format!("cannot read {}", entry.path().display()))?;
                self.file(&place, meta.mode() & 0o7777, content);
            } else if kind.is_char_device() || kind.is_block_device() || kind.is_fifo() || kind.is_socket() {
                bail!("{}: packages bring no such files", entry.path().display());
            }
        }
        Ok(())
    }

    fn parents(&mut self, path: &str) {
        for (at, _) in path.match_indices('/') {
            self.nodes.entry(path[..at].to_owned()).or_insert(Node {
                mode: 0o755,
                owner: (0, 0),
                kind: Kind::Directory,
            });
        }
    }

    fn put(&mut self, path: &str, mode: u32, kind: Kind) {
        self.nodes.insert(path.to_owned(), Node { mode, owner: (0, 0), kind });
    }

    /// Sorted, without times: the same tree is the same tar.
    pub(super) fn tar(&self) -> Result<Vec<u8>> {
        let mut builder = Builder::new(Vec::new());
        for (path, node) in &self.nodes {
            let mut header = Header::new_gnu();
            header.set_mode(node.mode);
            header.set_uid(node.owner.0);
            header.set_gid(node.owner.1);
            header.set_mtime(0);
            header.set_size(0);
            match &node.kind {
                Kind::Directory => {
                    header.set_entry_type(EntryType::Directory);
                    builder.append_data(&mut header, format!("{path}/"), std::io::empty())?;
                }
                Kind::File(content) => {
                    header.set_entry_type(EntryType::Regular);
                    header.set_size(content.len() as u64);
                    builder.append_data(&mut header, path, &content[..])?;
                }
                Kind::Symlink(target) => {
                    header.set_entry_type(EntryType::Symlink);
                    builder.append_link(&mut header, path, target)?;
                }
            }
        }
        Ok(builder.into_inner()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_making_does_not_matter() {
        let mut one = Layer::default();
        one.file("b/c", 0o644, "x");
        one.symlink("a", "b/c");
        let mut two = Layer::default();
        two.symlink("a", "b/c");
        two.dir("b", 0o755);
        two.file("b/c", 0o644, "x");
        assert_eq!(one.tar().unwrap(), two.tar().unwrap());
    }

    #[test]
    fn what_is_not_wanted_goes_with_its_empty_folders() {
        let mut layer = Layer::default();
        layer.file("usr/share/doc/x/copyright", 0o644, "");
        layer.file("usr/bin/x", 0o755, "");
        layer.retain(|path| !path.starts_with("usr/share/doc/"));
        assert!(layer.has("usr/bin/x") && layer.has("usr/bin") && !layer.has("usr/share"));
    }
}
