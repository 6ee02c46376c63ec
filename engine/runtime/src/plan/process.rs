//! The process itself: limits, identity, privileges, environment, arguments.

use super::PlanError;
use super::args::Steps;
use crate::capabilities::mask;
use hull_plan::Step;
use oci_spec::runtime::{PosixRlimitType, Process};
use std::sync::Arc;

pub(super) fn limits(steps: &mut Steps, process: &Process) {
    for limit in process.rlimits().iter().flatten() {
        steps.push(&Step::Rlimit { resource: rlimit(limit.typ()), soft: limit.soft(), hard: limit.hard() });
    }
    if let Some(value) = process.oom_score_adj() {
        steps.push(&Step::OomScoreAdj { value });
    }
}

/// `RLIMIT_*` of the kernel's generic ABI (x86, arm64, riscv).
fn rlimit(kind: PosixRlimitType) -> u32 {
    match kind {
        PosixRlimitType::RlimitCpu => 0,
        PosixRlimitType::RlimitFsize => 1,
        PosixRlimitType::RlimitData => 2,
        PosixRlimitType::RlimitStack => 3,
        PosixRlimitType::RlimitCore => 4,
        PosixRlimitType::RlimitRss => 5,
        PosixRlimitType::RlimitNproc => 6,
        PosixRlimitType::RlimitNofile => 7,
        PosixRlimitType::RlimitMemlock => 8,
        PosixRlimitType::RlimitAs => 9,
        PosixRlimitType::RlimitLocks => 10,
        PosixRlimitType::RlimitSigpending => 11,
        PosixRlimitType::RlimitMsgqueue => 12,
        PosixRlimitType::RlimitNice => 13,
        PosixRlimitType::RlimitRtprio => 14,
        PosixRlimitType::RlimitRttime => 15,
    }
}

pub(super) fn identity(steps: &mut Steps, process: &Process, user: &str, groups: &[String]) -> Result<(), PlanError> {
    if let Some(mask) = process.user().umask() {
        steps.push(&Step::Umask { mask });
    }
    steps.with("user", user, |spec| Step::User { spec })?;
    for group in groups {
        steps.with("group", group, |spec| Step::Group { spec })?;
    }
    steps.with_path("working directory", process.cwd(), |path| Step::Cwd { path })
}

pub(super) fn payload(steps: &mut Steps, process: &Process, seccomp: &[Arc<[u8]>]) -> Result<(), PlanError> {
    if process.no_new_privileges() == Some(true) {
        steps.push(&Step::NoNewPrivileges);
    }
    if let Some(sets) = process.capabilities() {
        steps.push(&Step::Capabilities {
            bounding: mask(sets.bounding().iter().flatten()),
            effective: mask(sets.effective().iter().flatten()),
            permitted: mask(sets.permitted().iter().flatten()),
            inheritable: mask(sets.inheritable().iter().flatten()),
            ambient: mask(sets.ambient().iter().flatten()),
        });
    }
    for program in seccomp {
        steps.push(&Step::Seccomp { flags: 0, program });
    }
    for entry in process.env().iter().flatten() {
        steps.with("environment", entry, |entry| Step::Env { entry })?;
    }
    let args = process.args().as_deref().filter(|args| !args.is_empty()).ok_or(PlanError::NoCommand)?;
    for value in args {
        steps.with("argument", value, |value| Step::Arg { value })?;
    }
    Ok(())
}
