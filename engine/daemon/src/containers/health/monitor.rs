//! The task that probes one run of one container. It ends by itself when the run does.

use super::{Check, probe};
use crate::containers::Shared;
use crate::containers::owner::{Command, Published};
use crate::containers::state::State;
use crate::time::Time;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// Probes the run that began at `started`. `commands` is weak, so that this task keeps no owner alive.
pub(in crate::containers) fn watch(
    shared: Arc<Shared>,
    check: Check,
    started: Time,
    published: watch::Receiver<Published>,
    commands: mpsc::WeakSender<Command>,
) {
    tokio::spawn(async move {
        let mut published = published;
        while wait_for_turn(&check, started, &mut published).await {
            let container = published.borrow().container.clone();
            let result = probe::run(&shared, &container, &check).await;
            let Some(owner) = commands.upgrade() else { return };
            let (reply, taken) = oneshot::channel();
            if owner.send(Command::Probed { started, result, reply }).await.is_err() {
                return;
            }
            drop(owner);
            // The next turn is reckoned from what the owner has made of this result.
            if taken.await.is_err() {
                return;
            }
        }
    });
}

/// Waits until a probe is due and the container not frozen. `false`: the run is over.
async fn wait_for_turn(check: &Check, started: Time, published: &mut watch::Receiver<Published>) -> bool {
    let is_over = |published: &Published| published.container.state.run().is_none_or(|run| run.started_at != started);
    let due = published.borrow().container.health.as_ref().map(|health| check.next(health, started));
    let pause = due.map_or(check.interval, |due| due.saturating_since(Time::now()).min(check.interval));
    tokio::select! {
        // A closed watch is a container that is gone.
        _ = published.wait_for(is_over) => return false,
        () = tokio::time::sleep(pause) => {}
    }
    let turn = published.wait_for(|p| is_over(p) || matches!(p.container.state, State::Running(_))).await;
    turn.is_ok_and(|published| !is_over(&published))
}
