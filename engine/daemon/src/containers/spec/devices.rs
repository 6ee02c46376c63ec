//! Devices: the nodes that a container gets in `/dev`, and the rules of what it may open.

use super::error::SpecError;
use super::invalid::Invalid;
use hull_api::{DeviceMapping, HostConfig};
use oci_spec::runtime::{
    LinuxDevice, LinuxDeviceBuilder, LinuxDeviceCgroup, LinuxDeviceCgroupBuilder, LinuxDeviceType,
};
use rustix::fs::{major, makedev, minor};
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Nodes that every container has: path, major, minor.
const NODES: [(&str, u32, u32); 6] = [
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/tty", 5, 0),
];

/// What every container may open besides its nodes: `/dev/console`, `/dev/ptmx`, the terminals of its devpts.
const TERMINALS: [(i64, Option<i64>); 3] = [(5, Some(1)), (5, Some(2)), (136, None)];

/// Directories of the host's `/dev` that are file systems of the container's own, and what would be its console.
const NOT_THE_HOSTS: [&str; 7] = ["pts", "shm", "fd", "mqueue", "hugepages", ".lxc", "console"];

/// The nodes to be made.
pub(super) fn nodes(host: &HostConfig) -> Result<Vec<LinuxDevice>, SpecError> {
    let mut nodes: Vec<LinuxDevice> = Vec::new();
    for (path, major, minor) in NODES {
        nodes.push(
            LinuxDeviceBuilder::default()
                .path(path)
                .typ(LinuxDeviceType::C)
                .major(i64::from(major))
                .minor(i64::from(minor))
                .file_mode(0o666_u32)
                .build()?,
        );
    }
    if host.privileged {
        // All of the host's, as they are; a list that changes while it is read is no error.
        let found = walk(Path::new("/dev"), Path::new("/dev")).map_err(|source| device_error("/dev", source))?;
        nodes.extend(
            found.into_iter().filter(|device| !NODES.iter().any(|(path, ..)| device.path() == Path::new(path))),
        );
    }
    for mapping in &host.devices {
        for device in mapped(mapping)? {
            nodes.retain(|other| other.path() != device.path());
            nodes.push(device);
        }
    }
    Ok(nodes)
}

/// What the container may do with devices: nothing, then exceptions.
pub(super) fn rules(host: &HostConfig) -> Result<Vec<LinuxDeviceCgroup>, SpecError> {
    if host.privileged {
        return Ok(vec![rule(true, LinuxDeviceType::A, None, None, "rwm")?]);
    }
    let mut rules = vec![
        rule(false, LinuxDeviceType::A, None, None, "rwm")?,
        // Making a node gives nothing to who may not open it.
        rule(true, LinuxDeviceType::C, None, None, "m")?,
        rule(true, LinuxDeviceType::B, None, None, "m")?,
    ];
    for (_, major, minor) in NODES {
        rules.push(rule(true, LinuxDeviceType::C, Some(i64::from(major)), Some(i64::from(minor)), "rwm")?);
    }
    for (major, minor) in TERMINALS {
        rules.push(rule(true, LinuxDeviceType::C, Some(major), minor, "rwm")?);
    }
    for mapping in &host.devices {
        let access = if mapping.cgroup_permissions.is_empty() { "rwm" } else { &mapping.cgroup_permissions };
        for device in mapped(mapping)? {
            rules.push(rule(true, device.typ(), Some(device.major()), Some(device.minor()), access)?);
        }
    }
    for text in &host.device_cgroup_rules {
        let (kind, major, minor, access) = parse_rule(text)?;
        rules.push(rule(true, kind, major, minor, &access)?);
    }
    Ok(rules)
}

/// What needs no look at the host.
pub(super) fn check(host: &HostConfig) -> Result<(), Invalid> {
    for text in &host.device_cgroup_rules {
        parse_rule(text)?;
    }
    for mapping in &host.devices {
        let mode = &mapping.cgroup_permissions;
        if mode.chars().any(|c| !"rwm".contains(c)) {
            return Err(Invalid::DeviceMode(mode.clone()));
        }
    }
    let Some(request) = host.device_requests.first() else { return Ok(()) };
    let capabilities: Vec<String> = request.capabilities.iter().map(|list| format!("[{}]", list.join(" "))).collect();
    let capabilities = format!("[{}]", capabilities.join(" "));
    Err(Invalid::DeviceRequest { driver: request.driver.clone(), capabilities })
}

/// Major and minor number of a block device.
pub(super) fn block(path: &Path) -> Result<(i64, i64), SpecError> {
    let failed = |source| SpecError::BlockDevice { path: path.to_owned(), source };
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.file_type().is_block_device() {
        return Err(failed(io::Error::other("not a block device")));
    }
    Ok((i64::from(major(metadata.rdev())), i64::from(minor(metadata.rdev()))))
}

fn rule(
    allow: bool,
    kind: LinuxDeviceType,
    major: Option<i64>,
    minor: Option<i64>,
    access: &str,
) -> Result<LinuxDeviceCgroup, SpecError> {
    let mut rule = LinuxDeviceCgroupBuilder::default().allow(allow).typ(kind).access(access);
    if let Some(major) = major {
        rule = rule.major(major);
    }
    if let Some(minor) = minor {
        rule = rule.minor(minor);
    }
    Ok(rule.build()?)
}

type ParsedRule = (LinuxDeviceType, Option<i64>, Option<i64>, String);

/// `c 1:* rwm`
fn parse_rule(text: &str) -> Result<ParsedRule, Invalid> {
    let parse = || {
        let mut words = text.split(' ');
        let kind = match words.next()? {
            "a" => LinuxDeviceType::A,
            "b" => LinuxDeviceType::B,
            "c" => LinuxDeviceType::C,
            _ => return None,
        };
        let (major, minor) = words.next()?.split_once(':')?;
        let number = |text: &str| match text {
            "*" => Some(None),
            digits => digits.parse::<u32>().ok().map(|n| Some(i64::from(n))),
        };
        let access = words.next().filter(|a| (1..=3).contains(&a.len()) && a.chars().all(|c| "rwm".contains(c)))?;
        words.next().is_none().then_some((kind, number(major)?, number(minor)?, access.to_owned()))
    };
    parse().ok_or_else(|| Invalid::DeviceRule(text.to_owned()))
}

/// The devices of one `--device`: one node, or all below a directory.
fn mapped(mapping: &DeviceMapping) -> Result<Vec<LinuxDevice>, SpecError> {
    let on_host = Path::new(&mapping.path_on_host);
    let inside = if mapping.path_in_container.is_empty() { on_host } else { Path::new(&mapping.path_in_container) };
    let failed = |source| device_error(on_host, source);
    // `/dev/disk/by-id/x` is a link to the node that is meant.
    let real = fs::canonicalize(on_host).map_err(failed)?;
    if real.is_dir() {
        let found = walk(&real, inside).map_err(failed)?;
        return if found.is_empty() { Err(failed(io::Error::other("not a device node"))) } else { Ok(found) };
    }
    match node(&real, inside).map_err(failed)? {
        Some(device) => Ok(vec![device]),
        None => Err(failed(io::Error::other("not a device node"))),
    }
}

fn device_error(path: impl Into<PathBuf>, source: io::Error) -> SpecError {
    SpecError::Device { path: path.into(), source }
}

/// All nodes below a directory of the host, at the same places below `inside`.
fn walk(dir: &Path, inside: &Path) -> io::Result<Vec<LinuxDevice>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let (name, path) = (entry.file_name(), entry.path());
        let inside = inside.join(&name);
        if NOT_THE_HOSTS.iter().any(|skipped| inside == Path::new("/dev").join(skipped)) {
            continue;
        }
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            found.extend(walk(&path, &inside).unwrap_or_default());
        } else if let Ok(Some(device)) = node(&path, &inside) {
            found.push(device);
        }
    }
    Ok(found)
}

/// One node; `None` when the file is none (a link is not followed).
fn node(path: &Path, inside: &Path) -> io::Result<Option<LinuxDevice>> {
    let metadata = fs::symlink_metadata(path)?;
    let kind = match metadata.file_type() {
        t if t.is_block_device() => LinuxDeviceType::B,
        t if t.is_char_device() => LinuxDeviceType::C,
        _ => return Ok(None),
    };
    let rdev = metadata.rdev();
    // Overlay's whiteouts look like nodes, and nothing is 0:0.
    if rdev == makedev(0, 0) {
        return Ok(None);
    }
    let device = LinuxDeviceBuilder::default()
        .path(inside)
        .typ(kind)
        .major(i64::from(major(rdev)))
        .minor(i64::from(minor(rdev)))
        .file_mode(metadata.mode() & 0o7777)
        .uid(metadata.uid())
        .gid(metadata.gid())
        .build();
    device.map(Some).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cgroup_rules_are_read_strictly() {
        let rule = |text| {
            parse_rule(text).map(|(kind, major, minor, access)| (kind.as_str().to_owned(), major, minor, access))
        };
        assert_eq!(rule("c 1:* rw"), Ok(("c".to_owned(), Some(1), None, "rw".to_owned())));
        assert_eq!(rule("a *:* rwm"), Ok(("a".to_owned(), None, None, "rwm".to_owned())));
        for bad in ["", "c 1:3", "x 1:3 r", "c 1 r", "c 1:3 x", "c 1:3 rwmr", "c -1:3 r", "c 1:3 r extra"] {
            assert_eq!(rule(bad).unwrap_err().to_string(), format!("invalid device cgroup rule format: '{bad}'"));
        }
    }

    #[test]
    fn a_device_brings_its_node_and_its_rule() {
        let mapping = DeviceMapping {
            path_on_host: "/dev/zero".to_owned(),
            path_in_container: "/dev/nothing".to_owned(),
            cgroup_permissions: "r".to_owned(),
        };
        let host = HostConfig { devices: vec![mapping], ..HostConfig::default() };
        let nodes = nodes(&host).unwrap();
        let last = nodes.last().unwrap();
        assert_eq!((last.path().to_str(), last.major(), last.minor()), (Some("/dev/nothing"), 1, 5));
        let last = rules(&host).unwrap().pop().unwrap();
        assert_eq!((last.allow(), last.major(), last.access().as_deref()), (true, Some(1), Some("r")));
    }

    #[test]
    fn a_missing_device_is_named() {
        let mapping = DeviceMapping { path_on_host: "/dev/none".to_owned(), ..DeviceMapping::default() };
        let error = nodes(&HostConfig { devices: vec![mapping], ..HostConfig::default() }).unwrap_err().to_string();
        assert!(
            error.starts_with("error gathering device information while adding custom device \"/dev/none\""),
            "{error}"
        );
        assert!(block(Path::new("/dev/null")).unwrap_err().to_string().contains("not a block device"));
    }

    #[test]
    fn a_privileged_container_sees_the_hosts_devices_but_no_foreign_terminals() {
        let nodes = nodes(&HostConfig { privileged: true, ..HostConfig::default() }).unwrap();
        assert!(nodes.len() > NODES.len());
        assert!(!nodes.iter().any(|n| n.path().starts_with("/dev/pts") || n.path().starts_with("/dev/shm")));
        assert_eq!(nodes.iter().filter(|n| n.path() == Path::new("/dev/null")).count(), 1);
    }
}
