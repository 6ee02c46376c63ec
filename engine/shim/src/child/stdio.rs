//! The payload's descriptors 0, 1 and 2.

use super::beneath::{self, Make};
use super::identity::User;
use super::tree::Tree;
use super::{Child, open_device};
use crate::failure::{At, Outcome};
use crate::sys::{OwnedFd, Result, fd, file, mount, net, tty};
use hull_plan::{Step, StepKind};

/// Makes a terminal in the container's devpts, sends the shim its side, and returns the payload's.
pub(super) fn terminal<'p>(child: &Child<'_, 'p>, tree: &mut Tree) -> Outcome<'p, Option<OwnedFd>> {
    let size = child.steps.clone().flatten().find_map(|step| match step {
        Step::Terminal { rows, cols } => Some((rows, cols)),
        _ => None,
    });
    let Some((rows, cols)) = size else { return Ok(None) };
    make_terminal(child, tree, rows, cols).at(StepKind::Terminal, "/dev/pts/ptmx").map(Some)
}

fn make_terminal(child: &Child<'_, '_>, tree: &Tree, rows: u16, cols: u16) -> Result<OwnedFd> {
    let shims_side = open_device(tree.root(), c"/dev/pts/ptmx", 5, 2)?;
    let payloads_side = tty::open_peer(&shims_side)?;
    if (rows, cols) != (0, 0) {
        tty::resize(&shims_side, rows, cols)?;
    }
    if tree.is_made() {
        let place = beneath::find_or_make(tree.root(), c"/dev/console", Make::File)?;
        let console = mount::clone_tree(&payloads_side, c"", false)?;
        mount::attach_tree(&console, &place)?;
    }
    net::send_message(child.status, b"tty", Some(&shims_side))?;
    Ok(payloads_side)
}

/// Puts them in place, owned by the user: a program may open `/dev/stdout` again.
pub(super) fn install<'p>(child: &Child<'_, 'p>, tree: &Tree, terminal: Option<OwnedFd>, user: &User) -> Outcome<'p> {
    if let Some(terminal) = &terminal {
        tty::control(terminal).at(StepKind::Terminal, "controlling terminal")?;
    }
    // The container's own /dev/null, so that no descriptor leads to the host's; an image without one gets that still.
    let null = open_device(tree.root(), c"/dev/null", 1, 3).ok();
    for (number, given) in (0u8..).zip(child.stdio) {
        let Some(source) = terminal.as_ref().or(given).or(null.as_ref()) else { continue };
        if terminal.is_some() || given.is_some() {
            file::chown(source, user.uid, u32::MAX).at(StepKind::Prepare, "stdio")?;
        }
        fd::install_stdio(source, number).at(StepKind::Prepare, "stdio")?;
    }
    Ok(())
}
