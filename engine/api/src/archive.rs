//! Files of containers: `/containers/{id}/archive`.

use serde::{Deserialize, Serialize};

/// What the header `X-Docker-Container-Path-Stat` says, as JSON in base64.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PathStat {
    /// The last component; `/` of the root, `.` where the path ends so.
    pub name: String,
    /// In bytes.
    pub size: i64,
    /// Go's `fs.FileMode`: permissions as in Unix, kinds in other bits.
    pub mode: u32,
    /// RFC 3339.
    pub mtime: String,
    /// Where a link leads, absolute in the container.
    #[serde(rename = "linkTarget")]
    pub link_target: String,
}

impl PathStat {
    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.mode & (1 << 31) != 0
    }

    /// Whether it is a symbolic link.
    pub fn is_symlink(&self) -> bool {
        self.mode & (1 << 27) != 0
    }

    /// Whether it is a regular file: none of Go's bits for other kinds.
    pub fn is_file(&self) -> bool {
        self.mode & (1 << 31 | 1 << 27 | 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_gos_bits_and_keys_dockers() {
        let stat = PathStat { name: "d".to_owned(), mode: 0x8000_01ed, ..PathStat::default() };
        assert!(stat.is_directory() && !stat.is_file() && !stat.is_symlink());
        let json = serde_json::to_string(&stat).unwrap();
        assert_eq!(json, r#"{"name":"d","size":0,"mode":2147484141,"mtime":"","linkTarget":""}"#);
        assert!(PathStat { mode: 0o644, ..PathStat::default() }.is_file());
    }
}
