//! `hull kill`.

use super::containers::Containers;
use super::{Context, Outcome};
use crate::client::Query;

/// Kill one or more running containers
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull kill [OPTIONS] CONTAINER [CONTAINER...]")]
#[command(
    after_help = "Examples:\n  hull kill web              SIGKILL\n  hull kill -s HUP web       any signal, by name or number"
)]
pub(crate) struct Args {
    /// Signal to send to the container
    #[arg(short, long, value_name = "string", default_value = "", hide_default_value = true)]
    signal: String,
    #[command(flatten)]
    containers: Containers,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    args.containers.post(context, "kill", Query::new().text("signal", &args.signal)).await
}
