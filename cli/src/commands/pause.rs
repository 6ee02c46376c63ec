//! `hull pause`.

use super::containers::Containers;
use super::{Context, Outcome};
use crate::client::Query;

/// Pause all processes within one or more containers
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull pause CONTAINER [CONTAINER...]")]
pub(crate) struct Args {
    #[command(flatten)]
    containers: Containers,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    args.containers.post(context, "pause", Query::new()).await
}
