//! `hull export`.

use super::save::{check_output, copy_out};
use super::{CommandError, Context, Outcome, container_path};
use crate::client::{Body, Call, Query};
use crate::tty;

/// Export a container's filesystem as a tar archive
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull export [OPTIONS] CONTAINER")]
#[command(
    after_help = "Examples:\n  hull export -o root.tar web\n  hull export web | tar t\n\nWhat is mounted into it (volumes, binds, /proc) is not in it."
)]
pub(crate) struct Args {
    /// Write to a file, instead of STDOUT
    #[arg(short, long, value_name = "string")]
    output: Option<String>,
    /// The container
    container: String,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    if args.output.is_none() && tty::stdout_is_terminal() {
        return Err(CommandError::Refused("cowardly refusing to save to a terminal. Use the -o flag or redirect"));
    }
    check_output("failed to export container", args.output.as_deref())?;
    let path = container_path(&args.container, "export");
    let call = Call { method: http::Method::GET, path: &path, query: Query::new(), headers: &[] };
    let operation = format!("GET {path}");
    let body = context.client.send(call, Body::empty()).await?.into_body();
    copy_out(body, operation, args.output.as_deref()).await?;
    Ok(0)
}
