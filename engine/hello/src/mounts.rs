//! The mount table, short.

use std::fs;

/// `target  type  options` of a mount.
pub(crate) struct Mount {
    pub(crate) target: String,
    pub(crate) kind: String,
    pub(crate) read_only: bool,
}

impl Mount {
    /// Not one of the dozens that every container has over parts of `/proc` and `/sys`.
    pub(crate) fn is_telling(&self) -> bool {
        !["/proc/", "/sys/"].iter().any(|folder| self.target.starts_with(folder))
    }
}

/// What `/proc/self/mountinfo` says, in the order of targets: the kernel goes by the ids of mounts, which say nothing.
pub(crate) fn mounts() -> Vec<Mount> {
    parse(&fs::read_to_string("/proc/self/mountinfo").unwrap_or_default())
}

fn parse(text: &str) -> Vec<Mount> {
    let mount = |line: &str| {
        // Optional fields stand before the dash, so types are counted from there (proc_pid_mountinfo(5)).
        let (place, source) = line.split_once(" - ")?;
        let mut place = place.split(' ').skip(4);
        let (target, options) = (place.next()?.replace("\\040", " "), place.next()?);
        let kind = source.split(' ').next()?.to_owned();
        Some(Mount { target, kind, read_only: options.split(',').any(|option| option == "ro") })
    };
    let mut mounts: Vec<Mount> = text.lines().filter_map(mount).collect();
    mounts.sort_by(|a, b| a.target.cmp(&b.target));
    mounts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_and_without_optional_fields() {
        let mounts = parse(
            "2 1 0:2 / /a\\040b ro,nosuid - proc proc rw\n1 0 0:1 / / rw,relatime shared:1 master:2 - overlay overlay rw\nnoise\n",
        );
        let seen: Vec<_> = mounts.iter().map(|m| (&m.target[..], &m.kind[..], m.read_only)).collect();
        assert_eq!(seen, [("/", "overlay", false), ("/a b", "proc", true)]);
    }
}
