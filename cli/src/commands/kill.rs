//! `hull kill`.

use super::{Context, Outcome, container_path, each};
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
    /// The containers
    #[arg(required = true)]
    containers: Vec<String>,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let query = Query::new().text("signal", &args.signal);
    each(&args.containers, async |name| Ok(context.client.act(&container_path(name, "kill"), query.clone()).await?))
        .await
}
