//! Layers as honest tools make them; [`hostile`] ones are next door.

use super::*;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use tar::{Builder, EntryType, Header};

mod hostile;

/// A store of its own below a directory that must never change.
struct Store {
    root: tempfile::TempDir,
    paths: Paths,
}

impl Store {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::new(&root.path().join("data"), &root.path().join("exec"));
        for folder in [paths.layers(), paths.layer_links(), paths.staging(), paths.trash()] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(root.path().join("outside"), "untouched").unwrap();
        Self { root, paths }
    }

    fn add(&self, tar: &[u8]) -> Result<PathBuf, LayerError> {
        let digest = Digest::of(tar);
        add(&self.paths, digest, digest, tar).map(|_| self.paths.layers().join(lower_dir(&digest)))
    }

    /// All paths of the store's world, except what a successful layer put into its own directory.
    fn world(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.root.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_dir() && entry.file_name() != "diff" {
                    folders.push(entry.path());
                }
                found.push(entry.path());
            }
        }
        found.sort();
        found
    }

    /// The tar is refused, with this in the message, and nothing of it is left.
    fn refuses(&self, tar: &[u8], expected: &str) {
        let before = self.world();
        let error = self.add(tar).expect_err(expected);
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            text += &format!(": {error}");
            cause = error.source();
        }
        assert!(text.contains(expected), "{expected:?} is not in {text:?}");
        assert_eq!(self.world(), before, "{expected}");
        self.untouched();
    }

    fn untouched(&self) {
        assert_eq!(fs::read_to_string(self.root.path().join("outside")).unwrap(), "untouched");
    }
}

/// Writes entries whose names no honest tool would write.
#[derive(Default)]
struct Tar(Vec<u8>);

impl Tar {
    fn entry(mut self, kind: EntryType, name: &str, link: &str, data: &[u8]) -> Self {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(data.len() as u64);
        header.set_mode(if kind.is_dir() { 0o755 } else { 0o644 });
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_000_000_000);
        let old = header.as_old_mut();
        assert!(name.len() <= 100 && link.len() <= 100);
        old.name[..name.len()].copy_from_slice(name.as_bytes());
        old.linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_cksum();
        self.0.extend(header.as_bytes());
        self.0.extend(data);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn file(self, name: &str, data: &str) -> Self {
        self.entry(EntryType::Regular, name, "", data.as_bytes())
    }

    fn dir(self, name: &str) -> Self {
        self.entry(EntryType::Directory, name, "", b"")
    }

    fn symlink(self, name: &str, target: &str) -> Self {
        self.entry(EntryType::Symlink, name, target, b"")
    }

    fn hard_link(self, name: &str, target: &str) -> Self {
        self.entry(EntryType::Link, name, target, b"")
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend([0; 1024]);
        self.0
    }
}

/// Of an empty file.
fn plain_header(uid: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_mode(0o644);
    header.set_uid(uid);
    header.set_gid(0);
    header.set_size(0);
    header.set_mtime(0);
    header
}

fn opaque(path: &Path) -> bool {
    let mut value = [0; 8];
    rustix::fs::lgetxattr(path, "trusted.overlay.opaque", &mut value[..]).is_ok_and(|length| &value[..length] == b"y")
}

fn whiteout(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_char_device() && meta.rdev() == 0)
}

#[test]
fn every_kind_of_entry_arrives_with_its_owner_mode_and_times() {
    let store = Store::new();
    let mut builder = Builder::new(Vec::new());
    let header = |kind, mode, size| {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(1234);
        header.set_gid(5678);
        header.set_mtime(1_000_000_000);
        header.set_size(size);
        header
    };
    let long = format!("dir/{}", "n".repeat(200));
    builder.append_data(&mut header(EntryType::Directory, 0o1777, 0), "dir", &b""[..]).unwrap();
    builder.append_data(&mut header(EntryType::Regular, 0o4755, 5), "dir/suid", &b"hello"[..]).unwrap();
    builder.append_data(&mut header(EntryType::Regular, 0o600, 3), &long, &b"abc"[..]).unwrap();
    builder.append_link(&mut header(EntryType::Symlink, 0o777, 0), "abs", "/etc/passwd").unwrap();
    builder.append_link(&mut header(EntryType::Link, 0o644, 0), "hard", "dir/suid").unwrap();
    builder.append_data(&mut header(EntryType::Fifo, 0o622, 0), "fifo", &b""[..]).unwrap();
    let mut device = header(EntryType::Char, 0o666, 0);
    device.set_device_major(1).unwrap();
    device.set_device_minor(3).unwrap();
    builder.append_data(&mut device, "null", &b""[..]).unwrap();
    // Version 2 of a capability set: cap_net_bind_service. It holds a newline's byte on purpose.
    let capability = b"\x01\x00\x00\x02\x0a\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00";
    let attributes: [(&str, &[u8]); 2] =
        [("SCHILY.xattr.security.capability", capability), ("SCHILY.xattr.trusted.overlay.redirect", b"/etc")];
    builder.append_pax_extensions(attributes).unwrap();
    builder.append_data(&mut header(EntryType::Regular, 0o755, 2), "capable", &b"ok"[..]).unwrap();

    let layer = store.add(&builder.into_inner().unwrap()).unwrap();
    let meta = |name: &str| fs::symlink_metadata(layer.join(name)).unwrap();
    for name in ["dir", "dir/suid", &long, "abs", "fifo", "null", "capable"] {
        let meta = meta(name);
        assert_eq!((meta.uid(), meta.gid(), meta.mtime()), (1234, 5678, 1_000_000_000), "{name}");
    }
    assert_eq!(meta("dir").mode() & 0o7777, 0o1777);
    assert_eq!(meta("dir/suid").mode() & 0o7777, 0o4755);
    assert_eq!(fs::read_to_string(layer.join(&long)).unwrap(), "abc");
    assert_eq!(fs::read_link(layer.join("abs")).unwrap(), Path::new("/etc/passwd"));
    assert_eq!(meta("hard").ino(), meta("dir/suid").ino());
    assert!(meta("fifo").file_type().is_fifo());
    assert_eq!((meta("null").rdev(), meta("null").mode() & 0o7777), (rustix::fs::makedev(1, 3), 0o666));
    let mut value = [0; 64];
    let length = rustix::fs::lgetxattr(layer.join("capable"), "security.capability", &mut value[..]).unwrap();
    assert_eq!(&value[..length], capability);
    assert!(rustix::fs::lgetxattr(layer.join("capable"), "trusted.overlay.redirect", &mut value[..]).is_err());
}

#[test]
fn an_entry_for_the_root_itself_sets_its_owner_mode_and_time() {
    let store = Store::new();
    for name in ["./", ".", "/"] {
        let mut header = plain_header(7);
        header.set_entry_type(EntryType::Directory);
        header.set_mode(0o700);
        header.set_mtime(99);
        let old = header.as_old_mut();
        old.name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        let layer = store.add(&[header.as_bytes(), &Tar::default().file("x", name).0[..]].concat()).unwrap();
        let meta = fs::metadata(&layer).unwrap();
        assert_eq!((meta.uid(), meta.mode() & 0o7777, meta.mtime()), (7, 0o700, 99), "{name}");
    }
}

#[test]
fn whiteouts_hide_lower_layers_and_never_what_the_same_layer_brings() {
    let store = Store::new();
    let tar = Tar::default()
        .dir("a")
        .file("a/.wh.gone", "")
        .dir("b")
        .file("b/.wh..wh..opq", "")
        .file("b/new", "x")
        // In both orders: a folder that replaces one of a lower layer, and a file.
        .dir("c")
        .file(".wh.c", "")
        .file(".wh.d", "")
        .dir("d")
        .file("e", "kept")
        .file(".wh.e", "")
        .file(".wh..wh.aufs", "");
    let layer = store.add(&tar.end()).unwrap();
    assert!(whiteout(&layer.join("a/gone")));
    assert!(opaque(&layer.join("b")) && layer.join("b/new").exists());
    assert!(opaque(&layer.join("c")) && opaque(&layer.join("d")) && !opaque(&layer.join("a")));
    assert_eq!(fs::read_to_string(layer.join("e")).unwrap(), "kept");
    assert_eq!(fs::read_dir(&layer).unwrap().count(), 5);
}

#[test]
fn the_later_of_two_entries_wins() {
    let store = Store::new();
    let tar = Tar::default()
        .file("x", "one")
        .file("./x", "two")
        .dir("dir")
        .file("dir/inner", "")
        .file("dir", "now a file")
        .symlink("link", "x")
        .dir("link")
        .file("link/inner", "in a folder");
    let layer = store.add(&tar.end()).unwrap();
    let read = |name: &str| fs::read_to_string(layer.join(name)).unwrap();
    assert_eq!((read("x"), read("dir"), read("link/inner")), ("two".into(), "now a file".into(), "in a folder".into()));
}

#[test]
fn parents_are_made_and_links_inside_are_followed() {
    let store = Store::new();
    let tar = Tar::default().dir("usr/lib").symlink("lib", "usr/lib").file("lib/x/y", "here").file("/abs/olute", "too");
    let layer = store.add(&tar.end()).unwrap();
    assert_eq!(fs::read_to_string(layer.join("usr/lib/x/y")).unwrap(), "here");
    assert_eq!(fs::read_to_string(layer.join("abs/olute")).unwrap(), "too");
    store.untouched();
}

#[test]
fn holes_stay_holes() {
    let store = Store::new();
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::GNUSparse);
    header.set_path("sparse").unwrap();
    header.set_mode(0o644);
    header.set_size(3);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    let gnu = header.as_gnu_mut().unwrap();
    gnu.set_real_size(64 << 20);
    gnu.sparse[0].set_offset(1 << 20);
    gnu.sparse[0].set_length(3);
    header.set_cksum();
    let mut tar = header.as_bytes().to_vec();
    tar.extend(b"abc");
    tar.resize(tar.len().next_multiple_of(512), 0);
    let layer = store.add(&tar).unwrap();
    let meta = fs::metadata(layer.join("sparse")).unwrap();
    assert_eq!(meta.len(), 64 << 20);
    assert!(meta.blocks() < 1000);
    assert_eq!(&fs::read(layer.join("sparse")).unwrap()[1 << 20..][..4], b"abc\0");
}

#[test]
fn many_may_add_the_same_layer_at_once() {
    let store = Store::new();
    let tar = (0..50).fold(Tar::default(), |tar, n| tar.file(&format!("f{n}"), "content")).end();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| store.add(&tar).unwrap())).collect();
        threads.into_iter().for_each(|thread| assert_eq!(fs::read_dir(thread.join().unwrap()).unwrap().count(), 50));
    });
    assert_eq!(fs::read_dir(store.paths.staging()).unwrap().count(), 0);
    assert_eq!(open_all(&store.paths).unwrap().len(), 1);
}

#[test]
fn missing_links_are_made_again_and_foreign_ones_are_an_error() {
    let store = Store::new();
    let layer = store.add(&Tar::default().file("x", "").end()).unwrap();
    fs::remove_file(&layer).unwrap();
    assert_eq!(open_all(&store.paths).unwrap().len(), 1);
    assert!(layer.join("x").exists());
    fs::remove_file(&layer).unwrap();
    std::os::unix::fs::symlink("../other/diff", &layer).unwrap();
    assert!(open_all(&store.paths).unwrap_err().to_string().starts_with("link "));
}

#[test]
fn chain_ids_are_those_of_the_specification() {
    let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
    let chain = chain_ids(&[a, b, a]);
    assert_eq!(chain[0], a);
    assert_eq!(chain[1], Digest::of(format!("{a} {b}").as_bytes()));
    assert_eq!(chain[2], Digest::of(format!("{} {a}", chain[1]).as_bytes()));
}
