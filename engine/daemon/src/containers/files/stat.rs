//! What `X-Docker-Container-Path-Stat` says of a file, in Go's numbers.

use hull_api::PathStat;
use jiff::Timestamp;
use rustix::fs::{FileType, Stat};

/// Go's `fs.FileMode` bits for what Unix keeps elsewhere.
const DIRECTORY: u32 = 1 << 31;
const SYMLINK: u32 = 1 << 27;
const DEVICE: u32 = 1 << 26;
const NAMED_PIPE: u32 = 1 << 25;
const SOCKET: u32 = 1 << 24;
const SET_UID: u32 = 1 << 23;
const SET_GID: u32 = 1 << 22;
const CHARACTER: u32 = 1 << 21;
const STICKY: u32 = 1 << 20;
const IRREGULAR: u32 = 1 << 19;

/// Of something with this name; `target` is where it leads if it is a link.
pub(super) fn of(name: &[u8], stat: &Stat, target: &[u8]) -> PathStat {
    let nanos = i32::try_from(stat.st_mtime_nsec).unwrap_or(0);
    let mtime = Timestamp::new(stat.st_mtime, nanos).unwrap_or(Timestamp::UNIX_EPOCH);
    PathStat {
        name: String::from_utf8_lossy(name).into_owned(),
        size: stat.st_size,
        mode: mode(stat.st_mode),
        mtime: mtime.to_string(),
        link_target: String::from_utf8_lossy(target).into_owned(),
    }
}

fn mode(unix: u32) -> u32 {
    let kind = match FileType::from_raw_mode(unix) {
        FileType::RegularFile => 0,
        FileType::Directory => DIRECTORY,
        FileType::Symlink => SYMLINK,
        FileType::BlockDevice => DEVICE,
        FileType::CharacterDevice => DEVICE | CHARACTER,
        FileType::Fifo => NAMED_PIPE,
        FileType::Socket => SOCKET,
        FileType::Unknown => IRREGULAR,
    };
    let special = [(0o4000, SET_UID), (0o2000, SET_GID), (0o1000, STICKY)];
    let special: u32 = special.iter().filter(|(unix_bit, _)| unix & unix_bit != 0).map(|(_, bit)| bit).sum();
    kind | special | (unix & 0o777)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_gos() {
        for (unix, go) in [
            (0o100_644, 0o644),
            (0o040_755, 0x8000_01ed),
            (0o041_777, 0x8010_01ff),
            (0o120_777, 0x0800_01ff),
            (0o104_755, 0x0080_01ed),
            (0o020_666, 0x0420_01b6),
            (0o060_660, 0x0400_01b0),
            (0o010_600, 0x0200_0180),
            (0o140_755, 0x0100_01ed),
        ] {
            assert_eq!(mode(unix), go, "{unix:o}");
        }
    }
}
