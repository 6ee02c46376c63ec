//! `hull volume rm`.

use super::{Context, Outcome, each};
use crate::client::{Query, segment};

/// Remove one or more volumes. You cannot remove a volume that is in use by a container.
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull volume rm [OPTIONS] VOLUME [VOLUME...]")]
pub(crate) struct Args {
    /// Force the removal of one or more volumes
    #[arg(short, long)]
    force: bool,
    /// The volumes
    #[arg(required = true)]
    volumes: Vec<String>,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let query = Query::new().flag("force", args.force);
    each(&args.volumes, async |name| {
        context.client.delete(&format!("/volumes/{}", segment(name)), query.clone()).await?;
        Ok(())
    })
    .await
}
