//! The text for people: `Up 2 minutes (Paused)`, `Exited (1) 3 hours ago`.

use crate::containers::HealthStatus;
use crate::containers::model::Container;
use crate::containers::state::State;
use std::time::Duration;

/// Docker's status text.
pub(super) fn text(container: &Container) -> String {
    match &container.state {
        State::Created { .. } => "Created".to_owned(),
        State::Running(run) => {
            let up = human(run.started_at.elapsed());
            match container.health.as_ref().map(|health| health.status) {
                None => format!("Up {up}"),
                Some(HealthStatus::Starting) => format!("Up {up} (health: starting)"),
                Some(verdict) => format!("Up {up} ({})", verdict.as_str()),
            }
        }
        State::Restarting { exit, .. } => {
            format!("Restarting ({}) {} ago", exit.code, human(exit.finished_at.elapsed()))
        }
        State::Paused(run) => format!("Up {} (Paused)", human(run.started_at.elapsed())),
        State::Exited(exit) => format!("Exited ({}) {} ago", exit.code, human(exit.finished_at.elapsed())),
        State::Removing { .. } => "Removal In Progress".to_owned(),
        State::Dead { .. } => "Dead".to_owned(),
    }
}

/// A duration as Docker rounds it.
fn human(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let minutes = seconds / 60;
    // Hours are rounded to the nearest, the smaller units cut.
    let hours = (seconds + 1800) / 3600;
    match (seconds, minutes, hours) {
        (0, ..) => "Less than a second".to_owned(),
        (1, ..) => "1 second".to_owned(),
        (2..60, ..) => format!("{seconds} seconds"),
        (_, 1, _) => "About a minute".to_owned(),
        (_, 2..60, _) => format!("{minutes} minutes"),
        (.., 1) => "About an hour".to_owned(),
        (.., 2..48) => format!("{hours} hours"),
        (.., 48..336) => format!("{} days", hours / 24),
        (.., 336..1440) => format!("{} weeks", hours / 24 / 7),
        (.., 1440..17_520) => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", hours / 24 / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::human;
    use std::time::Duration;

    #[test]
    fn durations_are_rounded_as_docker_does() {
        for (seconds, text) in [
            (0, "Less than a second"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "About a minute"),
            (119, "About a minute"),
            (3599, "59 minutes"),
            (3600, "About an hour"),
            (5400, "2 hours"),
            (172_800, "2 days"),
            (1_209_600, "2 weeks"),
            (5_184_000, "2 months"),
            (63_072_000, "2 years"),
        ] {
            assert_eq!(human(Duration::from_secs(seconds)), text);
        }
    }
}
