//! From an OCI spec to a Plan: pure data in, pure data out, no I/O.
//!
//! The OCI spec says what the container is. [`Extras`] says what OCI has no words for: where the engine keeps the
//! layers, the log and the sockets, which cgroups were made, the user's name as it was typed. Every decision that needs the
//! image's content (does this path exist, who is `www-data`) is left to the shim's child as a step.

mod args;
mod extras;
mod mounts;
mod namespaces;
mod process;
mod rootfs;

pub use extras::{CgroupPlace, CopyUp, ExecExtras, Extras, LogFile, Rootfs, SpecialBind, SpecialSource, Stdin};
pub use namespaces::kinds as namespace_kinds;
pub use rootfs::overlay_options;

use args::Steps;
use hull_plan::{Plan, PlanTooLong, Step};
use oci_spec::runtime::{Process, Spec};
use std::path::PathBuf;

/// Why a spec cannot become a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A string with a NUL byte cannot be given to the kernel.
    #[error("{what} has a NUL byte: {value:?}")]
    Nul {
        /// What it is.
        what: &'static str,
        /// The string.
        value: String,
    },
    /// The spec has no process, or the process no arguments.
    #[error("no command specified")]
    NoCommand,
    /// The mount data of an overlay is one page.
    #[error("the image has too many layers for one overlay: {length} bytes of mount options, at most 4095 fit")]
    TooManyLayers {
        /// What they would need.
        length: usize,
    },
    /// A mount without a source, or with a target that is not absolute.
    #[error("mount at {target}: {reason}", target = target.display())]
    Mount {
        /// Where it was to be.
        target: PathBuf,
        /// What is wrong.
        reason: &'static str,
    },
    /// Mounts of its own in the host's mount namespace would change the host.
    #[error("{what} in the host's mount namespace")]
    OnHost {
        /// What the spec asks for.
        what: &'static str,
    },
    /// The plan does not fit into one frame.
    #[error(transparent)]
    TooLong(#[from] TooLong),
}

/// [`PlanTooLong`], comparable and with its own text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TooLong(PlanTooLong);

/// The plan of a container's init.
///
/// # Errors
/// See [`PlanError`].
pub fn container_plan(spec: &Spec, extras: &Extras) -> Result<Plan, PlanError> {
    let process = spec.process().as_ref().ok_or(PlanError::NoCommand)?;
    let mut steps = Steps::new();
    engine_side(&mut steps, extras)?;
    io(&mut steps, process, extras.stdin);
    if extras.attach_on_start {
        steps.push(&Step::AttachOnStart);
    }
    namespaces::container(&mut steps, spec)?;
    cgroups(&mut steps, &extras.cgroup)?;
    namespaces::unshare_cgroup(&mut steps, spec);
    process::limits(&mut steps, process);
    namespaces::names(&mut steps, spec)?;
    rootfs::make(&mut steps, spec, extras)?;
    process::identity(&mut steps, process, &extras.user, &extras.groups)?;
    if extras.init {
        steps.push(&Step::Init);
    }
    process::payload(&mut steps, process, &extras.seccomp)?;
    steps.finish()
}

/// The plan of a process that joins a running container.
///
/// # Errors
/// See [`PlanError`].
pub fn exec_plan(process: &Process, extras: &ExecExtras) -> Result<Plan, PlanError> {
    let mut steps = Steps::new();
    if let Some(path) = &extras.exit_record {
        steps.with_path("exit record", path, |path| Step::ExitRecord { path })?;
    }
    io(&mut steps, process, extras.stdin);
    steps.push(&Step::JoinInit { kinds: extras.namespaces });
    cgroups(&mut steps, &extras.cgroup)?;
    process::limits(&mut steps, process);
    process::identity(&mut steps, process, &extras.user, &extras.groups)?;
    process::payload(&mut steps, process, &extras.seccomp)?;
    steps.finish()
}

/// What the shim does for itself.
fn engine_side(steps: &mut Steps, extras: &Extras) -> Result<(), PlanError> {
    for procs in &extras.shim_procs {
        steps.with_path("shim cgroup", procs, |procs| Step::ShimCgroup { procs })?;
    }
    steps.with_path("control socket", &extras.control_socket, |path| Step::ControlSocket { path })?;
    steps.with_path("exit record", &extras.exit_record, |path| Step::ExitRecord { path })?;
    if let Some(file) = &extras.oom_file {
        steps.with_path("OOM file", file, |path| Step::OomFile { path })?;
    }
    if let Some(log) = &extras.log {
        let (max_size, max_files) = (log.max_size, log.max_files);
        steps.with_path("log", &log.path, |path| Step::Log { path, max_size, max_files })?;
        if let Some(attributes) = &log.attributes {
            steps.with("log attributes", attributes, |json| Step::LogAttributes { json })?;
        }
    }
    Ok(())
}

fn io(steps: &mut Steps, process: &Process, stdin: Stdin) {
    match stdin {
        Stdin::Null => {}
        Stdin::Open => steps.push(&Step::Stdin { once: false }),
        Stdin::Once => steps.push(&Step::Stdin { once: true }),
    }
    if process.terminal() == Some(true) {
        let size = process.console_size();
        let cells = |n: Option<u64>| n.and_then(|n| u16::try_from(n).ok()).unwrap_or(0);
        steps.push(&Step::Terminal { rows: cells(size.map(|s| s.height())), cols: cells(size.map(|s| s.width())) });
    }
}

fn cgroups(steps: &mut Steps, place: &CgroupPlace) -> Result<(), PlanError> {
    steps.with_path("cgroup", &place.unified, |path| Step::Cgroup2 { path })?;
    for (_, dir) in &place.v1 {
        steps.with_path("cgroup", &dir.join("cgroup.procs"), |procs| Step::CgroupProcs { procs })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
