//! The execs of containers that an earlier daemon knew.
//!
//! What has been described on disk and has not ended there is asked for at the shim, which is the exec's parent: it runs, or the shim has
//! left a record of its end, or it was never started.

use super::super::attach::Pump;
use super::super::owner::Handle;
use super::super::runtime::ExecLive;
use super::super::{Container, ContainerService, Shared};
use super::description::{self, Description};
use super::table::{ExecEnd, ExecState};
use super::{ExecSpec, run};
use crate::ids::ContainerId;
use tokio::sync::mpsc;

impl ContainerService {
    /// Brings back the execs of a container that runs.
    pub(in crate::containers) async fn restore_execs(&self, handle: &Handle) {
        let container = handle.container();
        let ends = handle.watch().borrow().ends;
        for (spec, recorded) in read(&self.shared, &container).await {
            let found = match recorded {
                Some(end) => Found::Ended(end),
                None => find(&self.shared, &container, &spec).await,
            };
            match found {
                Found::Running(live) => {
                    self.shared.execs.restore(container.id.clone(), spec.clone(), ExecState::Running { pid: live.pid });
                    // Its client's connection ended with the earlier daemon: nobody sends input, output goes nowhere.
                    let (_, input) = mpsc::channel(1);
                    let pump = Pump { connection: Some(live.connection), input, output: None, end_is_eof: false };
                    tokio::spawn(run::watch(self.shared.clone(), handle.clone(), spec, live.pid, pump, ends));
                }
                Found::Ended(end) => {
                    ended_unseen(&self.shared, &container, spec.clone(), end);
                    drop(run::write_end(&self.shared, &container.id, spec, end));
                }
                Found::Idle => {
                    self.shared.execs.restore(container.id.clone(), spec, ExecState::Created { size: None });
                }
            }
        }
    }
}

enum Found {
    Running(ExecLive),
    Ended(ExecEnd),
    Idle,
}

async fn find(shared: &Shared, container: &Container, spec: &ExecSpec) -> Found {
    match shared.runtime.find_exec(container, &spec.id).await {
        Ok(Some(live)) => return Found::Running(live),
        Ok(None) => {}
        Err(error) => tracing::debug!(container = %container.id, exec = spec.id, %error, "the shim does not answer"),
    }
    // It may have ended between the two looks.
    match recorded(shared, &container.id, &spec.id).await {
        Some(end) => Found::Ended(end),
        None => Found::Idle,
    }
}

async fn recorded(shared: &Shared, container: &ContainerId, exec: &str) -> Option<ExecEnd> {
    let (paths, container, exec) = (shared.paths.clone(), container.clone(), exec.to_owned());
    tokio::task::spawn_blocking(move || description::recorded(&paths, &container, &exec)).await.ok().flatten()
}

/// Brings back the execs of a container that has ended while no daemon looked. To be called before that end is told, and before its run
/// directory goes. `lost`: its shim was killed, and has written down no end of theirs.
pub(in crate::containers) async fn restore_ended(shared: &Shared, container: &Container, lost: bool) {
    for (spec, recorded) in read(shared, container).await {
        match recorded {
            Some(end) => ended_unseen(shared, container, spec, end),
            None if lost => ended_unseen(shared, container, spec, ExecEnd::now(0, 137)),
            None => shared.execs.restore(container.id.clone(), spec, ExecState::Created { size: None }),
        }
    }
}

/// Puts those back whose end was told, and gives the others, with the end that the shim has written down; in the order of their ends.
async fn read(shared: &Shared, container: &Container) -> Vec<(ExecSpec, Option<ExecEnd>)> {
    let (paths, id) = (shared.paths.clone(), container.id.clone());
    let read = move || {
        let all = description::read_all(&paths, &id);
        let with_record = all.into_iter().map(|found| {
            let recorded = if found.end.is_none() { description::recorded(&paths, &id, &found.spec.id) } else { None };
            (found, recorded)
        });
        with_record.collect::<Vec<(Description, Option<ExecEnd>)>>()
    };
    let all = tokio::task::spawn_blocking(read).await.unwrap_or_default();
    let (mut open, mut over) = (Vec::new(), Vec::new());
    for (Description { spec, end }, recorded) in all {
        match end {
            Some(end) if end.is_over() => over.push((container.id.clone(), spec.id)),
            Some(end) => shared.execs.restore(container.id.clone(), spec, ExecState::Ended(end)),
            None => open.push((spec, recorded)),
        }
    }
    if !over.is_empty() {
        description::discard(shared.paths.clone(), over);
    }
    open.sort_by_key(|(_, end)| end.map(|end| end.at));
    open
}

fn ended_unseen(shared: &Shared, container: &Container, spec: ExecSpec, end: ExecEnd) {
    run::tell(shared, container, &spec.id, end);
    shared.execs.restore(container.id.clone(), spec, ExecState::Ended(end));
}
