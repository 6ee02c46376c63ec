//! The root filesystem: overlay, mounts, nodes, masks.

use super::args::{Steps, c_path, c_string};
use super::extras::{Extras, Rootfs};
use super::{PlanError, mounts};
use hull_plan::Step;
use nix::libc::{MS_REC, MS_SLAVE, S_IFBLK, S_IFCHR, S_IFIFO};
use oci_spec::runtime::{LinuxDevice, LinuxDeviceType, Mount, Spec};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// mount(2) takes one page of options, with its NUL.
const OPTIONS_MAX: usize = 4095;

/// See [`overlay_options`].
const SELF_CONTAINED: &[u8] = b",redirect_dir=off,metacopy=off,index=off";

/// Symlinks that programs expect in `/dev`.
const DEV_LINKS: [(&str, &str); 5] = [
    ("/proc/self/fd", "/dev/fd"),
    ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"),
    ("pts/ptmx", "/dev/ptmx"),
];

pub(super) fn make(steps: &mut Steps, spec: &Spec, extras: &Extras) -> Result<(), PlanError> {
    match &extras.rootfs {
        Rootfs::Host => return on_host(steps, spec, extras),
        Rootfs::Overlay { layers, lower, upper, work } => {
            propagation(steps);
            let options = overlay_options(lower, Some((upper, work)))?;
            let cwd = c_path("layers", layers)?;
            steps.push(&Step::Overlay { cwd: &cwd, options: &options });
        }
        Rootfs::Directory(path) => {
            propagation(steps);
            steps.with_path("root filesystem", path, |path| Step::RootBind { path })?;
        }
    }
    let mounts = spec.mounts().as_deref().unwrap_or_default();
    for mount in mounts {
        mounts::push(steps, mount, extras)?;
    }
    // A user who binds a whole /dev wants that one as it is, and the host's must not get nodes of ours.
    if !mounts.iter().any(|m| m.destination() == Path::new("/dev") && mounts::is_bind(m)) {
        dev(steps, spec)?;
    }
    sysctls(steps, spec)?;
    if let Some(linux) = spec.linux() {
        for path in linux.masked_paths().iter().flatten() {
            steps.with("masked path", path, |path| Step::MaskPath { path })?;
        }
        for path in linux.readonly_paths().iter().flatten() {
            steps.with("read-only path", path, |path| Step::ReadonlyPath { path })?;
        }
    }
    for path in mounts.iter().filter(|m| mounts::is_readonly_v1_cgroup(m, extras)).map(Mount::destination) {
        steps.with_path("read-only path", path, |path| Step::ReadonlyPath { path })?;
    }
    if spec.root().as_ref().and_then(|root| root.readonly()) == Some(true) {
        steps.push(&Step::ReadonlyRoot);
    }
    steps.push(&Step::PivotRoot);
    Ok(())
}

/// In the host's own mount namespace nothing may be mounted, masked or made.
fn on_host(steps: &mut Steps, spec: &Spec, extras: &Extras) -> Result<(), PlanError> {
    let linux = spec.linux().as_ref();
    let any = |list: Option<&Vec<String>>| list.is_some_and(|list| !list.is_empty());
    let own = super::namespace_kinds(spec) & nix::libc::CLONE_NEWNS.cast_unsigned() as u64;
    let refused = [
        (own != 0, "a mount namespace"),
        (spec.mounts().as_ref().is_some_and(|m| !m.is_empty()), "mounts"),
        (any(linux.and_then(|l| l.masked_paths().as_ref())), "masked paths"),
        (any(linux.and_then(|l| l.readonly_paths().as_ref())), "read-only paths"),
        (spec.root().as_ref().and_then(|r| r.readonly()) == Some(true), "a read-only root"),
        (!extras.copy_up.is_empty(), "volumes"),
    ];
    if let Some((_, what)) = refused.into_iter().find(|(is, _)| *is) {
        return Err(PlanError::OnHost { what });
    }
    steps.push(&Step::RootHost);
    sysctls(steps, spec)
}

/// Mounts of the host still arrive (so that an unmounted disk is let go), nothing flows back.
fn propagation(steps: &mut Steps) {
    steps.push(&Step::RootPropagation { flags: MS_REC | MS_SLAVE });
}

/// The options of mount(2) for an overlay: lower directories, top first, and where it may be written to its upper and its
/// work directory. What a kernel may switch on by default makes layers that mean nothing without the others (a renamed
/// directory that only says where it came from, a file without its content), so it is switched off.
///
/// # Errors
/// When they are too long for mount(2), or one has a NUL byte.
pub fn overlay_options(lower: &[PathBuf], writable: Option<(&Path, &Path)>) -> Result<std::ffi::CString, PlanError> {
    let mut options = b"lowerdir=".to_vec();
    for (index, dir) in lower.iter().enumerate() {
        if index > 0 {
            options.push(b':');
        }
        escape(dir, &mut options);
    }
    if let Some((upper, work)) = writable {
        options.extend_from_slice(b",upperdir=");
        escape(upper, &mut options);
        options.extend_from_slice(b",workdir=");
        escape(work, &mut options);
    }
    options.extend_from_slice(SELF_CONTAINED);
    if options.len() > OPTIONS_MAX {
        return Err(PlanError::TooManyLayers { length: options.len() });
    }
    c_string("overlay options", &options)
}

/// Overlay splits lower directories at colons and options at commas, both escaped by a backslash.
fn escape(path: &Path, out: &mut Vec<u8>) {
    for byte in path.as_os_str().as_bytes() {
        if matches!(byte, b':' | b',' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
}

fn dev(steps: &mut Steps, spec: &Spec) -> Result<(), PlanError> {
    for device in spec.linux().iter().filter_map(|l| l.devices().as_ref()).flatten() {
        push_device(steps, device)?;
    }
    for (target, path) in DEV_LINKS {
        let (target, path) = (c_string("symlink", target.as_bytes())?, c_string("symlink", path.as_bytes())?);
        steps.push(&Step::Symlink { target: &target, path: &path });
    }
    Ok(())
}

fn push_device(steps: &mut Steps, device: &LinuxDevice) -> Result<(), PlanError> {
    let kind = match device.typ() {
        LinuxDeviceType::B => S_IFBLK,
        LinuxDeviceType::P => S_IFIFO,
        _ => S_IFCHR,
    };
    let number = |n: i64| u32::try_from(n).unwrap_or(0);
    let path = c_path("device", device.path())?;
    steps.push(&Step::Device {
        path: &path,
        mode: kind | (device.file_mode().unwrap_or(0o666) & 0o7777),
        major: number(device.major()),
        minor: number(device.minor()),
        uid: device.uid().unwrap_or(0),
        gid: device.gid().unwrap_or(0),
    });
    Ok(())
}

fn sysctls(steps: &mut Steps, spec: &Spec) -> Result<(), PlanError> {
    let sysctls = spec.linux().as_ref().and_then(|linux| linux.sysctl().as_ref());
    // The spec has a map without order; a plan has one.
    let sorted: std::collections::BTreeMap<_, _> = sysctls.into_iter().flatten().collect();
    for (key, value) in sorted {
        let (key, value) = (c_string("sysctl", path_of(key).as_bytes())?, c_string("sysctl", value.as_bytes())?);
        steps.push(&Step::Sysctl { key: &key, value: &value });
    }
    Ok(())
}

/// `net.ipv4.ip_forward` to `net/ipv4/ip_forward`. As sysctl(8): where a slash comes first it separates, and dots
/// are part of names (`net/ipv4/conf/eth0.1/forwarding`).
fn path_of(key: &str) -> String {
    match key.find(['.', '/']) {
        Some(at) if key[at..].starts_with('/') => key.to_owned(),
        _ => key
            .chars()
            .map(|c| match c {
                '.' => '/',
                '/' => '.',
                c => c,
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlay_paths_are_escaped_and_counted() {
        let options = overlay_options(&["l/a:b".into(), "l/c".into()], Some((Path::new("/u,1"), Path::new("/w"))));
        let expected = "lowerdir=l/a\\:b:l/c,upperdir=/u\\,1,workdir=/w,redirect_dir=off,metacopy=off,index=off";
        assert_eq!(options.unwrap().to_str().unwrap(), expected);
        let options = overlay_options(&["l/a".into()], None).unwrap();
        assert_eq!(options.to_str().unwrap(), "lowerdir=l/a,redirect_dir=off,metacopy=off,index=off");
        let many = vec![PathBuf::from("l/0123456789abcdef"); 220];
        let error = overlay_options(&many, Some((Path::new("/u"), Path::new("/w")))).unwrap_err();
        let length = 9 + 220 * 19 - 1 + 12 + 11 + SELF_CONTAINED.len();
        assert_eq!(error, PlanError::TooManyLayers { length });
    }

    #[test]
    fn sysctl_keys_become_paths() {
        assert_eq!(path_of("net.ipv4.ip_forward"), "net/ipv4/ip_forward");
        assert_eq!(path_of("net/ipv4/conf/eth0.1/forwarding"), "net/ipv4/conf/eth0.1/forwarding");
        assert_eq!(path_of("net.ipv4.conf.eth0/1.forwarding"), "net/ipv4/conf/eth0.1/forwarding");
    }
}
