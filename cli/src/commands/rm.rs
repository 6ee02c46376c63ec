//! `hull rm`.

use super::containers::Containers;
use super::{CommandError, Context, Outcome};
use crate::client::{Query, segment};

/// Remove one or more containers
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull rm [OPTIONS] CONTAINER [CONTAINER...]")]
#[command(after_help = "Examples:\n  hull rm web\n  hull rm -f $(hull ps -aq)    everything")]
pub(crate) struct Args {
    /// Force the removal of a running container (uses SIGKILL)
    #[arg(short, long)]
    force: bool,
    /// Remove anonymous volumes associated with the container
    #[arg(short, long)]
    volumes: bool,
    /// Remove the specified link
    #[arg(short, long)]
    link: bool,
    #[command(flatten)]
    containers: Containers,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let query = Query::new().flag("force", args.force).flag("v", args.volumes).flag("link", args.link);
    let removed = args
        .containers
        .each(async |name| {
            context
                .client
                .delete(&format!("/containers/{}", segment(name.trim_start_matches('/'))), query.clone())
                .await?;
            Ok(())
        })
        .await;
    match removed {
        // With force the aim is that it is not there: said, but no failure.
        Err(CommandError::Several(errors)) if args.force && errors.iter().all(CommandError::is_not_found) => {
            CommandError::Several(errors).print();
            Ok(0)
        }
        other => other,
    }
}
