//! The container's first process.

use super::super::model::Container;
use super::error::SpecError;
use super::security::{self, Security};
use super::{Host, namespaces, rlimits};
use hull_api::HostConfig;
use hull_runtime::capabilities::{UnknownCapability, mask};
use hull_runtime::features::Features;
use oci_spec::runtime::{
    BoxBuilder, Capabilities, Capability, LinuxCapabilities, LinuxCapabilitiesBuilder, Process, ProcessBuilder,
};

/// Docker's, for an image that says nothing.
pub(super) const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

pub(super) fn of(container: &Container, security: &Security, host: &Host) -> Result<Process, SpecError> {
    let (config, limits) = (&container.config, &container.host_config);
    let capabilities = security::capabilities(limits, &host.features)?;
    let mut args = vec![container.path.clone()];
    args.extend(container.args.iter().cloned());
    let [height, width] = limits.console_size;
    let mut process = ProcessBuilder::default()
        .terminal(config.tty)
        .console_size(BoxBuilder::default().height(u64::from(height)).width(u64::from(width)).build()?)
        .args(args)
        .env(environment(container, config.tty))
        .cwd(if config.working_dir.is_empty() { "/" } else { &config.working_dir })
        .capabilities(sets(&capabilities.granted)?)
        .rlimits(rlimits::of(limits, &host.features)?)
        .no_new_privileges(security.no_new_privileges);
    if let Ok(Some(value)) = oom_score_adj(limits.oom_score_adj, &host.features) {
        process = process.oom_score_adj(value);
    }
    Ok(process.build()?)
}

/// Docker's: what is allowed is in effect; nothing is inheritable, so that a program with file capabilities gets no more
/// for a user without any (CVE-2022-24769).
pub(super) fn sets(set: &Capabilities) -> Result<LinuxCapabilities, SpecError> {
    let sets = LinuxCapabilitiesBuilder::default()
        .bounding(set.clone())
        .effective(set.clone())
        .permitted(set.clone())
        .inheritable(Capabilities::new())
        .ambient(Capabilities::new());
    Ok(sets.build()?)
}

/// `PATH`, `HOSTNAME` and, with a terminal, `TERM`; then the image's and the user's, which win.
pub(super) fn environment(container: &Container, tty: bool) -> Vec<String> {
    let mut env = vec![PATH.to_owned(), format!("HOSTNAME={}", namespaces::hostname(container))];
    if tty {
        env.push("TERM=xterm".to_owned());
    }
    overlay(&mut env, &container.config.env);
    env
}

/// Replaces entries by name; one without `=` takes its name out.
pub(super) fn overlay(env: &mut Vec<String>, entries: &[String]) {
    for entry in entries {
        let name = entry.split('=').next().unwrap_or(entry);
        let same = |other: &String| other.split('=').next() == Some(name);
        if !entry.contains('=') {
            env.retain(|other| !same(other));
        } else if let Some(other) = env.iter_mut().find(|other| same(other)) {
            other.clone_from(entry);
        } else {
            env.push(entry.clone());
        }
    }
}

/// Only what differs from what is inherited. Going below that is a privilege.
fn oom_score_adj(wanted: i64, features: &Features) -> Result<Option<i32>, String> {
    let inherited = features.oom_score_adj;
    let Ok(wanted) = i32::try_from(wanted) else { return Ok(None) };
    if wanted < inherited && features.bounding & mask(&[Capability::SysResource]) == 0 {
        return Err(format!(
            "oom score adj {wanted}: this engine runs at {inherited} and has no right to go below. Setting discarded."
        ));
    }
    Ok((wanted != inherited).then_some(wanted))
}

/// What this engine cannot hand on, because it does not have it itself.
pub(super) fn warnings(host: &HostConfig, features: &Features) -> Result<Vec<String>, UnknownCapability> {
    let mut warnings = rlimits::warnings(host, features);
    let refused = security::capabilities(host, features)?.refused;
    if !refused.is_empty() {
        let refused = refused.join(", ");
        warnings.push(format!(
            "This engine does not have {refused} itself and cannot hand it on. The container runs without."
        ));
    }
    warnings.extend(oom_score_adj(host.oom_score_adj, features).err());
    Ok(warnings)
}
