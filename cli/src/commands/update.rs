//! `hull update`.

use hull_api::UpdateResponse;

use super::containers::Containers;
use super::{CommandError, Context, Outcome, container_path};
use crate::client::Query;
use crate::output;
use crate::request::resources::UpdateFlags;

/// Update configuration of one or more containers
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull update [OPTIONS] CONTAINER [CONTAINER...]")]
#[command(
    after_help = "Examples:\n  hull update --cpus 1.5 -m 200m --memory-swap -1 web     while it runs\n  hull update --restart unless-stopped web db"
)]
pub(crate) struct Args {
    #[command(flatten)]
    flags: UpdateFlags,
    #[command(flatten)]
    containers: Containers,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    if args.flags.is_empty() {
        return Err(CommandError::Refused("you must provide one or more flags when using this command"));
    }
    let request = args.flags.request()?;
    let mut errors = Vec::new();
    let mut warnings = Vec::new();
    for name in &args.containers.containers {
        let answer: Result<UpdateResponse, _> =
            context.client.post(&container_path(name, "update"), Query::new(), &request).await;
        match answer {
            Ok(answer) => {
                output::print_line(name)?;
                warnings.extend(answer.warnings);
            }
            Err(error) => errors.push(error.into()),
        }
    }
    for warning in warnings {
        output::print_line(&warning)?;
    }
    if errors.is_empty() { Ok(0) } else { Err(CommandError::Several(errors)) }
}
