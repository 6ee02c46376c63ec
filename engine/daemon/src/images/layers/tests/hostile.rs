//! Layers as an attacker would make them: an error each, and nothing outside or left behind.

use super::*;
use crate::archive::ArchiveError;
use proptest::prelude::*;

#[test]
fn what_leads_out_is_refused_and_leaves_nothing() {
    let store = Store::new();
    let outside = store.root.path().join("outside").display().to_string();
    let up = "../../../../outside";
    let refuse = |tar: Tar| store.refuses(&tar.end(), "leads out of the directory");
    refuse(Tar::default().file(up, "x"));
    refuse(Tar::default().dir("a").file("a/../../x", "x"));
    refuse(Tar::default().dir("..").file("x", "x"));
    refuse(Tar::default().symlink("out", "..").file("out/x", "x"));
    refuse(Tar::default().symlink("out", store.root.path().to_str().unwrap()).file("out/outside", "x"));
    refuse(Tar::default().symlink("a", "b").symlink("b", "../..").file("a/x", "x"));
    refuse(Tar::default().symlink("out", "/proc/self/root").file("out/x", "x"));
    refuse(Tar::default().symlink("out", "..").file("out/.wh.outside", ""));
    refuse(Tar::default().file(".wh...", ""));
    refuse(Tar::default().file(".wh..", ""));
    refuse(Tar::default().file(".wh.", ""));
    refuse(Tar::default().hard_link("stolen", up));
    refuse(Tar::default().symlink("out", "..").hard_link("stolen", "out/outside"));
    refuse(Tar::default().file(".", "root as a file"));
    // Beneath the layer's root there is no such file, whatever the host has.
    store.refuses(&Tar::default().hard_link("stolen", &outside[..outside.len().min(100)]).end(), "open the parent of");
    store.refuses(&Tar::default().hard_link("self", "self").end(), "self");
    store.refuses(&Tar::default().symlink("loop", "loop").file("loop/x", "x").end(), "open the parent of");
    store.refuses(&Tar::default().symlink("nowhere", "missing").file("nowhere/x", "x").end(), "open the parent of");
    store.refuses(&Tar::default().file("f", "").file("f/x", "x").end(), "open the parent of");
}

#[test]
fn a_link_that_was_written_through_changes_nothing_outside() {
    let store = Store::new();
    let outside = store.root.path().join("outside").display().to_string();
    let tar = Tar::default().symlink("x", &outside).file("x", "inside").end();
    let layer = store.add(&tar).unwrap();
    assert_eq!(fs::read_to_string(layer.join("x")).unwrap(), "inside");
    store.untouched();
}

#[test]
fn names_levels_and_owners_have_limits() {
    let store = Store::new();
    let mut builder = Builder::new(Vec::new());
    let mut header = plain_header(0);
    builder.append_data(&mut header, "d/".repeat(300), &b""[..]).unwrap();
    store.refuses(&builder.into_inner().unwrap(), "more than 255 levels");

    // Each link leads as deep as one path may; two in a row would lead beyond.
    let deep = "d/".repeat(49);
    let mut tar = Tar::default().dir(&deep).symlink("l0", &deep);
    for level in 1..12 {
        tar = tar
            .dir(&format!("l{}/{}", level - 1, "d/".repeat(47)))
            .symlink(&format!("l{level}"), &format!("l{}/{}", level - 1, "d/".repeat(47)));
    }
    store.refuses(&tar.end(), "open the parent of");

    let mut builder = Builder::new(Vec::new());
    let mut header = plain_header(u64::from(u32::MAX));
    builder.append_data(&mut header, "x", &b""[..]).unwrap();
    store.refuses(&builder.into_inner().unwrap(), "no user and group");
}

#[test]
fn a_wrong_digest_or_a_cut_stream_leaves_nothing() {
    let store = Store::new();
    let tar = Tar::default().file("x", &"content".repeat(1000)).end();
    let before = store.world();
    let other = Digest::of(b"other");
    assert!(matches!(add(&store.paths, other, other, &tar[..]), Err(LayerError::DiffId { .. })));
    let gzip = {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut gzip, &tar).unwrap();
        gzip.finish().unwrap()
    };
    let digest = Digest::of(&tar);
    for cut in [&gzip[..gzip.len() - 20], &gzip[..20]] {
        assert!(matches!(
            add(&store.paths, digest, digest, cut),
            Err(LayerError::Unpack(UnpackError::Archive(ArchiveError::Read(_))))
        ));
    }
    assert_eq!(store.world(), before);
    assert!(add(&store.paths, digest, digest, &gzip[..]).is_ok());
}

#[test]
fn a_bomb_stops_at_the_limit() {
    let store = Store::new();
    let staging = Staging::new(&store.paths).unwrap();
    let folder = |name: &str| {
        let path = staging.path().join(name);
        fs::create_dir(&path).unwrap();
        open(&path).unwrap()
    };
    let limits = Limits { bytes: 1 << 20, entries: 10 };
    let endless = Limited::new(io::repeat(0), limits.bytes);
    let mut archive = Tar::default().entry(EntryType::Regular, "bomb", "", b"").0;
    archive[124..136].copy_from_slice(b"77777777777\0");
    let sum: u32 = archive[..512].iter().map(|b| u32::from(*b)).sum::<u32>()
        - archive[148..156].iter().map(|b| u32::from(*b)).sum::<u32>()
        + 256;
    archive[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let result =
        unpack(io::Cursor::new(archive).chain(endless), Tree::layer(folder("a"), folder("b")), Rules::Layer, limits);
    assert!(matches!(result, Err(UnpackError::TooLarge { limit: 1_048_576 })));

    let many = (0..20).fold(Tar::default(), |tar, n| tar.file(&format!("f{n}"), "")).end();
    let result = unpack(&many[..], Tree::layer(folder("c"), folder("d")), Rules::Layer, limits);
    assert!(matches!(result, Err(UnpackError::TooMany { limit: 10 })));
}

/// Names out of few parts, so that entries meet each other, links lead somewhere and whiteouts hit.
fn name() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "a",
        "b",
        "c",
        "..",
        ".",
        "",
        ".wh.a",
        ".wh..",
        ".wh...",
        ".wh..wh..opq",
        "/",
        "outside",
    ]);
    prop::collection::vec(part, 1..6).prop_map(|parts| parts.join("/"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_entries_escapes(entries in prop::collection::vec((0_u8..6, name(), name()), 1..12)) {
        let store = Store::new();
        let before = store.world();
        let mut tar = Tar::default();
        for (kind, name, link) in &entries {
            tar = match kind {
                0 => tar.file(name, "content"),
                1 => tar.dir(name),
                2 => tar.symlink(name, link),
                3 => tar.hard_link(name, link),
                4 => tar.symlink(name, &format!("/{link}")),
                _ => tar.entry(EntryType::Fifo, name, "", b""),
            };
        }
        let result = store.add(&tar.end());
        store.untouched();
        let after: Vec<_> = store.world().into_iter().filter(|path| !path.starts_with(store.paths.layers())).collect();
        let before: Vec<_> = before.into_iter().filter(|path| !path.starts_with(store.paths.layers())).collect();
        prop_assert_eq!(after, before);
        if result.is_err() {
            prop_assert_eq!(fs::read_dir(store.paths.layers()).unwrap().count(), 1, "only the folder of links");
        }
    }
}
