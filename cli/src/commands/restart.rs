//! `hull restart`.

use super::containers::Containers;
use super::stop::EndingFlags;
use super::{Context, Outcome};

/// Restart one or more containers
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull restart [OPTIONS] CONTAINER [CONTAINER...]")]
pub(crate) struct Args {
    #[command(flatten)]
    ending: EndingFlags,
    #[command(flatten)]
    containers: Containers,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    args.containers.post(context, "restart", args.ending.query()).await
}
