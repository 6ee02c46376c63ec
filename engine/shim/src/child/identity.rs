//! Which user the payload runs as: names are looked up in the container's own files.

use super::passwd::{GroupLine, PasswdLine, for_each_line};
use crate::failure::{At, Failure, Outcome};
use crate::sys::file::{self, flags, mode};
use crate::sys::map::Page;
use crate::sys::{Errno, OwnedFd, Result, fd};
use crate::text::{Text, parse_u32};
use core::ffi::CStr;
use hull_plan::{Step, StepKind, Steps};

/// Supplementary groups that a process may have here (the kernel allows 65536).
const MAX_GROUPS: usize = 1000;
/// Docker's bound for ids.
const MAX_ID: u32 = i32::MAX.cast_unsigned();

/// The payload's user.
#[derive(Debug)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) home: Text<1024>,
    groups: Page<[u32; MAX_GROUPS]>,
    group_count: usize,
}

impl User {
    /// All its groups; the primary one is among them (CVE-2022-36109: a group may take rights away, too).
    pub(super) fn groups(&self) -> &[u32] {
        self.groups.get(..self.group_count).unwrap_or_default()
    }

    fn add_group(&mut self, gid: u32) -> Result<()> {
        if !self.groups().contains(&gid) {
            *self.groups.get_mut(self.group_count).ok_or(Errno::E2BIG)? = gid;
            self.group_count += 1;
        }
        Ok(())
    }
}

/// Reads the plan's `User` and `Group` steps.
pub(super) fn look_up<'p>(steps: &Steps<'p>, root: &OwnedFd) -> Outcome<'p, User> {
    let spec = steps.clone().flatten().find_map(|step| if let Step::User { spec } = step { Some(spec) } else { None });
    let spec = spec.unwrap_or_default().to_bytes();
    let (name, group) = match spec.iter().position(|b| *b == b':') {
        Some(colon) => (spec.get(..colon).unwrap_or_default(), spec.get(colon + 1..).unwrap_or_default()),
        None => (spec, &[][..]),
    };
    let mut user = User {
        uid: 0,
        gid: 0,
        home: Text::copy(b"/").at(StepKind::User, name)?,
        groups: Page::new([0; MAX_GROUPS]).at(StepKind::User, name)?,
        group_count: 0,
    };
    let login = find_user(root, name, &mut user)?;
    if !group.is_empty() {
        user.gid = find_group(root, group)?;
    }
    user.add_group(user.gid).at(StepKind::User, name)?;
    if group.is_empty() && !login.is_empty() {
        add_memberships(root, &login, &mut user).at(StepKind::Group, name)?;
    }
    for step in steps.clone().flatten() {
        if let Step::Group { spec } = step {
            let gid = find_group(root, spec.to_bytes())?;
            user.add_group(gid).at(StepKind::Group, spec)?;
        }
    }
    Ok(user)
}

/// Fills in ids and home; returns the login name, which is empty for a number that no entry has.
fn find_user<'p>(root: &OwnedFd, name: &'p [u8], user: &mut User) -> Outcome<'p, Text<256>> {
    // A number is always an id, even if somebody is called that.
    let number = if name.is_empty() { Some(0) } else { parse_u32(name) };
    let mut found = Ok(None);
    read_lines(root, c"/etc/passwd", |line| {
        let Some(entry) = PasswdLine::parse(line) else { return true };
        if number.map_or(entry.name == name, |uid| entry.uid == uid) {
            found = Text::copy(entry.name)
                .and_then(|login| Ok(Some((login, entry.uid, entry.gid, Text::copy(entry.home)?))));
            return false;
        }
        true
    })
    .at(StepKind::User, name)?;
    let (uid, login) = match (found.at(StepKind::User, name)?, number) {
        (Some((login, uid, gid, home)), _) => {
            user.gid = gid;
            if !home.is_empty() {
                user.home = home;
            }
            (uid, login)
        }
        (None, Some(uid)) => (uid, Text::new()),
        (None, None) => {
            return Err(Failure { step: StepKind::User, errno: Errno::ENOENT, object: name });
        }
    };
    user.uid = in_range(uid).at(StepKind::User, name)?;
    user.gid = in_range(user.gid).at(StepKind::User, name)?;
    Ok(login)
}

/// A group's number: its entry's, or the number itself.
fn find_group<'p>(root: &OwnedFd, name: &'p [u8]) -> Outcome<'p, u32> {
    let number = parse_u32(name);
    let mut found = number;
    if number.is_none() {
        read_lines(root, c"/etc/group", |line| {
            found = GroupLine::parse(line).filter(|entry| entry.name == name).map(|entry| entry.gid);
            found.is_none()
        })
        .at(StepKind::Group, name)?;
    }
    found.ok_or(Errno::ENOENT).and_then(in_range).at(StepKind::Group, name)
}

fn add_memberships(root: &OwnedFd, login: &Text<256>, user: &mut User) -> Result<()> {
    let mut outcome = Ok(());
    read_lines(root, c"/etc/group", |line| {
        if let Some(entry) = GroupLine::parse(line).filter(|entry| entry.has_member(login.as_bytes())) {
            outcome = user.add_group(entry.gid);
        }
        outcome.is_ok()
    })?;
    outcome
}

fn in_range(id: u32) -> Result<u32> {
    if id <= MAX_ID { Ok(id) } else { Err(Errno::ERANGE) }
}

/// A file that is missing has no lines; one that is not a regular file (a FIFO would block) neither.
fn read_lines(root: &OwnedFd, path: &CStr, each: impl FnMut(&[u8]) -> bool) -> Result<()> {
    let file = match file::open_beneath(root, path, flags::RDONLY | flags::NONBLOCK | flags::NOCTTY) {
        Ok(file) => file,
        Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(()),
        Err(errno) => return Err(errno),
    };
    if file::stat(&file)?.kind() != mode::REGULAR {
        return Ok(());
    }
    for_each_line(|buffer| fd::read(&file, buffer), each)
}
