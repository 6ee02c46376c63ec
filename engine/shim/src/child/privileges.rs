//! Ids, capabilities, no_new_privs and seccomp: the last walls.

use super::identity::User;
use crate::failure::{At, Outcome};
use crate::sys::{Errno, Result, identity};
use hull_plan::{Step, StepKind, Steps};

const SYS_ADMIN: u64 = 1 << 21;

/// A plan's `Capabilities` step.
#[derive(Debug, Clone, Copy)]
struct Sets {
    bounding: u64,
    effective: u64,
    permitted: u64,
    inheritable: u64,
    ambient: u64,
}

fn sets(steps: &Steps<'_>) -> Option<Sets> {
    steps.clone().flatten().find_map(|step| match step {
        Step::Capabilities { bounding, effective, permitted, inheritable, ambient } => {
            Some(Sets { bounding, effective, permitted, inheritable, ambient })
        }
        _ => None,
    })
}

/// Becomes the user. Permitted capabilities are kept for [`raise_walls`], but not in effect unless the user is root.
pub(super) fn become_user<'p>(steps: &Steps<'p>, user: &User) -> Outcome<'p> {
    if let Some(sets) = sets(steps) {
        limit_bounding(sets.bounding).at(StepKind::Capabilities, "bounding")?;
        identity::keep_capabilities().at(StepKind::Capabilities, "keep")?;
    }
    identity::set_groups(user.groups()).at(StepKind::Group, "setgroups")?;
    identity::set_group(user.gid).at(StepKind::Group, "setgid")?;
    identity::set_user(user.uid).at(StepKind::User, "setuid")
}

/// Capabilities, no_new_privs, and the plan's filters.
///
/// Without no_new_privs a filter needs CAP_SYS_ADMIN, so it is installed while that is still there, and then the profile
/// must allow `capset` (Docker's does). With no_new_privs it comes last, and need allow nothing but `execve`.
pub(super) fn raise_walls<'p>(steps: &Steps<'p>) -> Outcome<'p> {
    let all = || steps.clone().flatten();
    let no_new_privileges = all().any(|step| step == Step::NoNewPrivileges);
    let filtered = all().any(|step| matches!(step, Step::Seccomp { .. }));
    let sets = sets(steps);
    if no_new_privileges {
        identity::set_no_new_privileges().at(StepKind::Capabilities, "no_new_privs")?;
    } else if filtered {
        if let Some(sets) = sets {
            let (effective, permitted) = (sets.effective | SYS_ADMIN, sets.permitted | SYS_ADMIN);
            identity::set_capabilities(effective, permitted, sets.inheritable)
                .at(StepKind::Seccomp, "CAP_SYS_ADMIN")?;
        }
        filter(steps)?;
    }
    if let Some(sets) = sets {
        identity::set_capabilities(sets.effective, sets.permitted, sets.inheritable)
            .at(StepKind::Capabilities, "capset")?;
        set_ambient(sets.ambient).at(StepKind::Capabilities, "ambient")?;
    }
    if no_new_privileges { filter(steps) } else { Ok(()) }
}

fn filter<'p>(steps: &Steps<'p>) -> Outcome<'p> {
    for step in steps.clone().flatten() {
        if let Step::Seccomp { flags, program } = step {
            identity::set_seccomp(flags, program).at(StepKind::Seccomp, "filter")?;
        }
    }
    Ok(())
}

fn limit_bounding(bounding: u64) -> Result<()> {
    for capability in (0..64).filter(|bit| bounding & 1 << bit == 0) {
        match identity::in_bounding(capability) {
            Ok(true) => identity::drop_bounding(capability)?,
            Ok(false) => {}
            // Past the last one that this kernel knows.
            Err(Errno::EINVAL) => return Ok(()),
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn set_ambient(ambient: u64) -> Result<()> {
    identity::clear_ambient()?;
    (0..64).filter(|bit| ambient & 1 << bit != 0).try_for_each(identity::raise_ambient)
}
