//! `hull restart`.

use super::{Context, Outcome, container_path, each};
use crate::client::Query;
use crate::request::values;

/// Restart one or more containers
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull restart [OPTIONS] CONTAINER [CONTAINER...]")]
pub(crate) struct Args {
    /// Signal to send to the container
    #[arg(short, long, value_name = "string", default_value = "", hide_default_value = true)]
    signal: String,
    /// Seconds to wait before killing the container
    #[arg(short, long, visible_alias = "time", value_name = "int", value_parser = values::int, allow_hyphen_values = true)]
    timeout: Option<i64>,
    /// The containers
    #[arg(required = true)]
    containers: Vec<String>,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let seconds = args.timeout.map(|t| t.to_string()).unwrap_or_default();
    let query = Query::new().text("signal", &args.signal).text("t", &seconds);
    each(&args.containers, async |name| Ok(context.client.act(&container_path(name, "restart"), query.clone()).await?))
        .await
}
