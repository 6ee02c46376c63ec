//! From a plan to a child: what the shim reads from the plan itself, and the one clone.

use crate::child::Child;
use crate::failure::{At, Failure, Outcome};
use crate::log::Setup;
use crate::sys::file::{self, flags};
use crate::sys::process::{self, Cloned, ns};
use crate::sys::{AsFd, BorrowedFd, CWD, Errno, OwnedFd, Result, fd, net};
use crate::text::Text;
use core::ffi::CStr;
use core::fmt::{self, Write};
use hull_plan::{DecodeError, Step, StepKind, Steps};

/// A namespace that the child joins.
#[derive(Debug)]
pub(crate) struct Join<'p> {
    pub(crate) kind: u64,
    pub(crate) path: &'p CStr,
    pub(crate) fd: OwnedFd,
}

/// The steps that concern the shim.
#[derive(Debug, Default)]
pub(crate) struct Prepared<'p> {
    pub(crate) namespaces: u64,
    pub(crate) join_init: u64,
    pub(crate) joins: [Option<Join<'p>>; 8],
    pub(crate) cgroup: Option<OwnedFd>,
    pub(crate) control_socket: Option<&'p CStr>,
    pub(crate) exit_record: Option<&'p CStr>,
    pub(crate) oom_file: Option<&'p CStr>,
    pub(crate) log: Option<Setup<'p>>,
    /// Whether stdin stays open; if so, whether only for the first client.
    pub(crate) stdin_once: Option<bool>,
    pub(crate) terminal: bool,
    pub(crate) attach_on_start: bool,
    /// Root of the container's user namespace, as ids of the host.
    pub(crate) root: Option<(u32, u32)>,
}

/// A child that waits for its start to be finished, and the shim's ends of what connects them.
#[derive(Debug)]
pub(crate) struct Spawned {
    pub(crate) pid: u32,
    pub(crate) pidfd: OwnedFd,
    /// Comes to its end when `execve` succeeds; before that the terminal or a failure may come.
    pub(crate) status: OwnedFd,
    pub(crate) stdin: Option<OwnedFd>,
    pub(crate) outputs: [Option<OwnedFd>; 2],
}

/// Checks a whole plan. Afterwards its steps can be read without errors.
pub(crate) fn check(plan: &[u8]) -> core::result::Result<Steps<'_>, DecodeError> {
    let steps = Steps::new(plan)?;
    steps.clone().try_for_each(|step| step.map(drop))?;
    Ok(steps)
}

impl<'p> Prepared<'p> {
    /// Reads the plan and opens what the child gets.
    pub(crate) fn read(steps: &Steps<'p>) -> Outcome<'p, Self> {
        let mut prepared = Self::default();
        for step in steps.clone().flatten() {
            match step {
                Step::ShimCgroup { procs } => {
                    write_number(procs, process::own_pid()).at(StepKind::Cgroup, procs)?;
                }
                Step::ControlSocket { path } => prepared.control_socket = Some(path),
                Step::ExitRecord { path } => prepared.exit_record = Some(path),
                Step::OomFile { path } => prepared.oom_file = Some(path),
                Step::Log { path, max_size, max_files } => {
                    prepared.log = Some(Setup { path, max_size, max_files, attributes: c"" });
                }
                Step::LogAttributes { json } => {
                    if let Some(log) = &mut prepared.log {
                        log.attributes = json;
                    }
                }
                Step::Stdin { once } => prepared.stdin_once = Some(once),
                Step::Terminal { .. } => prepared.terminal = true,
                Step::AttachOnStart => prepared.attach_on_start = true,
                Step::Namespaces { flags } => prepared.namespaces = flags,
                Step::JoinInit { kinds } => prepared.join_init = kinds,
                Step::JoinNamespace { kind, path } => prepared.open_namespace(kind, path)?,
                Step::Cgroup2 { path } => {
                    let directory = flags::RDONLY | flags::DIRECTORY;
                    prepared.cgroup = Some(file::open(CWD, path, directory, 0).at(StepKind::Cgroup, path)?);
                }
                Step::UidMap { inside: 0, outside, .. } => prepared.root.get_or_insert_default().0 = outside,
                Step::GidMap { inside: 0, outside, .. } => prepared.root.get_or_insert_default().1 = outside,
                _ => {}
            }
        }
        let allowed = ns::ALL & !ns::CGROUP;
        if prepared.namespaces & !allowed != 0 || prepared.join_init & !ns::ALL != 0 {
            return Err(Failure { step: StepKind::Namespace, errno: Errno::EINVAL, object: b"flags" });
        }
        prepared.make_time_namespace(steps)?;
        Ok(prepared)
    }

    fn open_namespace(&mut self, kind: u64, path: &'p CStr) -> Outcome<'p> {
        let fd = file::open(CWD, path, flags::RDONLY, 0).at(StepKind::Namespace, path)?;
        if kind == ns::PID {
            // It holds for children only, so this process joins it, not the child.
            return process::join(&fd, kind).at(StepKind::Namespace, path);
        }
        let free = self.joins.iter_mut().find(|slot| slot.is_none());
        *free.ok_or(Errno::E2BIG).at(StepKind::Namespace, path)? = Some(Join { kind, path, fd });
        Ok(())
    }

    /// Offsets can be written only before anybody lives in the time namespace (EACCES after the clone), so it is unshared
    /// here, and the next clone is born into it.
    fn make_time_namespace(&mut self, steps: &Steps<'p>) -> Outcome<'p> {
        if self.namespaces & ns::TIME == 0 {
            return Ok(());
        }
        self.namespaces &= !ns::TIME;
        process::unshare(ns::TIME).at(StepKind::Namespace, "time")?;
        for step in steps.clone().flatten() {
            if let Step::TimeOffset { clock, secs, nanos } = step {
                let mut line = Text::<64>::new();
                let offset = writeln!(line, "{clock} {secs} {nanos}").map_err(|_| Errno::EINVAL);
                offset
                    .and_then(|()| write_file(c"/proc/self/timens_offsets", line.as_bytes()))
                    .at(StepKind::Namespace, "time offsets")?;
            }
        }
        Ok(())
    }

    /// Clones the child and puts it into its cgroups. It waits for a byte on its status socket.
    pub(crate) fn spawn(&self, steps: &Steps<'p>, init: Option<BorrowedFd<'_>>) -> Outcome<'p, Spawned> {
        let (ours, childs) = net::message_pair().at(StepKind::Prepare, "socketpair")?;
        let pipe = |wanted: bool| if wanted { fd::pipe().map(Some) } else { Ok(None) };
        let piped = !self.terminal;
        let stdin = pipe(piped && self.stdin_once.is_some()).at(StepKind::Prepare, "stdin")?;
        let stdout = pipe(piped).at(StepKind::Prepare, "stdout")?;
        let stderr = pipe(piped).at(StepKind::Prepare, "stderr")?;
        if let Some((uid, gid)) = self.root {
            // So that the child, root there and nobody here, can give them to its user.
            for (end, _) in [&stdin, &stdout, &stderr].into_iter().flatten() {
                file::chown(end, uid, gid).at(StepKind::Prepare, "stdio")?;
            }
        }

        let cgroup = self.cgroup.as_ref().map(AsFd::fd);
        let cloned = process::clone(self.namespaces, cgroup).at(StepKind::Clone, "clone3")?;
        let (pid, pidfd) = match cloned {
            Cloned::Parent { pid, pidfd } => (pid, pidfd),
            Cloned::Child => {
                let stdio = [
                    stdin.as_ref().map(|(read, _)| read),
                    stdout.as_ref().map(|(_, write)| write),
                    stderr.as_ref().map(|(_, write)| write),
                ];
                Child { steps: steps.clone(), prepared: self, status: &childs, stdio, init }.run()
            }
        };
        let spawned = Spawned {
            pid,
            pidfd,
            status: ours,
            stdin: stdin.map(|(_, write)| write),
            outputs: [stdout.map(|(read, _)| read), stderr.map(|(read, _)| read)],
        };
        match self.finish(&spawned, steps) {
            Ok(()) => Ok(spawned),
            Err(failure) => {
                process::abandon(&spawned.pidfd);
                Err(failure)
            }
        }
    }

    /// What is done for a child while it waits.
    fn finish(&self, spawned: &Spawned, steps: &Steps<'p>) -> Outcome<'p> {
        for fd in spawned.stdin.iter().chain(spawned.outputs.iter().flatten()) {
            fd::set_nonblocking(fd).at(StepKind::Prepare, "pipe")?;
        }
        for step in steps.clone().flatten() {
            if let Step::CgroupProcs { procs } = step {
                write_number(procs, spawned.pid).at(StepKind::Cgroup, procs)?;
            }
        }
        if self.namespaces & ns::USER != 0 {
            write_maps(steps, spawned.pid).at(StepKind::Namespace, "id maps")?;
        }
        Ok(())
    }
}

fn write_file(path: &CStr, bytes: &[u8]) -> Result<()> {
    fd::write_all(file::open(CWD, path, flags::WRONLY, 0)?, bytes)
}

fn write_number(path: &CStr, number: u32) -> Result<()> {
    let mut text = Text::<16>::new();
    write!(text, "{number}").map_err(|_| Errno::EINVAL)?;
    write_file(path, text.as_bytes())
}

/// A map is accepted whole, by one write, and only once.
fn write_maps(steps: &Steps<'_>, pid: u32) -> Result<()> {
    let (mut uids, mut gids) = (Text::<2048>::new(), Text::<2048>::new());
    let full = |fmt::Error| Errno::E2BIG;
    for step in steps.clone().flatten() {
        match step {
            Step::UidMap { inside, outside, count } => writeln!(uids, "{inside} {outside} {count}").map_err(full)?,
            Step::GidMap { inside, outside, count } => writeln!(gids, "{inside} {outside} {count}").map_err(full)?,
            _ => {}
        }
    }
    for (file, lines) in [("gid_map", gids), ("uid_map", uids)] {
        let mut path = Text::<64>::new();
        write!(path, "/proc/{pid}/{file}").map_err(full)?;
        if !lines.is_empty() {
            write_file(path.as_c_str(), lines.as_bytes())?;
        }
    }
    Ok(())
}
