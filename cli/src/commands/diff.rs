//! `hull diff`.

use hull_api::ChangeItem;

use super::{Context, Outcome, container_path};
use crate::client::Query;
use crate::output;

/// Inspect changes to files or directories on a container's filesystem
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull diff CONTAINER")]
#[command(after_help = "A: added, C: changed, D: deleted.")]
pub(crate) struct Args {
    /// The container
    container: String,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    // Docker answers null where nothing has changed.
    let changes: Option<Vec<ChangeItem>> =
        context.client.get(&container_path(&args.container, "changes"), Query::new()).await?;
    for change in changes.unwrap_or_default() {
        let letter = match change.kind {
            0 => 'C',
            1 => 'A',
            _ => 'D',
        };
        output::print_line(&format!("{letter} {}", change.path))?;
    }
    Ok(0)
}
