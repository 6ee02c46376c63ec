//! `hull save`.

use std::path::Path;

use http_body_util::BodyExt;
use tokio::fs::File;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::{CommandError, Context, Outcome};
use crate::client::{Body, Call, ClientError, Query};
use crate::output::progress::transfer;
use crate::request::error::reason;
use crate::tty;

/// Save one or more images to a tar archive (streamed to STDOUT by default)
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull save [OPTIONS] IMAGE [IMAGE...]")]
#[command(
    after_help = "Examples:\n  hull save -o both.tar nginx busybox\n  hull save nginx | hull -H 10.0.0.2:2375 load"
)]
pub(crate) struct Args {
    /// Write to a file, instead of STDOUT
    #[arg(short, long, value_name = "string")]
    output: Option<String>,
    /// Save only the given platform
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    platform: String,
    /// The images
    #[arg(required = true)]
    images: Vec<String>,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    if args.output.is_none() && tty::stdout_is_terminal() {
        return Err(CommandError::Refused("cowardly refusing to save to a terminal. Use the -o flag or redirect"));
    }
    check_output("failed to save image", args.output.as_deref())?;
    let mut query = Query::new().text("platform", &args.platform);
    for image in &args.images {
        query = query.set("names", image);
    }
    let call = Call { method: http::Method::GET, path: "/images/get", query, headers: &[] };
    let body = context.client.send(call, Body::empty()).await?.into_body();
    copy_out(body, "GET /images/get".to_owned(), args.output.as_deref()).await?;
    Ok(0)
}

/// Whether an archive can become a file of this name, before the engine is asked to make it; `failed` says what could
/// not be done.
pub(super) fn check_output(failed: &'static str, path: Option<&str>) -> Result<(), CommandError> {
    let Some(path) = path.map(Path::new) else { return Ok(()) };
    if path.is_dir() {
        return Err(CommandError::Place { failed, reason: "cannot write to a directory".to_owned() });
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    folder.metadata().map(drop).map_err(|error| {
        let reason = format!("invalid output path: stat {}: {}", folder.display(), reason(&error));
        CommandError::Place { failed, reason }
    })
}

/// An archive that the engine sends, into a file or to standard output.
pub(super) async fn copy_out(
    mut body: hyper::body::Incoming,
    operation: String,
    output: Option<&str>,
) -> Result<(), CommandError> {
    let Some(path) = output else {
        return copy(&mut body, &operation, &mut tokio::io::stdout(), CommandError::Output).await;
    };
    let error = |source| CommandError::File { operation: "write", object: path.to_owned(), source };
    // A device or a pipe is written to, never replaced.
    if tokio::fs::metadata(path).await.is_ok_and(|meta| !meta.is_file()) {
        let mut file = File::options().write(true).open(path).await.map_err(error)?;
        return copy(&mut body, &operation, &mut file, error).await;
    }
    // Beside it and then renamed: one that breaks off leaves no half archive under the name.
    let partial = format!("{path}.partial");
    let mut file = File::create(&partial).await.map_err(error)?;
    let written = copy(&mut body, &operation, &mut file, error).await;
    if written.is_err() {
        // The half archive has no use; the error that made it one is what the user hears of.
        let _ = tokio::fs::remove_file(&partial).await;
    }
    written?;
    tokio::fs::rename(&partial, path).await.map_err(error)
}

async fn copy(
    body: &mut hyper::body::Incoming,
    operation: &str,
    to: &mut (impl AsyncWrite + Unpin),
    error: impl Fn(std::io::Error) -> CommandError,
) -> Result<(), CommandError> {
    let bar = transfer(None, "Receiving");
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|source| ClientError::Transport { operation: operation.to_owned(), source })?;
        if let Ok(data) = frame.into_data() {
            to.write_all(&data).await.map_err(&error)?;
            bar.inc(data.len() as u64);
        }
    }
    bar.finish_and_clear();
    to.flush().await.map_err(&error)
}
