//! `--privileged`, `--cap-add`, `--cap-drop`, `--security-opt`, masked and read-only paths.

use super::error::SpecError;
use super::invalid::Invalid;
use hull_api::HostConfig;
use hull_runtime::capabilities::{self, UnknownCapability};
use hull_runtime::features::Features;
use hull_runtime::seccomp::Profile;
use oci_spec::runtime::Capabilities;

/// Hidden from a container, as Docker does: they tell about the host, or are ways to it.
const MASKED: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

/// Read-only for a container: what is written there changes the host.
const READONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// What the options come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Security {
    privileged: bool,
    /// `systempaths=unconfined`
    all_paths: bool,
    pub(super) no_new_privileges: bool,
    pub(super) seccomp: Profile,
    /// The profile that was asked for by its name.
    apparmor: Option<String>,
}

impl Security {
    pub(super) fn of(host: &HostConfig, features: &Features) -> Result<Self, Invalid> {
        let default = if host.privileged || !features.kernel.seccomp { Profile::Unconfined } else { Profile::Default };
        let mut security = Self {
            privileged: host.privileged,
            all_paths: false,
            no_new_privileges: false,
            seccomp: default,
            apparmor: None,
        };
        for option in &host.security_opt {
            security.take(option)?;
        }
        Ok(security)
    }

    /// One option: `name`, `name=value` or, as of old, `name:value`.
    fn take(&mut self, option: &str) -> Result<(), Invalid> {
        if option == "no-new-privileges" {
            self.no_new_privileges = true;
            return Ok(());
        }
        let bad = || Invalid::SecurityOpt(option.to_owned());
        let (name, value) = option.split_once('=').or_else(|| option.split_once(':')).ok_or_else(bad)?;
        match name {
            "no-new-privileges" => self.no_new_privileges = value.parse().map_err(|_| bad())?,
            "seccomp" => {
                self.seccomp = match value {
                    "unconfined" => Profile::Unconfined,
                    "builtin" | "" => Profile::Default,
                    json => Profile::Custom(json.to_owned()),
                };
            }
            "systempaths" if value == "unconfined" => self.all_paths = true,
            // Nothing applies a profile, so asking for none is granted; asking for one is kept, and refused at start.
            "apparmor" if value == "unconfined" => {}
            "apparmor" => self.apparmor = Some(value.to_owned()),
            // SELinux labels: there is no SELinux to take them, as dockerd behaves without --selinux-enabled.
            "label" => {}
            _ => return Err(Invalid::SecurityOptName(option.to_owned())),
        }
        Ok(())
    }

    /// A wall that cannot be raised keeps the container from starting.
    pub(super) fn check_walls(&self) -> Result<(), SpecError> {
        self.apparmor.clone().map_or(Ok(()), |profile| Err(SpecError::AppArmor(profile)))
    }

    pub(super) fn masked_paths(&self, host: &HostConfig) -> Vec<String> {
        self.paths(host.masked_paths.as_deref(), &MASKED)
    }

    pub(super) fn readonly_paths(&self, host: &HostConfig) -> Vec<String> {
        self.paths(host.readonly_paths.as_deref(), &READONLY)
    }

    fn paths(&self, given: Option<&[String]>, default: &[&str]) -> Vec<String> {
        match given {
            Some(list) => list.to_vec(),
            None if self.privileged || self.all_paths => Vec::new(),
            None => default.iter().map(|&path| path.to_owned()).collect(),
        }
    }
}

/// A container's capabilities, and those that it asked for in vain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Granted {
    pub(super) granted: Capabilities,
    pub(super) refused: Vec<String>,
}

/// Docker's set, tweaked, less what this engine cannot hand out itself.
pub(super) fn capabilities(host: &HostConfig, features: &Features) -> Result<Granted, UnknownCapability> {
    let base = if host.privileged { capabilities::all() } else { capabilities::DEFAULT.into_iter().collect() };
    let asked = capabilities::tweak(&base, &host.cap_add, &host.cap_drop)?;
    Ok(granted(&asked, features))
}

/// All that this engine can hand out.
pub(super) fn all_capabilities(features: &Features) -> Granted {
    granted(&capabilities::all(), features)
}

fn granted(asked: &Capabilities, features: &Features) -> Granted {
    let ours = capabilities::from_mask(features.bounding);
    let mut refused: Vec<String> = asked.difference(&ours).map(|c| capabilities::name(*c)).collect();
    refused.sort();
    Granted { granted: asked.intersection(&ours).copied().collect(), refused }
}

/// What can be said without a start.
pub(super) fn check(host: &HostConfig, features: &Features) -> Result<(), Invalid> {
    Security::of(host, features)?;
    let known = |list: &[String]| capabilities::tweak(&Capabilities::new(), list, &[]).map(drop);
    known(&host.cap_add).map_err(Invalid::CapAdd)?;
    known(&host.cap_drop).map_err(Invalid::CapDrop)
}

/// Writes down which paths are masked and read-only, where the user did not say: inspect shows them.
pub fn fill_paths(host: &mut HostConfig, features: &Features) {
    // A privileged container's stay unset, as in Docker.
    let Ok(security) = Security::of(host, features) else { return };
    if host.privileged {
        return;
    }
    host.masked_paths = Some(security.masked_paths(host));
    host.readonly_paths = Some(security.readonly_paths(host));
}
