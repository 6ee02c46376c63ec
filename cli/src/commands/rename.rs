//! `hull rename`.

use super::{CommandError, Context, Outcome, container_path};
use crate::client::Query;

/// Rename a container
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull rename CONTAINER NEW_NAME")]
pub(crate) struct Args {
    /// The container
    container: String,
    /// Its name from now on
    new_name: String,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    if args.container.trim().is_empty() || args.new_name.trim().is_empty() {
        return Err(CommandError::Refused("Error: Neither old nor new names may be empty"));
    }
    let query = Query::new().set("name", &args.new_name);
    let renamed = context.client.act(&container_path(&args.container, "rename"), query).await;
    renamed.map_err(|source| CommandError::Rename { container: args.container, source: Box::new(source) })?;
    Ok(0)
}
