//! Cgroups that users choose for their containers to be below (`--cgroup-parent`).
//!
//! ```text
//!  /work/batch   from each hierarchy's root         /sys/fs/cgroup/memory/work/batch/<container>
//!  batch         from the engine's own cgroup there /sys/fs/cgroup/memory/<the engine's>/batch/<container>
//! ```
//! As with Docker's cgroupfs driver: the parent is made where it is missing and stays when the container is gone (it is the
//! user's, with the limits that he gave it), and a systemd-like name (`x.slice`) is a name like any other. Nothing in such a
//! path tells whose the container's directory is; so its owner notes the directories, and finds them again by
//! [`Cgroup::noted`].

use super::hierarchies::{Hierarchies, Mode};
use super::{Cgroup, CgroupError, Warning, create};
use oci_spec::runtime::LinuxResources;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The longest name of a directory, and the longest path that leaves room for a container's and for its files.
const NAME_MAX: usize = 255;
const PATH_MAX: usize = 3072;

/// Directories of engines begin so: a container of one engine must not lie in another one's, or in its own engine's shims.
const RESERVED: &str = "hull-";

/// A parent that was asked for: names without anything that leads elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParentPath {
    from_root: bool,
    names: PathBuf,
}

/// Why a text is no [`ParentPath`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadParent {
    /// It leads out of the hierarchy, or out of the engine's cgroup.
    #[error("it must not contain \"..\"")]
    Outside,
    /// The kernel refuses line ends; others would hide what is meant.
    #[error("it must not contain control characters")]
    Character,
    /// The kernel has limits.
    #[error("it is too long")]
    TooLong,
    /// Another container would be killed with it.
    #[error("names that begin with \"{RESERVED}\" are the engine's own")]
    Reserved,
    /// Docker's words.
    #[error("cgroup-parent for systemd cgroup should be a valid slice named as \"xxx.slice\"")]
    NotASlice,
    /// There is nothing in it.
    #[error("it names no cgroup")]
    Empty,
}

impl FromStr for ParentPath {
    type Err = BadParent;

    fn from_str(text: &str) -> Result<Self, BadParent> {
        if text.chars().any(char::is_control) {
            return Err(BadParent::Character);
        }
        let from_root = text.starts_with('/');
        let names: Vec<&str> = text.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
        if names.contains(&"..") {
            return Err(BadParent::Outside);
        }
        if text.len() > PATH_MAX || names.iter().any(|name| name.len() > NAME_MAX) {
            return Err(BadParent::TooLong);
        }
        if names.iter().any(|name| name.starts_with(RESERVED)) {
            return Err(BadParent::Reserved);
        }
        if names.is_empty() && !from_root {
            return Err(BadParent::Empty);
        }
        Ok(Self { from_root, names: names.iter().collect() })
    }
}

impl fmt::Display for ParentPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.from_root { "/" } else { "" }, self.names.display())
    }
}

impl Cgroup {
    /// As [`Cgroup::layout`], below a parent of the user's.
    pub fn layout_below(hierarchies: &Hierarchies, parent: &ParentPath, container_id: &str) -> Self {
        let below = |root: &Path, own: &Path| {
            let start = if parent.from_root { root } else { own };
            start.join(&parent.names).join(container_id)
        };
        let v1 = hierarchies.v1().iter().zip(hierarchies.own_v1());
        Self {
            mode: hierarchies.mode(),
            v1: v1.map(|(mount, own)| (mount.controllers.clone(), below(&mount.root, own))).collect(),
            unified: below(hierarchies.unified(), hierarchies.beside_own()),
            id: 0,
        }
    }

    /// The cgroup of these directories, see [`Cgroup::directories`]. `None` where they are not of this host's hierarchies.
    pub fn noted(hierarchies: &Hierarchies, directories: &[PathBuf]) -> Option<Self> {
        let (unified, v1) = directories.split_last()?;
        let below = |directory: &Path, root: &Path| directory.starts_with(root) && directory != root;
        let mounts = hierarchies.v1();
        let same = mounts.len() == v1.len() && mounts.iter().zip(v1).all(|(mount, dir)| below(dir, &mount.root));
        (same && below(unified, hierarchies.unified())).then(|| Self {
            mode: hierarchies.mode(),
            v1: mounts.iter().zip(v1).map(|(mount, dir)| (mount.controllers.clone(), dir.clone())).collect(),
            unified: unified.clone(),
            id: 0,
        })
    }

    /// All its directories, cgroup2's last.
    pub fn directories(&self) -> Vec<PathBuf> {
        self.v1.iter().map(|(_, dir)| dir).chain([&self.unified]).cloned().collect()
    }

    /// Makes what [`Cgroup::layout_below`] laid out, parents included. On failure nothing of the container's stays.
    ///
    /// # Errors
    /// As [`Cgroup::create`], and when a parent cannot be made: see [`CgroupError::is_no_place`].
    pub fn create_below(
        self,
        hierarchies: &Hierarchies,
        resources: &LinuxResources,
    ) -> Result<(Self, Vec<Warning>), CgroupError> {
        for (mount, (controllers, dir)) in hierarchies.v1().iter().zip(&self.v1) {
            create::make_v1_parent(controllers, &mount.root, dir.parent().unwrap_or(dir))?;
        }
        create::make_v2_parent(hierarchies, self.unified.parent().unwrap_or(&self.unified))?;
        self.create_here(hierarchies, resources)
    }
}

impl Hierarchies {
    /// Where cgroups that are relative to the engine's own begin in cgroup2. Beside it, not in it, where cgroup2 has the
    /// controllers: a cgroup with processes in it cannot hand those on.
    fn beside_own(&self) -> &Path {
        let own = self.own_unified();
        match self.mode() {
            Mode::V2 if own != self.unified() => own.parent().unwrap_or(self.unified()),
            _ => own,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::hierarchies::{Controller, V1Mount};
    use super::*;

    fn bad(text: &str) -> Option<BadParent> {
        text.parse::<ParentPath>().err()
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
        for good in ["/a", "/a/b.slice", "x.slice", "a/./b//c", "/", "/a..b/..c"] {
            assert_eq!(bad(good), None, "{good}");
        }
        assert_eq!(bad("/a/../b"), Some(BadParent::Outside));
        assert_eq!(bad(".."), Some(BadParent::Outside));
        assert_eq!(bad("/a\nb"), Some(BadParent::Character));
        assert_eq!(bad("/a\0b"), Some(BadParent::Character));
        assert_eq!(bad("/hull-0123/shims"), Some(BadParent::Reserved));
        assert_eq!(bad("a/hull-x"), Some(BadParent::Reserved));
        assert_eq!(bad("./"), Some(BadParent::Empty));
        assert_eq!(bad(&"n".repeat(256)), Some(BadParent::TooLong));
        assert_eq!(bad(&"/n".repeat(2000)), Some(BadParent::TooLong));
        assert_eq!("//a/./b/".parse::<ParentPath>().unwrap().to_string(), "/a/b");
    }

    #[test]
    fn absolute_parents_begin_at_the_root_and_others_at_the_engines_own_cgroup() {
        let mounts = || vec![V1Mount { controllers: vec![Controller::Pids], root: "/cg/pids".into() }];
        let own = "3:pids:/svc/pids\n0::/svc\n";
        let hybrid = Hierarchies::assemble(mounts(), "/sys/fs/cgroup/unified".into(), own, Vec::new());
        let v2 = Hierarchies::assemble(Vec::new(), "/sys/fs/cgroup".into(), own, Vec::new());
        let at = |hierarchies: &Hierarchies, parent: &str| {
            let cgroup = Cgroup::layout_below(hierarchies, &parent.parse().unwrap(), "c");
            assert_eq!(Cgroup::noted(hierarchies, &cgroup.directories()).as_ref(), Some(&cgroup));
            cgroup.directories().iter().map(|dir| dir.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(at(&hybrid, "/a/b"), ["/cg/pids/a/b/c", "/sys/fs/cgroup/unified/a/b/c"]);
        assert_eq!(at(&hybrid, "a"), ["/cg/pids/svc/pids/a/c", "/sys/fs/cgroup/unified/svc/a/c"]);
        assert_eq!(at(&v2, "/a"), ["/sys/fs/cgroup/a/c"]);
        assert_eq!(at(&v2, "a.slice"), ["/sys/fs/cgroup/a.slice/c"]);
    }

    #[test]
    fn directories_of_another_host_are_none() {
        let hierarchies = Hierarchies::assemble(Vec::new(), "/sys/fs/cgroup".into(), "0::/\n", Vec::new());
        for directories in [&[][..], &["/etc"], &["/sys/fs/cgroup"], &["/sys/fs/cgroup/a", "/sys/fs/cgroup/a"]] {
            let directories: Vec<PathBuf> = directories.iter().map(PathBuf::from).collect();
            assert_eq!(Cgroup::noted(&hierarchies, &directories), None, "{directories:?}");
        }
    }
}
