//! `hull load`.

use hull_api::JsonMessage;
use tokio::fs::File;
use tokio::io::AsyncRead;

use super::{CommandError, Context, Outcome};
use crate::client::{Body, Call, JsonStream, Query};
use crate::output::progress::{Progress, transfer};
use crate::tty;

/// Load an image from a tar archive or STDIN
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull load [OPTIONS]")]
#[command(
    after_help = "Examples:\n  hull load -i nginx.tar\n  zcat nginx.tar.gz | hull load\n\nBoth Docker's archives and OCI layouts are taken."
)]
pub(crate) struct Args {
    /// Read from tar archive file, instead of STDIN
    #[arg(short, long, value_name = "string")]
    input: Option<String>,
    /// Load only the given platform
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    platform: String,
    /// Suppress the load output
    #[arg(short, long)]
    quiet: bool,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let (reader, size): (Box<dyn AsyncRead + Send + Unpin>, Option<u64>) = match &args.input {
        Some(path) => {
            let error = |source| CommandError::File { operation: "open", object: path.clone(), source };
            let file = File::open(path).await.map_err(error)?;
            let size = file.metadata().await.map_err(error)?.len();
            (Box::new(file), Some(size))
        }
        None if tty::stdin_is_terminal() => {
            return Err(CommandError::Refused("requested load from stdin, but stdin is empty"));
        }
        None => (Box::new(tokio::io::stdin()), None),
    };
    let bar = transfer(size, "Sending");
    // The engine's own progress makes sense on a terminal only.
    let quiet = args.quiet || !tty::stdout_is_terminal();
    if quiet {
        bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
    }
    let sent = bar.clone();
    let body = Body::tar(reader, move |len| sent.inc(len as u64));
    let query = Query::new().set("quiet", if quiet { "1" } else { "0" }).text("platform", &args.platform);
    let call = Call { method: http::Method::POST, path: "/images/load", query, headers: &[] };
    let response = context.client.send(call, body).await;
    bar.finish_and_clear();
    let mut messages = JsonStream::<JsonMessage>::new("POST /images/load", response?);
    let mut progress = Progress::new(false);
    while let Some(message) = messages.next().await? {
        progress.show(&message).map_err(CommandError::InStream)?;
    }
    progress.finish();
    Ok(0)
}
