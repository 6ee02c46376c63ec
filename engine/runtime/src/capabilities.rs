//! Capabilities: Docker's default set, additions and removals by name, and what this engine can hand out at all.
//!
//! A process can be given only what is in the giver's bounding set. Where that lacks one (development hosts
//! often lack `CAP_SYS_RESOURCE`), a container gets the rest, with a warning, instead of none.

use oci_spec::runtime::{Capabilities, Capability};
use std::str::FromStr;

/// What a container has unless told otherwise.
pub const DEFAULT: [Capability; 14] = [
    Capability::Chown,
    Capability::DacOverride,
    Capability::Fsetid,
    Capability::Fowner,
    Capability::Mknod,
    Capability::NetRaw,
    Capability::Setgid,
    Capability::Setuid,
    Capability::Setfcap,
    Capability::Setpcap,
    Capability::NetBindService,
    Capability::SysChroot,
    Capability::Kill,
    Capability::AuditWrite,
];

/// All, by the kernel's number.
const ALL: [Capability; 41] = [
    Capability::Chown,
    Capability::DacOverride,
    Capability::DacReadSearch,
    Capability::Fowner,
    Capability::Fsetid,
    Capability::Kill,
    Capability::Setgid,
    Capability::Setuid,
    Capability::Setpcap,
    Capability::LinuxImmutable,
    Capability::NetBindService,
    Capability::NetBroadcast,
    Capability::NetAdmin,
    Capability::NetRaw,
    Capability::IpcLock,
    Capability::IpcOwner,
    Capability::SysModule,
    Capability::SysRawio,
    Capability::SysChroot,
    Capability::SysPtrace,
    Capability::SysPacct,
    Capability::SysAdmin,
    Capability::SysBoot,
    Capability::SysNice,
    Capability::SysResource,
    Capability::SysTime,
    Capability::SysTtyConfig,
    Capability::Mknod,
    Capability::Lease,
    Capability::AuditWrite,
    Capability::AuditControl,
    Capability::Setfcap,
    Capability::MacOverride,
    Capability::MacAdmin,
    Capability::Syslog,
    Capability::WakeAlarm,
    Capability::BlockSuspend,
    Capability::AuditRead,
    Capability::Perfmon,
    Capability::Bpf,
    Capability::CheckpointRestore,
];

/// A name that is no capability.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid capability: {name:?}")]
pub struct UnknownCapability {
    /// As typed.
    pub name: String,
}

/// A set as the kernel's bit mask.
pub fn mask<'a>(set: impl IntoIterator<Item = &'a Capability>) -> u64 {
    set.into_iter().filter_map(|c| ALL.iter().position(|other| other == c)).fold(0, |mask, bit| mask | 1 << bit)
}

/// The set of a bit mask.
pub fn from_mask(mask: u64) -> Capabilities {
    ALL.iter().enumerate().filter(|(bit, _)| mask & 1 << bit != 0).map(|(_, c)| *c).collect()
}

/// All that the kernel knows of.
pub fn all() -> Capabilities {
    ALL.into_iter().collect()
}

/// `CAP_NET_ADMIN`, as the kernel's headers write it.
pub fn name(capability: Capability) -> String {
    format!("CAP_{capability}")
}

/// `NET_ADMIN`, `cap_net_admin`... to the capability.
///
/// # Errors
/// When there is no such capability.
pub fn parse(name: &str) -> Result<Capability, UnknownCapability> {
    let upper = name.trim().to_ascii_uppercase();
    let short = upper.strip_prefix("CAP_").unwrap_or(&upper);
    Capability::from_str(short).map_err(|_| UnknownCapability { name: name.to_owned() })
}

/// Docker's rule: the base less `drop`, plus `add`; `ALL` in either means every one, and an explicit addition wins over
/// `--cap-drop ALL`, an explicit removal over `--cap-add ALL`.
///
/// # Errors
/// When a name is no capability.
pub fn tweak(base: &Capabilities, add: &[String], drop: &[String]) -> Result<Capabilities, UnknownCapability> {
    let is_all = |name: &String| name.trim().eq_ignore_ascii_case("all");
    let names =
        |list: &[String]| list.iter().filter(|n| !is_all(n)).map(|n| parse(n)).collect::<Result<Capabilities, _>>();
    let (added, dropped) = (names(add)?, names(drop)?);
    let start = match (add.iter().any(is_all), drop.iter().any(is_all)) {
        (true, _) => all(),
        (false, true) => return Ok(added),
        (false, false) => base.clone(),
    };
    let kept: Capabilities = start.difference(&dropped).copied().collect();
    Ok(if add.iter().any(is_all) { kept } else { kept.union(&added).copied().collect() })
}

/// The bounding set of this process, as a mask.
pub fn bounding() -> u64 {
    std::fs::read_to_string("/proc/self/status").ok().and_then(|text| parse_bounding(&text)).unwrap_or(u64::MAX)
}

fn parse_bounding(status: &str) -> Option<u64> {
    status.lines().find_map(|l| l.strip_prefix("CapBnd:")).and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|&s| s.to_owned()).collect()
    }

    #[test]
    fn bits_are_the_kernels() {
        assert_eq!(mask(&[Capability::Chown]), 1);
        assert_eq!(mask(&[Capability::SysAdmin]), 1 << 21);
        assert_eq!(mask(&[Capability::CheckpointRestore]), 1 << 40);
        assert_eq!(mask(&DEFAULT), 0xa804_25fb, "what /proc/1/status shows in a Docker container");
        assert_eq!(from_mask(0xa804_25fb), DEFAULT.into_iter().collect());
        assert_eq!(mask(&all()), 0x1ff_ffff_ffff);
    }

    #[test]
    fn names_are_taken_with_and_without_prefix_and_in_any_case() {
        for text in ["NET_ADMIN", "cap_net_admin", "CAP_NET_ADMIN", "net_admin"] {
            assert_eq!(parse(text), Ok(Capability::NetAdmin));
        }
        assert_eq!(name(Capability::NetAdmin), "CAP_NET_ADMIN");
        assert_eq!(parse("FLY").unwrap_err().to_string(), "invalid capability: \"FLY\"");
    }

    #[test]
    fn additions_and_removals() {
        let base: Capabilities = DEFAULT.into_iter().collect();
        let tweak = |add: &[&str], drop: &[&str]| tweak(&base, &names(add), &names(drop)).unwrap();
        assert_eq!(tweak(&[], &[]), base);
        assert!(tweak(&["SYS_TIME"], &[]).contains(&Capability::SysTime));
        assert!(!tweak(&[], &["NET_RAW"]).contains(&Capability::NetRaw));
        assert_eq!(tweak(&["KILL"], &["ALL"]), [Capability::Kill].into());
        assert_eq!(tweak(&["ALL"], &["SYS_ADMIN"]).len(), 40);
        assert_eq!(tweak(&[], &["all"]).len(), 0);
    }

    #[test]
    fn the_bounding_set_is_read() {
        assert_eq!(parse_bounding("Name:\tx\nCapBnd:\t000001fffeffffff\n"), Some(0x1ff_feff_ffff));
        assert_ne!(bounding(), 0);
    }
}
