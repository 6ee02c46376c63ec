//! What happens to a container that turns unhealthy. In Docker nothing does; here a label says so.
//!
//! `hull.health.on-failure` is `none` (the default), `restart`, `stop` or `kill`. `restart` stops the container gracefully and starts it,
//! which counts as a restart of the policy's. `kill` leaves what comes next to the restart policy. `stop` is a user's stop.

use super::super::control::{self, StopOptions};
use super::super::error::ContainerError;
use super::super::owner::{Cause, Handle, Purpose};
use hull_api::ContainerConfig;

/// The label.
const LABEL: &str = "hull.health.on-failure";

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::containers) enum Reaction {
    /// Nothing.
    None,
    /// Stop it and start it.
    Restart,
    /// Stop it.
    Stop,
    /// Kill it.
    Kill,
}

impl Reaction {
    /// A container's.
    ///
    /// # Errors
    /// When the label says something else.
    pub(in crate::containers) fn of(config: &ContainerConfig) -> Result<Self, ContainerError> {
        match config.labels.get(LABEL).map(String::as_str) {
            None | Some("none") => Ok(Self::None),
            Some("restart") => Ok(Self::Restart),
            Some("stop") => Ok(Self::Stop),
            Some("kill") => Ok(Self::Kill),
            Some(other) => Err(ContainerError::BadParameter(format!(
                "invalid label {LABEL}={other:?}: use one of 'none', 'restart', 'stop', or 'kill'"
            ))),
        }
    }

    /// Does it, beside the owner: a stop takes its time.
    pub(in crate::containers) fn begin(self, handle: Handle) {
        if self == Self::None {
            return;
        }
        tracing::info!(container = %handle.id(), reaction = ?self, "a container is unhealthy");
        tokio::spawn(async move {
            let done = match self {
                Self::None => Ok(()),
                Self::Restart => control::restart(&handle, &StopOptions::default(), Cause::Health).await,
                Self::Stop => control::stop(&handle, &StopOptions::default(), Purpose::Stop).await,
                Self::Kill => control::kill(&handle, Purpose::Notice).await,
            };
            if let Err(error) = done {
                tracing::warn!(container = %handle.id(), %error, "the reaction to its bad health failed");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_label_is_checked() {
        for (value, reaction) in [
            ("none", Reaction::None),
            ("restart", Reaction::Restart),
            ("stop", Reaction::Stop),
            ("kill", Reaction::Kill),
        ] {
            let labels = [(LABEL.to_owned(), value.to_owned())].into();
            assert_eq!(Reaction::of(&ContainerConfig { labels, ..ContainerConfig::default() }).unwrap(), reaction);
        }
        let labels = [(LABEL.to_owned(), "reboot".to_owned())].into();
        let error = Reaction::of(&ContainerConfig { labels, ..ContainerConfig::default() }).unwrap_err();
        assert_eq!(
            error.to_string(),
            "invalid label hull.health.on-failure=\"reboot\": use one of 'none', 'restart', 'stop', or 'kill'"
        );
    }
}
