//! The last steps: working directory, limits, environment, `execve`.

use super::Child;
use super::beneath::{self, Make};
use super::identity::User;
use super::privileges;
use super::tree::Tree;
use crate::failure::{At, Failure, Outcome};
use crate::init;
use crate::search::{self, Found};
use crate::sys::file::{self, flags, mode};
use crate::sys::map::Pointers;
use crate::sys::{CWD, Errno, OwnedFd, Result, fd, identity, poll, process};
use crate::text::Text;
use core::ffi::CStr;
use core::fmt::Write;
use hull_plan::{Step, StepKind, Steps};

/// Writes this process's `oom_score_adj`, through the host's /proc.
pub(super) fn set_oom_score(value: i32) -> Result<()> {
    let mut text = Text::<16>::new();
    write!(text, "{value}").map_err(|_| Errno::EINVAL)?;
    let score = file::open(CWD, c"/proc/self/oom_score_adj", flags::WRONLY, 0)?;
    fd::write_all(&score, text.as_bytes())
}

/// This program itself, for a container that is to have it as its init: taken hold of while the host's /proc is there.
pub(super) fn open_own_program<'p>(steps: &Steps<'p>) -> Outcome<'p, Option<OwnedFd>> {
    if !steps.clone().flatten().any(|step| step == Step::Init) {
        return Ok(None);
    }
    let open = || {
        let program = file::open(CWD, c"/proc/self/exe", flags::PATH, 0)?;
        // Out of the way of the numbers that the init will have.
        fd::duplicate(&program, 16)
    };
    open().at(StepKind::Prepare, "init").map(Some)
}

/// Goes to the working directory, and makes sure that it is inside (CVE-2024-21626).
pub(super) fn change_directory<'p>(steps: &Steps<'p>, tree: &Tree) -> Outcome<'p> {
    let cwd = steps.clone().flatten().find_map(|step| if let Step::Cwd { path } = step { Some(path) } else { None });
    let cwd = cwd.filter(|path| !path.is_empty()).unwrap_or(c"/");
    let directory = if tree.is_made() {
        beneath::find_or_make(tree.root(), cwd, Make::Directory)
    } else {
        beneath::find(tree.root(), cwd)
    }
    .at(StepKind::Cwd, cwd)?;
    if file::stat(&directory).at(StepKind::Cwd, cwd)?.kind() != mode::DIRECTORY {
        return Err(Failure { step: StepKind::Cwd, errno: Errno::ENOTDIR, object: cwd.to_bytes() });
    }
    process::change_directory(&directory).at(StepKind::Cwd, cwd)?;
    match process::directory_is_inside().at(StepKind::Cwd, cwd)? {
        true => Ok(()),
        false => Err(Failure { step: StepKind::Cwd, errno: Errno::EXDEV, object: cwd.to_bytes() }),
    }
}

/// Becomes the payload. What is returned is why not.
///
/// With `own_program` that is the init, and the payload its child.
pub(super) fn run<'p>(child: &Child<'_, 'p>, user: &User, own_program: Option<&OwnedFd>) -> Outcome<'p, Failure<'p>> {
    let steps = &child.steps;
    let all = || steps.clone().flatten();
    let mut home = Text::<1100>::new();
    home.push(b"HOME=").and_then(|()| home.push(user.home.as_bytes())).at(StepKind::User, "HOME")?;

    let (mut argument_count, mut entry_count) = (0, 1);
    for step in all() {
        match step {
            Step::Arg { .. } => argument_count += 1,
            Step::Env { .. } => entry_count += 1,
            _ => {}
        }
    }
    let mut environment = Pointers::new(entry_count).at(StepKind::Exec, "environ")?;
    let mut command: Option<&'p CStr> = None;
    let mut path: &[u8] = search::DEFAULT_PATH;
    let mut has_home = false;
    let mut umask = 0o022;
    for step in all() {
        match step {
            Step::Arg { value } => {
                command.get_or_insert(value);
            }
            Step::Env { entry } => {
                has_home |= entry.to_bytes().starts_with(b"HOME=");
                path = entry.to_bytes().strip_prefix(b"PATH=").unwrap_or(path);
                environment.push(entry).at(StepKind::Exec, entry)?;
            }
            Step::Rlimit { resource, soft, hard } => {
                identity::set_limit(resource, soft, hard).at(StepKind::Limit, limit_name(resource))?;
            }
            Step::Umask { mask } => umask = mask & 0o777,
            _ => {}
        }
    }
    if !has_home {
        environment.push(home.as_c_str()).at(StepKind::Exec, "HOME")?;
    }
    let Some(command) = command else {
        return Err(Failure { step: StepKind::Exec, errno: Errno::ENOENT, object: b"" });
    };

    // From here on only the status socket is left of what the shim gave, and the payload's execve closes that.
    let mut keep = [child.status.raw(), own_program.map_or(-1, OwnedFd::raw)];
    fd::close_all_but(&mut keep).at(StepKind::Prepare, "close_range")?;
    identity::set_umask(umask);
    match own_program {
        Some(_) => fd::hand_over(child.status, init::STATUS).at(StepKind::Prepare, "status")?,
        // For an init they stay blocked until it takes them: it would lose those that come before.
        None => poll::unblock_signals().at(StepKind::Prepare, "signals")?,
    }
    privileges::become_user(steps, user)?;
    // As the user, since its rights decide what may be executed; and before the filters, which need not allow looking.
    let program = search::find(command.to_bytes(), path, probe).at(StepKind::Exec, command)?;
    let mut arguments = Pointers::new(argument_count + init::OWN_ARGUMENTS).at(StepKind::Exec, "argv")?;
    if own_program.is_some() {
        for own in [init::NAME, program.as_c_str(), init::MARK] {
            arguments.push(own).at(StepKind::Exec, "argv")?;
        }
    }
    for step in all() {
        if let Step::Arg { value } = step {
            arguments.push(value).at(StepKind::Exec, value)?;
        }
    }
    privileges::raise_walls(steps)?;
    let errno = match own_program {
        Some(init) => process::execute_descriptor(init, &arguments, &environment),
        None => process::execute(program.as_c_str(), &arguments, &environment),
    };
    Ok(Failure { step: StepKind::Exec, errno, object: command.to_bytes() })
}

/// As `ulimit` options of Docker are called.
fn limit_name(resource: u32) -> &'static str {
    const NAMES: [&str; 16] = [
        "cpu",
        "fsize",
        "data",
        "stack",
        "core",
        "rss",
        "nproc",
        "nofile",
        "memlock",
        "as",
        "locks",
        "sigpending",
        "msgqueue",
        "nice",
        "rtprio",
        "rttime",
    ];
    usize::try_from(resource).ok().and_then(|resource| NAMES.get(resource).copied()).unwrap_or("rlimit")
}

fn probe(candidate: &CStr) -> Found {
    let stat = match file::stat_path(candidate) {
        Ok(stat) => stat,
        Err(Errno::ENOENT | Errno::ENOTDIR) => return Found::Nothing,
        Err(errno) => return Found::Unusable(errno),
    };
    if stat.kind() == mode::DIRECTORY {
        return Found::Unusable(Errno::EISDIR);
    }
    file::executable(candidate).map_or_else(Found::Unusable, |()| Found::Program)
}
