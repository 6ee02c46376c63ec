//! What the end of a run changes in a container: its state, and what its restart policy makes of it. Used by the owner for ends that it sees, and by
//! `restore` for those that nobody saw.

use super::health::HealthStatus;
use super::model::Container;
use super::restart::{self, End};
use super::state::{Change, Exit, Refusal, transition};
use crate::events::Event;
use std::time::Duration;

/// Moves the state and counts. `by_itself`: nobody who will start it again has brought the end about. Answers with what is to be told, in order.
///
/// # Errors
/// When it doesn't run.
pub(super) fn conclude(container: &mut Container, exit: Exit, by_itself: bool) -> Result<Vec<Event>, Refusal> {
    let told_of_oom = container.state.run().is_some_and(|run| run.oom_killed);
    let state = transition(&container.state, Change::Exited(exit))?;
    let Some(exit) = state.exit().cloned() else { return Err(Refusal::NotRunning) };
    container.state = state;
    container.endpoint = None;
    container.cgroup_id = None;
    if let Some(health) = &mut container.health {
        // Docker's clients know a container that has ended as an unhealthy one.
        health.status = HealthStatus::Unhealthy;
    }
    let ran_for = exit.finished_at.saturating_since(exit.started_at);
    let mut events = Vec::new();
    if exit.oom_killed && !told_of_oom {
        events.push(container.event("oom"));
    }
    let die = container.event("die").with("exitCode", exit.code.to_string());
    events.push(die.with("execDuration", ran_for.as_secs().to_string()));
    if by_itself && !container.stopped_by_user {
        let last_delay = Duration::from_millis(container.restart_delay);
        let end = End { code: exit.code, ran_for, count: container.restart_count, last_delay };
        if let Some(delay) = restart::after(&container.host_config.restart_policy, end) {
            container.restart_count += 1;
            container.restart_delay = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
            container.state = transition(&container.state, Change::RestartDue(exit.finished_at.plus(delay)))?;
        }
    }
    Ok(events)
}
