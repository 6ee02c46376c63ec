//! Containers that run into their limits are told of: the events `throttle` (CPU quota) and `limit` (memory, pids).
//!
//! Docker has neither. The kernel gives no notice of most of these, so counters are read, of running containers that
//! have such a limit and of no others; while there is none, nothing wakes up. A container that hits a limit all the
//! time is told of once a minute for each resource, with how often it was: attributes `resource` and `count`.

use super::Engine;
use crate::containers::Container;
use crate::events::EventFilter;
use crate::ids::ContainerId;
use crate::time::Time;
use futures_util::StreamExt;
use hull_runtime::cgroup::LimitHits;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(2);
/// Between two events about the same resource of a container.
const QUIET: Duration = Duration::from_secs(60);

/// What limits are about, in the order of [`counts`].
const RESOURCES: [&str; 3] = ["cpu", "memory", "pids"];

fn counts(hits: LimitHits) -> [u64; 3] {
    [hits.throttled_periods, hits.memory, hits.pids_refused]
}

/// What was seen of running containers.
#[derive(Debug)]
pub(super) struct LimitWatch {
    began: Time,
    runs: Mutex<HashMap<ContainerId, Run>>,
}

/// One run of a container.
#[derive(Debug, Default)]
struct Run {
    cgroup: u64,
    seen: [Seen; 3],
}

/// One resource of it.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    counted: u64,
    untold: u64,
    hit: Option<Time>,
    told: Option<Time>,
}

impl Seen {
    /// Takes the kernel's count; `Some`: so many hits are to be told of now.
    fn count(&mut self, counted: u64, now: Time) -> Option<u64> {
        let new = counted.saturating_sub(self.counted);
        self.counted = counted;
        self.untold += new;
        if new > 0 {
            self.hit = Some(now);
        }
        let quiet = self.told.is_some_and(|told| now.nanos().saturating_sub(told.nanos()) < QUIET.as_nanos() as u64);
        if self.untold == 0 || quiet {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

impl LimitWatch {
    pub(super) fn new() -> Self {
        Self { began: Time::now(), runs: Mutex::default() }
    }

    fn runs(&self) -> MutexGuard<'_, HashMap<ContainerId, Run>> {
        // Numbers only: none of them is half changed.
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When a running container was last seen to have hit a limit.
    pub(super) fn last_hit(&self, container: &ContainerId, resource: &str) -> Option<Time> {
        let place = RESOURCES.iter().position(|name| *name == resource)?;
        self.runs().get(container)?.seen[place].hit
    }

    /// What is to be told of a container, as resource and count.
    fn take(&self, container: &Container, hits: LimitHits, now: Time) -> Vec<(&'static str, u64)> {
        let cgroup = container.cgroup_id.unwrap_or(0);
        let counts = counts(hits);
        let mut runs = self.runs();
        let run = runs.entry(container.id.clone()).or_default();
        if run.cgroup != cgroup {
            *run = Run { cgroup, ..Run::default() };
            if container.state.run().is_some_and(|run| run.started_at < self.began) {
                // Hits from before this daemon were told by the one before.
                run.seen.iter_mut().zip(counts).for_each(|(seen, count)| seen.counted = count);
            }
        }
        let told = RESOURCES.iter().zip(run.seen.iter_mut().zip(counts));
        told.filter_map(|(resource, (seen, count))| Some((*resource, seen.count(count, now)?))).collect()
    }

    fn keep(&self, running: &[Arc<Container>]) {
        self.runs().retain(|id, _| running.iter().any(|container| container.id == *id));
    }
}

fn has_limit(container: &Container) -> bool {
    let host = &container.host_config;
    container.state.run().is_some()
        && (host.nano_cpus > 0 || host.cpu_quota > 0 || host.memory > 0 || host.pids_limit.is_some_and(|n| n > 0))
}

impl Engine {
    /// Watches until the engine is dropped.
    pub(super) fn watch_limits(self: &Arc<Self>) {
        let engine = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(PERIOD);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let Some(engine) = engine.upgrade() else { return };
                // Subscribed before the look, so that no start goes unseen between the two.
                let filter = EventFilter::new([("event".to_owned(), vec!["start".to_owned(), "update".to_owned()])]);
                let news = engine.events.subscribe(None, None, filter.unwrap_or_default());
                let limited: Vec<_> = engine.containers.all().into_iter().filter(|c| has_limit(c)).collect();
                engine.limits.keep(&limited);
                if limited.is_empty() {
                    drop(engine);
                    if pin!(news).next().await.is_none() {
                        return;
                    }
                    continue;
                }
                engine.look(limited).await;
            }
        });
    }

    async fn look(&self, limited: Vec<Arc<Container>>) {
        let containers = self.containers.clone();
        let read = move || {
            let hits = |container: &Container| Some(containers.cgroup(&container.id)?.limit_hits());
            limited.into_iter().filter_map(|container| Some((hits(&container)?, container))).collect::<Vec<_>>()
        };
        let Ok(read) = tokio::task::spawn_blocking(read).await else { return };
        let now = Time::now();
        for (hits, container) in read {
            for (resource, count) in self.limits.take(&container, hits, now) {
                let action = if resource == "cpu" { "throttle" } else { "limit" };
                let attributes = vec![("resource", resource.to_owned()), ("count", count.to_string())];
                self.containers.announce(&container.id, action, attributes).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn the_first_hit_is_told_at_once_and_more_of_them_once_a_minute() {
        let mut seen = Seen::default();
        for (second, counted, told) in [
            (100, 0, None),
            (102, 3, Some(3)),
            (104, 9, None),
            (106, 9, None),
            (161, 10, None),
            (162, 10, Some(7)),
            (300, 10, None),
            (302, 11, Some(1)),
        ] {
            assert_eq!(seen.count(counted, at(second)), told, "at {second}");
        }
        assert_eq!(seen.hit, Some(at(302)));
    }

    #[test]
    fn a_counter_that_began_anew_counts_nothing() {
        let mut seen = Seen { counted: 5, ..Seen::default() };
        assert_eq!(seen.count(2, at(1)), None);
        assert_eq!(seen.count(4, at(2)), Some(2));
    }
}
