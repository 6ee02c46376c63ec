//! `hull start`.

use hull_api::ContainerInspect;

use super::attach::{self, Following};
use super::containers::Containers;
use super::{CommandError, Context, Outcome, container_path};
use crate::client::Query;
use crate::output;

/// Start one or more stopped containers
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull start [OPTIONS] CONTAINER [CONTAINER...]")]
#[command(
    after_help = "Examples:\n  hull start web db\n  hull start -ai shell       start it, and sit down in front of it"
)]
pub(crate) struct Args {
    /// Attach STDOUT/STDERR and forward signals
    #[arg(short, long)]
    attach: bool,
    /// Attach container's STDIN
    #[arg(short, long)]
    interactive: bool,
    /// Override the key sequence for detaching a container
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    detach_keys: String,
    /// Restore from this checkpoint (refused: Hull makes none)
    #[arg(long, value_name = "string")]
    checkpoint: Option<String>,
    /// Use a custom checkpoint storage directory (refused as well)
    #[arg(long, value_name = "string")]
    checkpoint_dir: Option<String>,
    #[command(flatten)]
    containers: Containers,
}

async fn start_all(context: &Context, names: &[String]) -> Outcome {
    let mut failed = Vec::new();
    let mut errors = Vec::new();
    for name in names {
        match context.client.act(&container_path(name, "start"), Query::new()).await {
            Ok(()) => output::print_line(name)?,
            Err(error) => {
                errors.push(error.into());
                failed.push(name.as_str());
            }
        }
    }
    if errors.is_empty() {
        return Ok(0);
    }
    Err(CommandError::Start { names: failed.join(", "), errors: Box::new(CommandError::Several(errors)) })
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    if args.checkpoint.is_some() || args.checkpoint_dir.is_some() {
        return Err(CommandError::Refused(
            "--checkpoint: hull neither makes nor restores checkpoints; start it anew without",
        ));
    }
    if !args.attach && !args.interactive {
        return start_all(context, &args.containers.containers).await;
    }
    let [name] = args.containers.containers.as_slice() else {
        return Err(CommandError::Refused("you cannot start and attach multiple containers at once"));
    };
    let inspect: ContainerInspect = context.client.get(&container_path(name, "json"), Query::new()).await?;
    let following = Following {
        stdin: args.interactive && inspect.config.open_stdin,
        tty: inspect.config.tty,
        keys: &args.detach_keys,
        sig_proxy: true,
    };
    attach::start_and_follow(context, &inspect.id, following).await
}
