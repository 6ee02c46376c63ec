//! `hull unpause`.

use super::{Context, Outcome, container_path, each};
use crate::client::Query;

/// Unpause all processes within one or more containers
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull unpause CONTAINER [CONTAINER...]")]
pub(crate) struct Args {
    /// The containers
    #[arg(required = true)]
    containers: Vec<String>,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let query = Query::new();
    each(&args.containers, async |name| Ok(context.client.act(&container_path(name, "unpause"), query.clone()).await?))
        .await
}
