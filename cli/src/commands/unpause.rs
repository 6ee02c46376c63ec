//! `hull unpause`.

use super::containers::Containers;
use super::{Context, Outcome};
use crate::client::Query;

/// Unpause all processes within one or more containers
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull unpause CONTAINER [CONTAINER...]")]
pub(crate) struct Args {
    #[command(flatten)]
    containers: Containers,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    args.containers.post(context, "unpause", Query::new()).await
}
