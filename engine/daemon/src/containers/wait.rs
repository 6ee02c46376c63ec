//! `POST /containers/{id}/wait`.

use super::ContainerService;
use super::error::ContainerError;
use super::owner::Published;
use hull_api::WaitResponse;
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

impl ContainerService {
    /// Looks the container up at once, so that the headers of the answer can go out; the future gives the exit code when the
    /// condition is met.
    ///
    /// # Errors
    /// When there is no such container.
    pub fn wait(
        &self,
        key: &str,
        condition: WaitCondition,
    ) -> Result<impl Future<Output = WaitResponse> + Send + use<>, ContainerError> {
        let watch = self.find(key)?.watch();
        // Taken now, not when the future is first polled: a start that comes right after this call is not missed.
        let before = watch.borrow().ends;
        Ok(wait(watch, condition, before))
    }
}

async fn wait(mut watch: watch::Receiver<Published>, condition: WaitCondition, before: u64) -> WaitResponse {
    let met = |published: &Published| match condition {
        WaitCondition::NotRunning => published.container.state.run().is_none() || published.ends > before,
        WaitCondition::NextExit => published.ends > before,
        WaitCondition::Removed => false,
    };
    // An error means that the owner has ended: the container is removed, and the last published state is what counts.
    let _ = watch.wait_for(met).await;
    let state = &watch.borrow().container.state;
    WaitResponse { status_code: i64::from(state.exit_code()), error: None }
}
