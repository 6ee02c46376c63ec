//! The execs of all containers, in memory.

use super::super::error::ContainerError;
use super::super::runtime::TerminalSize;
use super::super::state::Refusal;
use super::ExecSpec;
use crate::ids::ContainerId;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How long the exit code of an exec is kept.
const KEEP: Duration = Duration::from_secs(600);
/// From then on inspect says that it can be removed, as Docker's does after its first round of cleaning.
const OLD: Duration = Duration::from_secs(300);

/// How long the end of a container waits for that of its execs. The shim tells them at the same moment.
const PATIENCE: Duration = Duration::from_millis(200);

/// One exec.
#[derive(Debug, Clone)]
pub(super) struct ExecEntry {
    pub(super) container: ContainerId,
    pub(super) spec: Arc<ExecSpec>,
    pub(super) state: ExecState,
    /// Its end is being written down.
    pub(super) writing: bool,
}

/// How far it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum ExecState {
    /// Made, not started; somebody may have said how large its terminal is.
    Created { size: Option<TerminalSize> },
    /// A start is under way; its terminal is to get this size then.
    Starting { size: Option<TerminalSize> },
    /// It runs.
    Running { pid: u32 },
    /// It has ended.
    Ended(ExecEnd),
}

/// How an exec ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ExecEnd {
    /// The pid that it had; 0 if it never ran.
    pub(super) pid: u32,
    /// Its exit code.
    pub(super) code: u8,
    /// When.
    pub(super) at: Time,
}

impl ExecEnd {
    pub(super) fn now(pid: u32, code: u8) -> Self {
        Self { pid, code, at: Time::now() }
    }

    pub(super) fn is_old(&self) -> bool {
        self.at.elapsed() > OLD
    }

    /// Nobody will ask for it any more.
    pub(super) fn is_over(&self) -> bool {
        self.at.elapsed() > KEEP
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(in crate::containers) struct ExecTable {
    entries: Mutex<HashMap<String, ExecEntry>>,
    settled: Notify,
}

impl ExecTable {
    fn entries(&self) -> MutexGuard<'_, HashMap<String, ExecEntry>> {
        // Every method leaves the table whole.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a new one in; answers with those that have been forgotten meanwhile.
    pub(super) fn insert(&self, container: ContainerId, spec: ExecSpec) -> Vec<(ContainerId, String)> {
        let mut forgotten = Vec::new();
        let mut entries = self.entries();
        entries.retain(|id, entry| {
            let over = matches!(entry.state, ExecState::Ended(end) if end.is_over());
            if over {
                forgotten.push((entry.container.clone(), id.clone()));
            }
            !over
        });
        let state = ExecState::Created { size: None };
        entries.insert(spec.id.clone(), ExecEntry { container, spec: Arc::new(spec), state, writing: false });
        forgotten
    }

    /// Puts one back that an earlier daemon knew.
    pub(super) fn restore(&self, container: ContainerId, spec: ExecSpec, state: ExecState) {
        self.entries().insert(spec.id.clone(), ExecEntry { container, spec: Arc::new(spec), state, writing: false });
    }

    pub(super) fn get(&self, id: &str) -> Result<ExecEntry, ContainerError> {
        self.entries().get(id).cloned().ok_or_else(|| ContainerError::NoExec(id.to_owned()))
    }

    /// Marks an exec as being started: of two starts one is refused. Answers with what to run, and the size that its terminal was given.
    pub(super) fn begin(&self, id: &str) -> Result<(Arc<ExecSpec>, Option<TerminalSize>), ContainerError> {
        let mut entries = self.entries();
        let entry = entries.get_mut(id).ok_or_else(|| ContainerError::NoExec(id.to_owned()))?;
        let refuse = |message: String| Err(ContainerError::state(Refusal::AlreadyRunning, message));
        match entry.state {
            ExecState::Created { size } => {
                entry.state = ExecState::Starting { size: None };
                Ok((entry.spec.clone(), size))
            }
            ExecState::Starting { .. } | ExecState::Running { .. } => {
                refuse(format!("Error: Exec command {id} is already running"))
            }
            ExecState::Ended(_) => refuse(format!("Error: Exec command {id} has already run")),
        }
    }

    /// Keeps a size for a terminal that is still to come; `true`: it is there, and can be resized.
    pub(super) fn resize(&self, id: &str, wanted: TerminalSize) -> Result<bool, ContainerError> {
        let mut entries = self.entries();
        let entry = entries.get_mut(id).ok_or_else(|| ContainerError::NoExec(id.to_owned()))?;
        match &mut entry.state {
            ExecState::Created { size } | ExecState::Starting { size } => {
                *size = Some(wanted);
                Ok(false)
            }
            ExecState::Running { .. } => Ok(true),
            ExecState::Ended(_) => {
                let message = format!("Error: Exec command {id} has already run");
                Err(ContainerError::state(Refusal::NotRunning, message))
            }
        }
    }

    /// It runs; answers with the size that its terminal was given meanwhile.
    pub(super) fn running(&self, id: &str, pid: u32) -> Option<TerminalSize> {
        let mut entries = self.entries();
        let entry = entries.get_mut(id)?;
        let size = if let ExecState::Starting { size } = entry.state { size } else { None };
        entry.state = ExecState::Running { pid };
        size
    }

    /// It has ended; [`ExecTable::written`] is to follow.
    pub(super) fn end(&self, id: &str, end: ExecEnd) {
        if let Some(entry) = self.entries().get_mut(id) {
            entry.state = ExecState::Ended(end);
            entry.writing = true;
        }
    }

    /// Its end is on disk.
    pub(super) fn written(&self, id: &str) {
        if let Some(entry) = self.entries().get_mut(id) {
            entry.writing = false;
        }
        self.settled.notify_waiters();
    }

    pub(super) fn is_running(&self, id: &str) -> bool {
        self.entries().get(id).is_some_and(|entry| matches!(entry.state, ExecState::Running { .. }))
    }

    /// Ids of those of a container that have not ended, started or not.
    pub(in crate::containers) fn pending_in(&self, container: &ContainerId) -> Vec<String> {
        let entries = self.entries();
        let pending = entries
            .values()
            .filter(|entry| entry.container == *container && !matches!(entry.state, ExecState::Ended(_)));
        let mut ids: Vec<_> = pending.map(|entry| entry.spec.id.clone()).collect();
        ids.sort();
        ids
    }

    fn is_settled(&self, container: &ContainerId) -> bool {
        let restless = |entry: &ExecEntry| entry.writing || matches!(entry.state, ExecState::Running { .. });
        !self.entries().values().any(|entry| entry.container == *container && restless(entry))
    }

    /// The container has ended, and with it its execs: waits until that has been told of them and nothing is written beside their
    /// descriptions any more. One whose client does not read its last output is told later.
    pub(in crate::containers) async fn settled(&self, container: &ContainerId) {
        let settled = async {
            loop {
                let change = self.settled.notified();
                tokio::pin!(change);
                // Registered before the look, so that a change in between is not missed.
                change.as_mut().enable();
                if self.is_settled(container) {
                    return;
                }
                change.await;
            }
        };
        let _ = tokio::time::timeout(PATIENCE, settled).await;
    }

    /// The container is removed.
    pub(in crate::containers) fn forget(&self, container: &ContainerId) {
        self.entries().retain(|_, e| e.container != *container);
    }
}
