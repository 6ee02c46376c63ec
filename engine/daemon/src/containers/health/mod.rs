//! Health checks: what to run, when, and what the results say.
//!
//! ```text
//!   owner --spawns at start and adoption--> monitor --sleeps, runs--> probe (a process in the container)
//!     ^                                        |
//!     +------------- Command::Probed ----------+      owner: Health::record, save, publish, event, reaction
//! ```
//! This file is pure: [`Check`] is what was asked for, [`Health`] what is known, and it is written down with the container, so that a new
//! daemon goes on where the last one was. Docker's rules: a failure in the start period counts only once a probe has
//! succeeded; `retries` failures in a row make it unhealthy; a container that has ended is unhealthy.

mod monitor;
mod probe;
mod reaction;

pub(super) use monitor::watch;
pub(super) use reaction::Reaction;

use super::error::ContainerError;
use crate::time::Time;
use hull_api::ContainerConfig;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Results that are kept.
const LOG_ENTRIES: usize = 5;

/// Docker's shortest interval that is none of "inherit".
const SHORTEST: i64 = 1_000_000;

const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(30);
const START_INTERVAL: Duration = Duration::from_secs(5);
const RETRIES: u64 = 3;

/// A probe and its times, defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Check {
    argv: Vec<String>,
    interval: Duration,
    timeout: Duration,
    start_period: Duration,
    start_interval: Duration,
    retries: u64,
}

/// What is known of a container's health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The verdict.
    pub status: HealthStatus,
    /// Failures since the last success.
    pub failing_streak: u64,
    /// The last results, oldest first.
    pub log: Vec<ProbeResult>,
}

/// A verdict on a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// None yet.
    Starting,
    /// The last probes did not all fail.
    Healthy,
    /// They did, or the container has ended.
    Unhealthy,
}

/// One run of a probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeResult {
    /// When it began.
    pub start: Time,
    /// When it was over.
    pub end: Time,
    /// The program's, or -1 when it took too long or could not be run.
    pub exit_code: i64,
    /// What it wrote, or why there is nothing.
    pub output: String,
}

impl HealthStatus {
    /// Docker's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }
}

impl Check {
    /// A container's check. `None`: it has none, or has switched off its image's.
    pub(super) fn of(config: &ContainerConfig) -> Option<Self> {
        let asked = config.healthcheck.as_ref()?;
        let (kind, rest) = asked.test.as_deref()?.split_first()?;
        let argv: Vec<String> = match kind.as_str() {
            "CMD" => rest.to_vec(),
            "CMD-SHELL" => {
                let shell = config.shell.clone().filter(|shell| !shell.is_empty());
                let shell = shell.unwrap_or_else(|| vec!["/bin/sh".to_owned(), "-c".to_owned()]);
                shell.into_iter().chain(rest.iter().cloned()).collect()
            }
            _ => return None,
        };
        let time = |asked: i64, default| match u64::try_from(asked) {
            Ok(0) | Err(_) => default,
            Ok(nanos) => Duration::from_nanos(nanos),
        };
        let interval = time(asked.interval, INTERVAL);
        Some(Self {
            interval,
            timeout: time(asked.timeout, TIMEOUT),
            start_period: time(asked.start_period, Duration::ZERO),
            // Docker's five seconds would probe a check with a shorter interval more slowly while it starts than later.
            start_interval: time(asked.start_interval, START_INTERVAL.min(interval)),
            retries: u64::try_from(asked.retries).ok().filter(|n| *n > 0).unwrap_or(RETRIES),
            argv: Some(argv).filter(|argv| !argv.is_empty())?,
        })
    }

    /// When the next probe begins, of a container that runs since `started`.
    fn next(&self, health: &Health, started: Time) -> Time {
        // Results of an earlier run say nothing about this one.
        let last = health.log.last().map_or(started, |result| result.end.max(started));
        let starting = health.status == HealthStatus::Starting && last < started.plus(self.start_period);
        last.plus(if starting { self.start_interval } else { self.interval })
    }
}

impl Health {
    /// Of a container that has just been started; results of its last run are kept.
    pub(super) fn starting(before: Option<Self>) -> Self {
        let log = before.map(|health| health.log).unwrap_or_default();
        Self { status: HealthStatus::Starting, failing_streak: 0, log }
    }

    /// Takes a result in; answers with the verdict if it is a new one.
    pub(super) fn record(&mut self, result: ProbeResult, check: &Check, started: Time) -> Option<HealthStatus> {
        let before = self.status;
        if result.exit_code == 0 {
            self.failing_streak = 0;
            self.status = HealthStatus::Healthy;
        } else if before != HealthStatus::Starting || result.start >= started.plus(check.start_period) {
            self.failing_streak += 1;
            if self.failing_streak >= check.retries {
                self.status = HealthStatus::Unhealthy;
            }
        }
        self.log.push(result);
        let surplus = self.log.len().saturating_sub(LOG_ENTRIES);
        self.log.drain(..surplus);
        (self.status != before).then_some(self.status)
    }
}

/// Refuses a check or a reaction that makes no sense, in Docker's words.
pub(super) fn check(config: &ContainerConfig) -> Result<(), ContainerError> {
    Reaction::of(config)?;
    let Some(asked) = &config.healthcheck else { return Ok(()) };
    for (name, nanos) in [
        ("Interval", asked.interval),
        ("Timeout", asked.timeout),
        ("StartPeriod", asked.start_period),
        ("StartInterval", asked.start_interval),
    ] {
        if nanos != 0 && nanos < SHORTEST {
            return Err(ContainerError::BadParameter(format!("{name} in Healthcheck cannot be less than 1ms")));
        }
    }
    if asked.retries < 0 {
        return Err(ContainerError::BadParameter("Retries in Healthcheck cannot be negative".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
