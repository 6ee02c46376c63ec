//! The headers of an entry that we write: ustar, and pax records (POSIX 1003.1-2001) for what does not fit in there.

use tar::{EntryType, Header};

const BLOCK: usize = 512;
/// Longest name and link name in a ustar header.
const NAME_FIELD: usize = 100;
/// Largest numbers in octal fields of 7 and of 11 digits.
const LARGEST_ID: u32 = 0o7_777_777;
const LARGEST_SIZE: u64 = 0o77_777_777_777;

/// Key and value.
pub(super) type PaxRecord = (Vec<u8>, Vec<u8>);

/// What a header says.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields<'a> {
    pub(super) name: &'a [u8],
    /// Target of a link.
    pub(super) link: &'a [u8],
    pub(super) kind: Option<EntryType>,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Seconds since 1970.
    pub(super) mtime: i64,
    /// Bytes of data that follow.
    pub(super) stored: u64,
    pub(super) device: (u32, u32),
    /// More pax records.
    pub(super) records: Vec<PaxRecord>,
}

/// The blocks before an entry's data.
pub(super) fn encode(fields: Fields<'_>) -> Vec<u8> {
    let mut header = Header::new_ustar();
    let mut records = fields.records;
    let mut fit = |key: &str, value: &[u8], fits: bool| {
        if !fits {
            records.push((key.as_bytes().to_vec(), value.to_vec()));
        }
        fits
    };
    let number = |n: i128| n.to_string().into_bytes();
    fit("path", fields.name, fields.name.len() <= NAME_FIELD);
    fit("linkpath", fields.link, fields.link.len() <= NAME_FIELD);
    let uid = fit("uid", &number(fields.uid.into()), fields.uid <= LARGEST_ID);
    let gid = fit("gid", &number(fields.gid.into()), fields.gid <= LARGEST_ID);
    let stored = fit("size", &number(fields.stored.into()), fields.stored <= LARGEST_SIZE);
    let mtime = u64::try_from(fields.mtime).ok().filter(|mtime| *mtime <= LARGEST_SIZE);
    fit("mtime", &number(fields.mtime.into()), mtime.is_some());

    let old = header.as_old_mut();
    put(&mut old.name, fields.name);
    put(&mut old.linkname, fields.link);
    header.set_entry_type(fields.kind.unwrap_or(EntryType::Regular));
    header.set_mode(fields.mode & 0o7777);
    // A reader takes the record where there is one; zero is what everybody writes in its place.
    header.set_uid(if uid { fields.uid.into() } else { 0 });
    header.set_gid(if gid { fields.gid.into() } else { 0 });
    header.set_size(if stored { fields.stored } else { 0 });
    header.set_mtime(mtime.unwrap_or(0));
    if let Some(ustar) = header.as_ustar_mut() {
        ustar.set_device_major(fields.device.0);
        ustar.set_device_minor(fields.device.1);
    }
    header.set_cksum();

    let mut blocks = Vec::with_capacity(BLOCK);
    if !records.is_empty() {
        extended(&records, fields.name, &mut blocks);
    }
    blocks.extend_from_slice(header.as_bytes());
    blocks
}

/// The records, with the header that announces them.
fn extended(records: &[PaxRecord], name: &[u8], blocks: &mut Vec<u8>) {
    let mut data = Vec::new();
    for (key, value) in records {
        record(key, value, &mut data);
    }
    let mut header = Header::new_ustar();
    let base = name.rsplit(|byte| *byte == b'/').find(|part| !part.is_empty()).unwrap_or_default();
    put(&mut header.as_old_mut().name, &[b"PaxHeaders/", base].concat());
    header.set_entry_type(EntryType::XHeader);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(data.len() as u64);
    header.set_cksum();
    blocks.extend_from_slice(header.as_bytes());
    blocks.extend_from_slice(&data);
    blocks.resize(blocks.len().next_multiple_of(BLOCK), 0);
}

/// `<length> <key>=<value>\n`, where the length counts its own digits.
fn record(key: &[u8], value: &[u8], out: &mut Vec<u8>) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    out.extend_from_slice(format!("{length} ").as_bytes());
    out.extend_from_slice(key);
    out.push(b'=');
    out.extend_from_slice(value);
    out.push(b'\n');
}

/// As much as fits; the rest is in a record.
fn put(field: &mut [u8], value: &[u8]) {
    let length = value.len().min(field.len());
    field[..length].copy_from_slice(&value[..length]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::reader::Entry;
    use crate::archive::{Archive, Kind};
    use proptest::prelude::*;

    fn read(blocks: &[u8]) -> Entry {
        Archive::new(blocks).next().unwrap().unwrap()
    }

    #[test]
    fn what_does_not_fit_is_in_records() {
        let long = vec![b'n'; 300];
        let fields = Fields {
            name: &long,
            link: &long,
            kind: Some(EntryType::Symlink),
            mode: 0o777,
            uid: 3_000_000,
            gid: u32::MAX - 1,
            mtime: -5,
            records: vec![(b"SCHILY.xattr.user.x".to_vec(), b"a\nb\0".to_vec())],
            ..Fields::default()
        };
        let entry = read(&encode(fields));
        assert_eq!((entry.path, entry.link, entry.kind), (long.clone(), long, Kind::Symlink));
        assert_eq!((entry.uid, entry.gid, entry.mtime), (3_000_000, u64::from(u32::MAX) - 1, (-5, 0)));
        assert_eq!(entry.xattrs, [("user.x".to_owned(), b"a\nb\0".to_vec())]);
        let huge = Fields { name: b"f", stored: 9 << 33, ..Fields::default() };
        assert_eq!(read(&encode(huge)).stored, 9 << 33);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            name in prop::collection::vec(1_u8..=255, 1..250),
            mode in 0_u32..0o10000,
            uid in any::<u32>(),
            mtime in any::<i32>(),
            device in (0_u32..4096, 0_u32..1 << 20),
        ) {
            let kind = Some(EntryType::Char);
            let fields = Fields { name: &name, kind, mode, uid, mtime: mtime.into(), device, ..Fields::default() };
            let entry = read(&encode(fields));
            prop_assert_eq!(entry.path, name);
            prop_assert_eq!((entry.mode, entry.uid, entry.mtime.0), (mode, uid.into(), mtime.into()));
            prop_assert_eq!(entry.kind, Kind::CharDevice { major: device.0, minor: device.1 });
        }
    }
}
