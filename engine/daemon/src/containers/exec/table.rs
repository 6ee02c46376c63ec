//! The execs of all containers, in memory.

use super::super::error::ContainerError;
use super::super::state::Refusal;
use super::ExecSpec;
use crate::ids::ContainerId;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the exit code of an exec is kept.
const KEEP: Duration = Duration::from_secs(600);

/// One exec.
#[derive(Debug, Clone)]
pub(super) struct ExecEntry {
    pub(super) container: ContainerId,
    pub(super) spec: ExecSpec,
    pub(super) state: ExecState,
}

/// How far it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum ExecState {
    /// Made, not started.
    Created,
    /// A start is under way.
    Starting,
    /// It runs.
    Running { pid: u32 },
    /// It has ended.
    Ended { code: i64, at: Instant },
}

/// All of them.
#[derive(Debug, Default)]
pub(in crate::containers) struct ExecTable {
    entries: Mutex<HashMap<String, ExecEntry>>,
}

impl ExecTable {
    fn entries(&self) -> MutexGuard<'_, HashMap<String, ExecEntry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn insert(&self, container: ContainerId, spec: ExecSpec) {
        let mut entries = self.entries();
        entries.retain(|_, e| !matches!(e.state, ExecState::Ended { at, .. } if at.elapsed() > KEEP));
        entries.insert(spec.id.clone(), ExecEntry { container, spec, state: ExecState::Created });
    }

    pub(super) fn get(&self, id: &str) -> Result<ExecEntry, ContainerError> {
        self.entries().get(id).cloned().ok_or_else(|| ContainerError::NoExec(id.to_owned()))
    }

    /// Marks an exec as being started: of two starts one is refused.
    pub(super) fn begin(&self, id: &str) -> Result<ExecEntry, ContainerError> {
        let mut entries = self.entries();
        let entry = entries.get_mut(id).ok_or_else(|| ContainerError::NoExec(id.to_owned()))?;
        let refuse = |message: String| Err(ContainerError::state(Refusal::AlreadyRunning, message));
        match entry.state {
            ExecState::Created => {
                entry.state = ExecState::Starting;
                Ok(entry.clone())
            }
            ExecState::Starting | ExecState::Running { .. } => {
                refuse(format!("Error: Exec command {id} is already running"))
            }
            ExecState::Ended { .. } => refuse(format!("Error: Exec command {id} has already run")),
        }
    }

    /// The start came to nothing, and it may be tried again. One that has ended stays so.
    pub(super) fn abandon(&self, id: &str) {
        if let Some(entry) = self.entries().get_mut(id)
            && matches!(entry.state, ExecState::Starting)
        {
            entry.state = ExecState::Created;
        }
    }

    pub(super) fn running(&self, id: &str, pid: u32) {
        if let Some(entry) = self.entries().get_mut(id) {
            entry.state = ExecState::Running { pid };
        }
    }

    pub(super) fn end(&self, id: &str, code: i64) {
        if let Some(entry) = self.entries().get_mut(id) {
            entry.state = ExecState::Ended { code, at: Instant::now() };
        }
    }

    /// Ids of those that run in this container.
    pub(in crate::containers) fn running_in(&self, container: &ContainerId) -> Vec<String> {
        let entries = self.entries();
        let running =
            entries.values().filter(|e| e.container == *container && matches!(e.state, ExecState::Running { .. }));
        running.map(|e| e.spec.id.clone()).collect()
    }

    /// The container is removed.
    pub(in crate::containers) fn forget(&self, container: &ContainerId) {
        self.entries().retain(|_, e| e.container != *container);
    }
}
