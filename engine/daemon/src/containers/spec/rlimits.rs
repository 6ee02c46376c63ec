//! `--ulimit`: resource limits, never above what this host can give without saying so.

use super::error::SpecError;
use super::invalid::Invalid;
use hull_api::{HostConfig, Ulimit};
use hull_runtime::features::Features;
use oci_spec::runtime::{Capability, PosixRlimit, PosixRlimitBuilder, PosixRlimitType};
use rustix::process::{Resource, getrlimit};

/// Docker's names.
const NAMES: [(&str, PosixRlimitType, Resource); 15] = [
    ("core", PosixRlimitType::RlimitCore, Resource::Core),
    ("cpu", PosixRlimitType::RlimitCpu, Resource::Cpu),
    ("data", PosixRlimitType::RlimitData, Resource::Data),
    ("fsize", PosixRlimitType::RlimitFsize, Resource::Fsize),
    ("locks", PosixRlimitType::RlimitLocks, Resource::Locks),
    ("memlock", PosixRlimitType::RlimitMemlock, Resource::Memlock),
    ("msgqueue", PosixRlimitType::RlimitMsgqueue, Resource::Msgqueue),
    ("nice", PosixRlimitType::RlimitNice, Resource::Nice),
    ("nofile", PosixRlimitType::RlimitNofile, Resource::Nofile),
    ("nproc", PosixRlimitType::RlimitNproc, Resource::Nproc),
    ("rss", PosixRlimitType::RlimitRss, Resource::Rss),
    ("rtprio", PosixRlimitType::RlimitRtprio, Resource::Rtprio),
    ("rttime", PosixRlimitType::RlimitRttime, Resource::Rttime),
    ("sigpending", PosixRlimitType::RlimitSigpending, Resource::Sigpending),
    ("stack", PosixRlimitType::RlimitStack, Resource::Stack),
];

pub(super) fn check(host: &HostConfig) -> Result<(), Invalid> {
    for Ulimit { name, hard, soft } in &host.ulimits {
        if !NAMES.iter().any(|(known, ..)| known == name) {
            return Err(Invalid::UlimitName(name.clone()));
        }
        // -1 is "unlimited", the highest there is.
        if number(*soft) > number(*hard) {
            return Err(Invalid::UlimitOrder { soft: *soft, hard: *hard });
        }
    }
    Ok(())
}

/// The limits, lowered to what this engine can give.
pub(super) fn of(host: &HostConfig, features: &Features) -> Result<Vec<PosixRlimit>, SpecError> {
    let mut limits = Vec::new();
    for (ulimit, _, kind, ceiling) in known(host, features) {
        let (soft, hard) = (number(ulimit.soft).min(ceiling), number(ulimit.hard).min(ceiling));
        limits.push(PosixRlimitBuilder::default().typ(kind).soft(soft).hard(hard).build()?);
    }
    Ok(limits)
}

/// One sentence for each limit that is lowered.
pub(super) fn warnings(host: &HostConfig, features: &Features) -> Vec<String> {
    let lowered = known(host, features).filter(|(ulimit, _, _, ceiling)| number(ulimit.hard) > *ceiling);
    lowered
        .map(|(_, name, _, ceiling)| {
            format!(
                "ulimit {name}: the host's hard limit is {ceiling} and this engine has no right to raise it. The container gets {ceiling}."
            )
        })
        .collect()
}

/// Each limit with its kind and the most that it can be: only `CAP_SYS_RESOURCE` can raise a hard limit.
fn known<'a>(
    host: &'a HostConfig,
    features: &Features,
) -> impl Iterator<Item = (&'a Ulimit, &'static str, PosixRlimitType, u64)> {
    let can_raise = features.bounding & hull_runtime::capabilities::mask(&[Capability::SysResource]) != 0;
    host.ulimits.iter().filter_map(move |ulimit| {
        let (name, kind, resource) = NAMES.iter().find(|(name, ..)| *name == ulimit.name)?;
        let ceiling = if can_raise { u64::MAX } else { getrlimit(*resource).maximum.unwrap_or(u64::MAX) };
        Some((ulimit, *name, *kind, ceiling))
    })
}

fn number(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}
