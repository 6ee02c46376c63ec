//! Trees into archives and back, and archives that mean harm, in a directory that plays a container's root. Layers have
//! their own tests in `images/layers`.

use super::*;
use proptest::prelude::*;
use rustix::fs::{Mode, OFlags};
use std::collections::BTreeMap;
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use tar::{EntryType, Header};

const KEEP: Rules = Rules::Copy { owner: None, keep_kinds: true };
const REPLACE: Rules = Rules::Copy { owner: None, keep_kinds: false };
const PLENTY: Limits = Limits { bytes: 1 << 30, entries: 1 << 20 };

/// A root in a world that must not change.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("root/dest")).unwrap();
        fs::create_dir(folder.path().join("outside")).unwrap();
        fs::write(folder.path().join("outside/file"), "untouched").unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("root").join(name)
    }

    fn root(&self) -> OwnedFd {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::open(self.path(""), flags, Mode::empty()).unwrap()
    }

    fn put(&self, tar: &[u8], rules: Rules) -> Result<u64, UnpackError> {
        let result = unpack(tar, Tree::container(self.root(), b"/dest"), rules, PLENTY);
        self.untouched();
        result
    }

    fn untouched(&self) {
        let outside: Vec<_> = fs::read_dir(self.folder.path().join("outside")).unwrap().collect();
        assert_eq!(outside.len(), 1);
        assert_eq!(fs::read_to_string(self.folder.path().join("outside/file")).unwrap(), "untouched");
        assert_eq!(fs::read_dir(self.folder.path()).unwrap().count(), 2);
    }
}

fn entry(kind: EntryType, name: &str, link: &str, data: &[u8]) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(data.len() as u64);
    header.set_mode(if kind.is_dir() { 0o755 } else { 0o644 });
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(1_000_000_000);
    let old = header.as_old_mut();
    old.name[..name.len()].copy_from_slice(name.as_bytes());
    old.linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn file(name: &str, data: &str) -> Vec<u8> {
    entry(EntryType::Regular, name, "", data.as_bytes())
}

#[test]
fn links_lead_within_the_root_and_nowhere_else() {
    let world = World::new();
    let outside = world.folder.path().join("outside").display().to_string();
    symlink(&outside, world.path("dest/absolute")).unwrap();
    symlink("../../outside", world.path("dest/relative")).unwrap();
    symlink("/elsewhere", world.path("dest/inside")).unwrap();
    fs::create_dir(world.path("elsewhere")).unwrap();
    assert!(world.put(&file("absolute/file", "x"), REPLACE).is_err(), "there is no such directory inside");
    assert!(world.put(&file("relative/file", "x"), REPLACE).is_err());
    world.put(&file("inside/file", "x"), REPLACE).unwrap();
    assert_eq!(fs::read_to_string(world.path("elsewhere/file")).unwrap(), "x");
    for name in ["../up", "a/../../up", "/../up", ".."] {
        assert!(matches!(world.put(&file(name, "x"), REPLACE), Err(UnpackError::Escapes { .. })), "{name}");
    }
    for target in ["../../outside/file", "/../outside/file", "relative/file", "absolute/file"] {
        assert!(world.put(&entry(EntryType::Link, "stolen", target, b""), REPLACE).is_err(), "{target}");
    }
    // A link that is replaced is not written through.
    world.put(&file("absolute", "own"), REPLACE).unwrap();
    assert!(fs::symlink_metadata(world.path("dest/absolute")).unwrap().is_file());
}

#[test]
fn kinds_are_kept_or_replaced_as_asked() {
    let world = World::new();
    fs::create_dir_all(world.path("dest/d/full")).unwrap();
    fs::write(world.path("dest/f"), "old").unwrap();
    let over_directory = file("d", "file");
    let over_file = entry(EntryType::Directory, "f/", "", b"");
    let error = world.put(&over_directory, KEEP).unwrap_err().to_string();
    assert_eq!(error, "cannot overwrite directory \"/dest/d\" with non-directory \"/dest\"");
    let error = world.put(&over_file, KEEP).unwrap_err().to_string();
    assert_eq!(error, "cannot overwrite non-directory \"/dest/f\" with directory \"/dest\"");
    assert!(world.path("dest/d/full").is_dir() && world.path("dest/f").is_file());
    world.put(&over_directory, REPLACE).unwrap();
    world.put(&over_file, REPLACE).unwrap();
    assert!(world.path("dest/d").is_file() && world.path("dest/f").is_dir());
    // Names that mean something in a layer mean nothing here.
    world.put(&[file(".wh.f", ""), file(".wh..wh..opq", "")].concat(), REPLACE).unwrap();
    assert!(world.path("dest/.wh.f").is_file() && world.path("dest/f").is_dir());
    let owned = Rules::Copy { owner: Some((5, 6)), keep_kinds: true };
    if rustix::process::geteuid().is_root() {
        world.put(&file("owned", ""), owned).unwrap();
        let meta = fs::metadata(world.path("dest/owned")).unwrap();
        assert_eq!((meta.uid(), meta.gid()), (5, 6));
    }
}

#[test]
fn what_breaks_off_leaves_the_old_file_and_nothing_beside_it() {
    let world = World::new();
    fs::write(world.path("dest/f"), "old").unwrap();
    let whole = file("f", &"new".repeat(1000));
    for cut in [513, 1024, 512 + 2999] {
        assert!(world.put(&whole[..cut], REPLACE).is_err());
        assert_eq!(fs::read_to_string(world.path("dest/f")).unwrap(), "old");
        assert_eq!(fs::read_dir(world.path("dest")).unwrap().count(), 1, "cut at {cut}");
    }
    let many = (0..20).map(|n| file(&format!("f{n}"), "")).collect::<Vec<_>>().concat();
    let few = Limits { entries: 5, ..PLENTY };
    let result = unpack(&many[..], Tree::container(world.root(), b"/dest"), REPLACE, few);
    assert!(matches!(result, Err(UnpackError::TooMany { limit: 5 })));
    let bomb = Limited::new(&whole[..], 1000);
    let result = unpack(bomb, Tree::container(world.root(), b"/dest"), REPLACE, PLENTY);
    assert!(matches!(result, Err(UnpackError::TooLarge { limit: 1000 })));
    assert_eq!(fs::read_to_string(world.path("dest/f")).unwrap(), "old");
}

/// What a tree has, for comparing.
fn described(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut pending = vec![root.to_owned()];
    while let Some(path) = pending.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        let kind = meta.file_type();
        let content = if kind.is_dir() {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            String::new()
        } else if kind.is_symlink() {
            fs::read_link(&path).unwrap().display().to_string()
        } else if kind.is_file() {
            format!("{} bytes {:?}", meta.len(), Digest::of(&fs::read(&path).unwrap()))
        } else {
            format!("{} {}", kind.is_fifo(), meta.rdev())
        };
        let line = format!("{:o} {} {} {}", meta.mode(), meta.mtime(), meta.nlink(), content);
        found.insert(path.strip_prefix(root).unwrap().to_owned(), line);
    }
    found
}

use crate::images::Digest;

#[test]
fn a_tree_is_the_same_after_both_ways() {
    let world = World::new();
    let deep = format!("dest/{}", "d/".repeat(100));
    fs::create_dir_all(world.path(&deep)).unwrap();
    fs::write(world.path(&format!("{deep}x")), "deep").unwrap();
    fs::write(world.path("dest/file"), "content".repeat(100_000)).unwrap();
    fs::hard_link(world.path("dest/file"), world.path("dest/same")).unwrap();
    symlink("n".repeat(200), world.path("dest/link")).unwrap();
    fs::write(world.path(&format!("dest/{}", "long".repeat(50))), "").unwrap();
    fs::set_permissions(world.path("dest/same"), fs::Permissions::from_mode(0o6711)).unwrap();
    let holes = fs::File::create(world.path("dest/holes")).unwrap();
    holes.write_all_at(b"start", 0).unwrap();
    holes.write_all_at(b"middle", 5 << 20).unwrap();
    holes.set_len(20 << 20).unwrap();
    rustix::fs::mknodat(
        fs::File::open(world.path("dest")).unwrap(),
        "pipe",
        rustix::fs::FileType::Fifo,
        Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(world.path("dest/socket")).unwrap();
    for (form, sparse) in [(Form::Layer, true), (Form::Export, false), (Form::Copy, false)] {
        let mut writer = Writer::new(Vec::new(), form);
        pack(&mut writer, world.root().as_fd(), b"/dest", b"copy").unwrap();
        let archive = writer.finish().unwrap();
        assert_eq!(archive.len() < 10 << 20, sparse, "{form:?}: {}", archive.len());
        let other = World::new();
        other.put(&archive, REPLACE).unwrap();
        let mut expected = described(&world.path("dest"));
        expected.remove(Path::new("socket"));
        assert_eq!(described(&other.path("dest/copy")), expected, "{form:?}");
    }
}

/// Names out of few parts, so that entries meet each other and links lead somewhere.
fn name() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec!["a", "b", "c", "..", ".", "", "/", "outside", "dest", "root"]);
    prop::collection::vec(part, 1..6).prop_map(|parts| parts.join("/"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_entries_leaves_the_root(
        entries in prop::collection::vec((0_u8..6, name(), name()), 1..12),
        keep_kinds in any::<bool>(),
    ) {
        let world = World::new();
        let outside = world.folder.path().join("outside").display().to_string();
        symlink(&outside, world.path("dest/a")).unwrap();
        for (kind, name, link) in &entries {
            let tar = match kind {
                0 => file(name, "content"),
                1 => entry(EntryType::Directory, name, "", b""),
                2 => entry(EntryType::Symlink, name, link, b""),
                3 => entry(EntryType::Link, name, link, b""),
                4 => entry(EntryType::Symlink, name, &outside[..outside.len().min(100)], b""),
                _ => entry(EntryType::Fifo, name, "", b""),
            };
            // Whether it is taken or refused: the world outside is looked at after each.
            let _ = world.put(&tar, Rules::Copy { owner: None, keep_kinds });
        }
    }
}
