//! Archives written by the tar crate and by hand, read back.

use super::*;
use tar::EntryType;

fn header(kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o4755);
    header.set_uid(7);
    header.set_gid(8);
    header.set_mtime(99);
    header
}

fn raw(kind: u8, name: &str, declared: u64, data: &[u8]) -> Vec<u8> {
    let mut header = header(EntryType::new(kind), declared);
    header.set_path(name).unwrap();
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let body = [b" ", key.as_bytes(), b"=", value, b"\n"].concat();
    let mut length = body.len() + 1;
    while length.to_string().len() + body.len() != length {
        length += 1;
    }
    [length.to_string().as_bytes(), &body].concat()
}

fn pax(records: &[(&str, &[u8])]) -> Vec<u8> {
    let data: Vec<u8> = records.iter().flat_map(|(key, value)| record(key, value)).collect();
    raw(b'x', "pax", data.len() as u64, &data)
}

fn read_all(bytes: &[u8]) -> Result<Vec<(Entry, Vec<u8>)>, ArchiveError> {
    let mut archive = Archive::new(bytes);
    let mut entries = Vec::new();
    while let Some(entry) = archive.next()? {
        let mut data = Vec::new();
        archive.read_to_end(&mut data).map_err(ArchiveError::Read)?;
        entries.push((entry, data));
    }
    Ok(entries)
}

#[test]
fn what_the_tar_crate_writes_reads_back() {
    let mut builder = tar::Builder::new(Vec::new());
    let long = format!("{}/file", "d".repeat(150));
    builder.append_data(&mut header(EntryType::Regular, 5), &long, &b"hello"[..]).unwrap();
    let target = "t".repeat(200);
    builder.append_link(&mut header(EntryType::Symlink, 0), "link", &target).unwrap();
    let entries = read_all(&builder.into_inner().unwrap()).unwrap();
    let (file, data) = &entries[0];
    assert_eq!(
        (file.name(), &data[..], file.mode, file.uid, file.gid, file.mtime),
        (long, &b"hello"[..], 0o4755, 7, 8, (99, 0))
    );
    assert_eq!((entries[1].0.kind, entries[1].0.link.len()), (Kind::Symlink, 200));
    assert_eq!(entries.len(), 2);
}

#[test]
fn pax_records_have_the_last_word_and_values_are_bytes() {
    let capability = b"\x01\n\x00=\xff";
    let ahead = pax(&[
        ("path", b"dir/\xff"),
        ("size", b"3"),
        ("mtime", b"-1.25"),
        ("uid", b"70000"),
        ("SCHILY.xattr.security.capability", capability),
    ]);
    // The header says 1024 bytes. Readers that believe it see other entries than those that believe the record.
    let bytes = [ahead, raw(b'0', "short", 1024, b"abc"), raw(b'0', "next", 0, b"")].concat();
    let entries = read_all(&bytes).unwrap();
    let (entry, data) = &entries[0];
    assert_eq!(
        (&entry.path[..], &data[..], entry.mtime, entry.uid),
        (&b"dir/\xff"[..], &b"abc"[..], (-2, 750_000_000), 70_000)
    );
    assert_eq!(entry.xattrs, [("security.capability".to_owned(), capability.to_vec())]);
    assert_eq!(entries[1].0.name(), "next");
}

#[test]
fn blank_fields_are_zero_and_garbage_is_an_error() {
    let mut header = header(EntryType::Regular, 0);
    header.set_path("x").unwrap();
    let old = header.as_old_mut();
    (old.uid, old.gid, old.mtime, old.mode) = ([0; 8], [b' '; 8], [0; 12], [0; 8]);
    header.set_cksum();
    let entries = read_all(header.as_bytes()).unwrap();
    let entry = &entries[0].0;
    assert_eq!((entry.uid, entry.gid, entry.mode, entry.mtime), (0, 0, 0, (0, 0)));
    header.as_old_mut().uid = *b"12x4567\0";
    header.set_cksum();
    assert!(read_all(header.as_bytes()).unwrap_err().to_string().contains("invalid uid"));
}

#[test]
fn links_have_no_data_whatever_their_size_says() {
    let entries = read_all(&[raw(b'2', "link", 4096, b""), raw(b'0', "file", 2, b"ok")].concat()).unwrap();
    assert_eq!((entries[1].0.name(), &entries[1].1[..]), ("file".to_owned(), &b"ok"[..]));
}

#[test]
fn sparse_files_of_all_formats() {
    let one = [
        pax(&[
            ("GNU.sparse.major", b"1"),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.realsize", b"5000"),
            ("GNU.sparse.name", b"one"),
        ]),
        raw(b'0', "GNUSparseFile.0/one", 515, &[&b"1\n4000\n3\n"[..], &[0; 503], b"abc"].concat()),
    ];
    let list = [pax(&[("GNU.sparse.size", b"90"), ("GNU.sparse.map", b"10,1,20,2")]), raw(b'0', "list", 3, b"xyz")];
    let repeated = [
        pax(&[
            ("GNU.sparse.size", b"9"),
            ("GNU.sparse.offset", b"1"),
            ("GNU.sparse.numbytes", b"1"),
            ("GNU.sparse.offset", b"3"),
            ("GNU.sparse.numbytes", b"2"),
        ]),
        raw(b'0', "repeated", 3, b"xyz"),
    ];
    let mut old = header(EntryType::GNUSparse, 4);
    old.set_path("old").unwrap();
    let gnu = old.as_gnu_mut().unwrap();
    gnu.set_real_size(1000);
    gnu.sparse[0].set_offset(0);
    gnu.sparse[0].set_length(1);
    gnu.set_is_extended(true);
    old.set_cksum();
    let mut more = tar::GnuExtSparseHeader::new();
    more.sparse_mut()[0].set_offset(997);
    more.sparse_mut()[0].set_length(3);
    let mut data = b"abcd".to_vec();
    data.resize(512, 0);
    let old = [old.as_bytes().to_vec(), more.as_bytes().to_vec(), data].concat();

    let entries = read_all(&[one.concat(), list.concat(), repeated.concat(), old].concat()).unwrap();
    let seen: Vec<_> =
        entries.iter().map(|(entry, data)| (entry.name(), entry.sparse.clone().unwrap(), &data[..])).collect();
    let expected =
        |name: &str, size, pieces: &[(u64, u64)]| (name.to_owned(), Sparse { size, pieces: pieces.to_vec() });
    let wanted = [
        (expected("one", 5000, &[(4000, 3)]), &b"abc"[..]),
        (expected("list", 90, &[(10, 1), (20, 2)]), b"xyz"),
        (expected("repeated", 9, &[(1, 1), (3, 2)]), b"xyz"),
        (expected("old", 1000, &[(0, 1), (997, 3)]), b"abcd"),
    ];
    for ((name, sparse, data), (expected, bytes)) in seen.into_iter().zip(wanted) {
        assert_eq!(((name, sparse), data), (expected, bytes));
    }
}

#[test]
fn hostile_headers_are_errors_that_cost_nothing() {
    let mut damaged = raw(b'0', "a", 0, b"");
    damaged[0] ^= 1;
    let cases: [(&str, Vec<u8>); 8] = [
        ("invalid tar header", damaged),
        ("invalid tar header", b"<html>".repeat(200)),
        ("long name", raw(b'L', "x", 1 << 40, b"")),
        ("set of attributes", raw(b'x', "x", 1 << 40, b"")),
        ("invalid attribute", raw(b'x', "x", 10, b"99 a=b\nxxx")),
        ("read the archive", raw(b'0', "cut", 5000, b"abc")),
        ("unknown tar entry type", raw(b'Z', "a", 0, b"")),
        ("invalid name", [pax(&[("path", b"a\0b")]), raw(b'0', "a", 0, b"")].concat()),
    ];
    for (expected, bytes) in cases {
        let error = read_all(&bytes).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let long = [pax(&[("path", &b"a/".repeat(3000)[..])]), raw(b'0', "a", 0, b"")].concat();
    assert!(read_all(&long).unwrap_err().to_string().contains("at most 4096"));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(noise in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..2048), at in 0_usize..1024) {
        let _ = read_all(&noise);
        // The same inside a valid header, with the checksum repaired.
        let mut bytes = [pax(&[("size", b"5")]), raw(b'S', "a", 3, b"abc")].concat();
        let at = at.min(bytes.len() - 1);
        for (byte, new) in bytes[at..].iter_mut().zip(&noise) {
            *byte = *new;
        }
        for block in bytes.chunks_mut(512) {
            let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
            let field: u32 = block[148..156].iter().map(|b| u32::from(*b)).sum();
            block[148..156].copy_from_slice(format!("{:06o}\0 ", sum - field + 256).as_bytes());
        }
        let _ = read_all(&bytes);
    }
}
