//! A further process in a running container.

use super::super::exec::ExecSpec;
use super::super::model::Container;
use super::error::SpecError;
use super::process::{environment, overlay, sets};
use super::security::{self, Security};
use super::{Host, Inputs, Joins, namespaces};
use crate::store::paths::Paths;
use hull_runtime::cgroup::Cgroup;
use hull_runtime::plan::{ExecExtras, Stdin, namespace_kinds};
use hull_runtime::seccomp::Profile;
use oci_spec::runtime::{BoxBuilder, LinuxBuilder, Process, ProcessBuilder, Spec};

/// What `exec_plan` needs. The container's environment, user, directory and restrictions hold unless the exec says
/// otherwise; `--privileged` gives it all capabilities and no filter.
///
/// # Errors
/// When the container's seccomp profile is none.
pub fn exec(
    container: &Container,
    exec: &ExecSpec,
    paths: &Paths,
    host: &Host,
    cgroup: &Cgroup,
) -> Result<(Process, ExecExtras), SpecError> {
    let config = &container.config;
    let security = Security::of(&container.host_config, &host.features)?;
    let capabilities = if exec.privileged {
        security::all_capabilities(&host.features)
    } else {
        security::capabilities(&container.host_config, &host.features)?
    };
    let profile = if exec.privileged { Profile::Unconfined } else { security.seccomp.clone() };
    let mut env = environment(container, exec.tty);
    overlay(&mut env, &exec.env);
    let own_or = |own: &str, other: &str| if own.is_empty() { other.to_owned() } else { own.to_owned() };
    let cwd = own_or(&exec.working_dir, &own_or(&config.working_dir, "/"));
    let size = exec.size.unwrap_or_default();
    let process = ProcessBuilder::default()
        .terminal(exec.tty)
        .console_size(BoxBuilder::default().height(u64::from(size.rows)).width(u64::from(size.cols)).build()?)
        .args(exec.argv.clone())
        .env(env)
        .cwd(cwd)
        .capabilities(sets(&capabilities.granted)?)
        .rlimits(super::rlimits::of(&container.host_config, &host.features)?)
        .no_new_privileges(security.no_new_privileges)
        .build()?;
    let extras = ExecExtras {
        namespaces: kinds(container, paths)?,
        cgroup: cgroup.into(),
        exit_record: (!exec.unrecorded).then(|| paths.exec_record(&container.id, &exec.id)),
        stdin: if exec.stdin { Stdin::Once } else { Stdin::Null },
        user: own_or(&exec.user, &config.user),
        // The container's extra groups are part of its user.
        groups: if exec.user.is_empty() { container.host_config.group_add.clone() } else { Vec::new() },
        seccomp: host.filters.get(&profile, &capabilities.granted)?.into_iter().collect(),
    };
    Ok((process, extras))
}

/// Which namespaces of the container's init the exec has to join: all that are not the host's.
fn kinds(container: &Container, paths: &Paths) -> Result<u64, SpecError> {
    let inputs = Inputs { paths, netns: None, joins: Joins::default(), files_of: &container.id };
    let linux = LinuxBuilder::default().namespaces(namespaces::of(container, &inputs)).build()?;
    let mut spec = Spec::default();
    spec.set_linux(Some(linux));
    Ok(namespace_kinds(&spec))
}
