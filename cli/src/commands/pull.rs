//! `hull pull`.

use super::{Context, Outcome, creating};
use crate::output;

/// Download an image from a registry
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull pull [OPTIONS] NAME[:TAG|@DIGEST]")]
pub(crate) struct Args {
    /// Set platform if server is multi-platform capable
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    platform: String,
    /// Suppress verbose output
    #[arg(short, long)]
    quiet: bool,
    /// The image
    name: String,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    if !args.quiet && creating::familiar(&args.name) != args.name {
        output::print_line("Using default tag: latest")?;
    }
    creating::pull(context, &args.name, &args.platform, args.quiet, false).await?;
    output::print_line(&creating::familiar(&args.name))?;
    Ok(0)
}
