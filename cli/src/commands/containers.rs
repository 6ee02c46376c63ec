//! The containers that a verb is about.

use super::{CommandError, Context, Outcome, container_path, each};
use crate::client::Query;

#[derive(Debug, clap::Args)]
pub(crate) struct Containers {
    /// The containers: by name, id, or the first digits of an id
    #[arg(required = true, value_name = "CONTAINER")]
    pub(super) containers: Vec<String>,
}

impl Containers {
    /// Posts a verb that answers nothing to each of them.
    pub(super) async fn post(&self, context: &Context, verb: &str, query: Query) -> Outcome {
        self.each(async |name| Ok(context.client.act(&container_path(name, verb), query.clone()).await?)).await
    }

    /// Does the same to each of them.
    pub(super) async fn each<F: AsyncFn(&str) -> Result<(), CommandError>>(&self, act: F) -> Outcome {
        each(&self.containers, act).await
    }
}
