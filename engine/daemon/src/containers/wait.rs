//! `POST /containers/{id}/wait`.

use super::ContainerService;
use super::error::ContainerError;
use super::owner::Published;
use super::state::State;
use hull_api::{WaitError, WaitResponse};
use std::future::Future;
use tokio::sync::watch;

/// What to wait for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WaitCondition {
    /// That it doesn't run; true at once for one that is only created.
    #[default]
    NotRunning,
    /// The end of its next run.
    NextExit,
    /// Its removal.
    Removed,
}

impl WaitCondition {
    /// From the API's word; an empty one is the default.
    ///
    /// # Errors
    /// On any other word.
    pub fn parse(word: &str) -> Result<Self, ContainerError> {
        match word {
            "" | "not-running" => Ok(Self::NotRunning),
            "next-exit" => Ok(Self::NextExit),
            "removed" => Ok(Self::Removed),
            _ => Err(ContainerError::BadParameter(format!("invalid condition: {word:?}"))),
        }
    }
}

/// Where the answer comes from.
enum Source {
    /// A container that is there, and how many of its runs had ended when the question was asked.
    Live(watch::Receiver<Published>, u64),
    /// One that has removed itself.
    Departed(WaitResponse),
}

impl ContainerService {
    /// Looks the container up at once, so that the headers of the answer can go out; the future gives the exit code when the
    /// condition is met. Every condition is met for a `--rm` container that went in the last ten minutes.
    ///
    /// # Errors
    /// When there is no such container.
    pub fn wait(
        &self,
        key: &str,
        condition: WaitCondition,
    ) -> Result<impl Future<Output = WaitResponse> + Send + use<>, ContainerError> {
        let source = match self.find(key) {
            Ok(handle) => {
                let watch = handle.watch();
                // Taken now, not when the future is first polled: a start that comes right after this call is not missed.
                let before = watch.borrow().ends;
                Source::Live(watch, before)
            }
            Err(error @ ContainerError::NotFound(_)) => Source::Departed(self.shared.departed.find(key).ok_or(error)?),
            Err(error) => return Err(error),
        };
        Ok(async move {
            match source {
                Source::Live(watch, before) => wait(watch, condition, before).await,
                Source::Departed(response) => response,
            }
        })
    }
}

async fn wait(mut watch: watch::Receiver<Published>, condition: WaitCondition, before: u64) -> WaitResponse {
    let met = |published: &Published| match condition {
        // What waits for its restart runs in Docker's eyes; who waited for the end of the run before has his answer.
        WaitCondition::NotRunning => !published.container.state.is_active() || published.ends > before,
        WaitCondition::NextExit => published.ends > before,
        // It never will be gone, unless somebody tries again.
        WaitCondition::Removed => matches!(published.container.state, State::Dead { .. }),
    };
    // An error means that the owner has ended: the container is removed, and the last published state is what counts.
    let _ = watch.wait_for(met).await;
    let state = &watch.borrow().container.state;
    let message = match (condition, state) {
        (WaitCondition::NotRunning, State::Created { failure: Some(failure) }) => Some(failure.error.clone()),
        (WaitCondition::Removed, State::Dead { error, .. }) => Some(error.clone()),
        _ => None,
    };
    WaitResponse { status_code: i64::from(state.exit_code()), error: message.map(|message| WaitError { message }) }
}
