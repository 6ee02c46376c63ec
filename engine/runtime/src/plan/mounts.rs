//! OCI mounts: options to flags, binds, and `/sys/fs/cgroup` by the kind of host.

use super::PlanError;
use super::args::{Steps, c_path, c_string};
use super::extras::{Extras, SpecialBind, SpecialSource};
use super::rootfs::overlay_options;
use crate::cgroup::{Controller, Mode};
use hull_plan::Step;
use hull_plan::step::READONLY_TOP;
use nix::libc;
use oci_spec::runtime::Mount;
use std::path::Path;

/// What a list of fstab options comes to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    flags: u64,
    propagation: u64,
    data: String,
}

/// Options that set (true) or clear (false) a flag.
const FLAGS: [(&str, bool, u64); 25] = [
    ("async", false, libc::MS_SYNCHRONOUS),
    ("atime", false, libc::MS_NOATIME),
    ("bind", true, libc::MS_BIND),
    ("defaults", true, 0),
    ("dev", false, libc::MS_NODEV),
    ("diratime", false, libc::MS_NODIRATIME),
    ("dirsync", true, libc::MS_DIRSYNC),
    ("exec", false, libc::MS_NOEXEC),
    ("mand", true, libc::MS_MANDLOCK),
    ("noatime", true, libc::MS_NOATIME),
    ("nodev", true, libc::MS_NODEV),
    ("nodiratime", true, libc::MS_NODIRATIME),
    ("noexec", true, libc::MS_NOEXEC),
    ("nomand", false, libc::MS_MANDLOCK),
    ("norelatime", false, libc::MS_RELATIME),
    ("nostrictatime", false, libc::MS_STRICTATIME),
    ("nosuid", true, libc::MS_NOSUID),
    ("rbind", true, libc::MS_BIND | libc::MS_REC),
    ("relatime", true, libc::MS_RELATIME),
    ("ro", true, libc::MS_RDONLY),
    ("rro", true, libc::MS_RDONLY),
    ("rw", false, libc::MS_RDONLY),
    ("strictatime", true, libc::MS_STRICTATIME),
    ("suid", false, libc::MS_NOSUID),
    ("sync", true, libc::MS_SYNCHRONOUS),
];

const PROPAGATION: [(&str, u64); 8] = [
    ("private", libc::MS_PRIVATE),
    ("rprivate", libc::MS_PRIVATE | libc::MS_REC),
    ("slave", libc::MS_SLAVE),
    ("rslave", libc::MS_SLAVE | libc::MS_REC),
    ("shared", libc::MS_SHARED),
    ("rshared", libc::MS_SHARED | libc::MS_REC),
    ("unbindable", libc::MS_UNBINDABLE),
    ("runbindable", libc::MS_UNBINDABLE | libc::MS_REC),
];

fn parse(options: &[String]) -> Options {
    let mut parsed = Options::default();
    for option in options {
        if let Some((_, set, flag)) = FLAGS.iter().find(|(name, ..)| name == option) {
            if *set { parsed.flags |= flag } else { parsed.flags &= !flag }
        } else if let Some((_, flags)) = PROPAGATION.iter().find(|(name, _)| name == option) {
            parsed.propagation = *flags;
        } else {
            if !parsed.data.is_empty() {
                parsed.data.push(',');
            }
            parsed.data.push_str(option);
        }
    }
    parsed
}

pub(super) fn is_bind(mount: &Mount) -> bool {
    mount.typ().as_deref() == Some("bind")
        || mount.options().iter().flatten().any(|option| option == "bind" || option == "rbind")
}

pub(super) fn push(steps: &mut Steps, mount: &Mount, extras: &Extras) -> Result<(), PlanError> {
    let refuse = |reason| PlanError::Mount { target: mount.destination().clone(), reason };
    if !mount.destination().is_absolute() {
        return Err(refuse("the target is not an absolute path"));
    }
    let given = mount.options().as_deref().unwrap_or_default();
    let options = parse(given);
    if is_bind(mount) {
        let source = mount.source().as_deref().ok_or_else(|| refuse("a bind needs a source"))?;
        if !source.is_absolute() {
            return Err(refuse("the source is not an absolute path"));
        }
        if let Some(copy) = extras.copy_up.iter().find(|copy| copy.target == *mount.destination()) {
            let (source, target) = (c_path("volume", &copy.source)?, c_path("volume", &copy.target)?);
            steps.push(&Step::CopyUp { source: &source, target: &target });
        }
        let mut flags = options.flags & !libc::MS_BIND;
        if !given.iter().any(|option| option == "rro") {
            flags |= READONLY_TOP;
        }
        if flags & (libc::MS_REC | libc::MS_RDONLY) != libc::MS_REC | libc::MS_RDONLY {
            // It would say nothing.
            flags &= !READONLY_TOP;
        }
        return match extras.special_binds.iter().find(|special| special.target == *mount.destination()) {
            Some(special) => special_bind(steps, source, special, flags, options.propagation),
            None => bind(steps, source, mount.destination(), flags, options.propagation),
        };
    }
    let fstype = mount.typ().as_deref().ok_or_else(|| refuse("a mount needs a type"))?;
    if fstype == "cgroup" {
        return cgroup(steps, mount.destination(), &options, extras);
    }
    let source = mount.source().as_deref().unwrap_or(Path::new(fstype));
    file_system(steps, fstype, source, mount.destination(), options.flags, &options.data)
}

fn bind(steps: &mut Steps, source: &Path, target: &Path, flags: u64, propagation: u64) -> Result<(), PlanError> {
    let (source, target) = (c_path("bind source", source)?, c_path("bind target", target)?);
    steps.push(&Step::Bind { source: &source, target: &target, flags, propagation });
    Ok(())
}

fn special_bind(
    steps: &mut Steps,
    source: &Path,
    special: &SpecialBind,
    flags: u64,
    propagation: u64,
) -> Result<(), PlanError> {
    let (source, target) = (c_path("bind source", source)?, c_path("bind target", &special.target)?);
    match &special.from {
        SpecialSource::Namespace(namespace) => {
            let namespace = c_path("namespace", namespace)?;
            steps.push(&Step::BindFrom { namespace: &namespace, source: &source, target: &target, flags });
        }
        SpecialSource::Overlay { lower, upper, work } => {
            let options = overlay_options(lower, Some((upper, work)))?;
            steps.push(&Step::BindOverlay { cwd: &source, options: &options, target: &target, flags });
        }
        SpecialSource::Beneath(subpath) => {
            let subpath = c_path("subpath", subpath)?;
            steps.push(&Step::BindBeneath { source: &source, subpath: &subpath, target: &target, flags, propagation });
        }
    }
    Ok(())
}

fn file_system(
    steps: &mut Steps,
    fstype: &str,
    source: &Path,
    target: &Path,
    flags: u64,
    data: &str,
) -> Result<(), PlanError> {
    let (fstype, data) = (c_string("file system", fstype.as_bytes())?, c_string("mount options", data.as_bytes())?);
    let (source, target) = (c_path("mount source", source)?, c_path("mount target", target)?);
    steps.push(&Step::Mount { fstype: &fstype, source: &source, target: &target, flags, data: &data });
    Ok(())
}

/// `/sys/fs/cgroup`. On v2 one mount, whose root is the cgroup namespace's. On v1 a tmpfs with one directory for each
/// hierarchy: a bind of the container's own cgroup, since the namespace is the host's by default and a v1 mount would
/// show the whole host.
fn cgroup(steps: &mut Steps, target: &Path, options: &Options, extras: &Extras) -> Result<(), PlanError> {
    let place = &extras.cgroup;
    if place.mode == Mode::V2 {
        return file_system(steps, "cgroup2", Path::new("cgroup"), target, options.flags, "");
    }
    let own = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    file_system(steps, "tmpfs", Path::new("cgroup"), target, own, "mode=755,size=64k")?;
    for (controllers, dir) in &place.v1 {
        let names: Vec<_> = controllers.iter().map(|c| directory(*c)).collect();
        bind(steps, dir, &target.join(names.join(",")), options.flags | own, libc::MS_PRIVATE)?;
        // The names that programs look for, where several controllers share a directory.
        for name in names.iter().filter(|_| names.len() > 1) {
            let (to, path) = (c_string("symlink", names.join(",").as_bytes())?, c_path("symlink", &target.join(name))?);
            steps.push(&Step::Symlink { target: &to, path: &path });
        }
    }
    bind(steps, &place.unified, &target.join("unified"), options.flags | own, libc::MS_PRIVATE)
}

/// Whether this is the tmpfs of [`cgroup`], which had to be writable until its directories were made.
pub(super) fn is_readonly_v1_cgroup(mount: &Mount, extras: &Extras) -> bool {
    let readonly = || parse(mount.options().as_deref().unwrap_or_default()).flags & libc::MS_RDONLY != 0;
    extras.cgroup.mode != Mode::V2 && mount.typ().as_deref() == Some("cgroup") && readonly()
}

fn directory(controller: Controller) -> &'static str {
    match controller {
        Controller::Systemd => "systemd",
        other => other.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(list: &[&str]) -> Options {
        parse(&list.iter().map(|&o| o.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_flags_propagation_or_data() {
        let parsed = options(&["nosuid", "noexec", "size=64k", "rslave", "mode=1777", "ro"]);
        assert_eq!(parsed.flags, libc::MS_NOSUID | libc::MS_NOEXEC | libc::MS_RDONLY);
        assert_eq!(parsed.propagation, libc::MS_SLAVE | libc::MS_REC);
        assert_eq!(parsed.data, "size=64k,mode=1777");
    }

    #[test]
    fn the_last_of_two_opposites_wins() {
        assert_eq!(options(&["ro", "rw"]).flags, 0);
        assert_eq!(options(&["rw", "ro"]).flags, libc::MS_RDONLY);
        assert_eq!(options(&["noexec", "exec", "defaults"]), Options::default());
    }
}
