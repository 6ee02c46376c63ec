//! Who makes containers' cgroups, and below what.

use super::{BadParent, ParentPath};
use std::fmt;
use std::str::FromStr;

/// Docker's two drivers, each with its default place for containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Driver {
    /// The engine itself, by making directories.
    Cgroupfs {
        /// A parent of the user's; `None`: the engine's own cgroup.
        parent: Option<ParentPath>,
    },
    /// systemd, which is asked for a scope.
    Systemd {
        /// What the scope is in.
        slice: Slice,
    },
}

impl Driver {
    /// As Docker names it: `cgroupfs`, `systemd`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Cgroupfs { .. } => "cgroupfs",
            Self::Systemd { .. } => "systemd",
        }
    }

    /// This driver with a parent that was asked for (`--cgroup-parent`), or with its own where none was.
    ///
    /// # Errors
    /// When this driver knows no such place.
    pub fn with_parent(&self, parent: &str) -> Result<Self, BadParent> {
        match self {
            own if parent.is_empty() => Ok(own.clone()),
            Self::Cgroupfs { .. } => Ok(Self::Cgroupfs { parent: Some(parent.parse()?) }),
            Self::Systemd { .. } => Ok(Self::Systemd { slice: parent.parse()? }),
        }
    }
}

impl Default for Driver {
    fn default() -> Self {
        Self::Cgroupfs { parent: None }
    }
}

/// A slice's name, systemd.slice(5): `a-b.slice` lies in `a.slice`, `-.slice` is the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice(String);

impl Slice {
    /// Where services and scopes are that don't say otherwise.
    pub fn system() -> Self {
        Self("system.slice".to_owned())
    }

    /// The name, with `.slice`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Slice {
    type Err = BadParent;

    fn from_str(text: &str) -> Result<Self, BadParent> {
        let name = text.strip_suffix(".slice").ok_or(BadParent::NotASlice)?;
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | '.' | '\\' | '@');
        // Each dash is a level, and every level has a name; only the root is a dash by itself.
        let levels = name == "-" || !name.split('-').any(str::is_empty);
        // systemd's own limit, UNIT_NAME_MAX.
        if text.len() < 256 && levels && name.chars().all(known) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadParent::NotASlice)
        }
    }
}

impl fmt::Display for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_is_a_unit_of_its_own_kind() {
        for good in ["a.slice", "a-b.slice", "user-1000.slice", "-.slice", "a\\x2d.slice"] {
            assert_eq!(good.parse::<Slice>().unwrap().as_str(), good);
        }
        let long = format!("{}.slice", "n".repeat(250));
        for bad in [
            "",
            "a",
            ".slice",
            "/a.slice",
            "a/b.slice",
            "-a.slice",
            "a--b.slice",
            "a-.slice",
            "a b.slice",
            "a.slice\n",
            &long,
        ] {
            assert_eq!(bad.parse::<Slice>(), Err(BadParent::NotASlice), "{bad}");
        }
    }

    #[test]
    fn each_driver_takes_its_own_kind_of_parent() {
        let cgroupfs = Driver::default();
        assert_eq!(cgroupfs.with_parent(""), Ok(cgroupfs.clone()));
        assert_eq!(cgroupfs.with_parent("/a"), Ok(Driver::Cgroupfs { parent: Some("/a".parse().unwrap()) }));
        let systemd = Driver::Systemd { slice: Slice::system() };
        assert_eq!(systemd.with_parent(""), Ok(systemd.clone()));
        assert_eq!(systemd.with_parent("x.slice"), Ok(Driver::Systemd { slice: "x.slice".parse().unwrap() }));
        assert_eq!(systemd.with_parent("/a"), Err(BadParent::NotASlice));
    }
}
