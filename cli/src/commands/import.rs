//! `hull import`.

use hull_api::JsonMessage;
use tokio::fs::File;
use tokio::io::AsyncRead;

use super::{CommandError, Context, Outcome};
use crate::client::{Body, Call, JsonStream, Query};
use crate::output::progress::{Progress, transfer};

/// Import the contents from a tarball to create a filesystem image
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull import [OPTIONS] file|URL|- [REPOSITORY[:TAG]]")]
#[command(
    after_help = "Examples:\n  hull import rootfs.tar my/root:1\n  tar -C rootfs -c . | hull import -c 'CMD [\"/bin/sh\"]' - my/root"
)]
pub(crate) struct Args {
    /// Apply Dockerfile instruction to the created image
    #[arg(short, long, value_name = "list")]
    change: Vec<String>,
    /// Set commit message for imported image
    #[arg(short, long, value_name = "string", default_value = "", hide_default_value = true)]
    message: String,
    /// Set platform if server is multi-platform capable
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    platform: String,
    /// Where the archive is: a file, a URL that the engine fetches, `-` for STDIN
    source: String,
    /// The name of the image
    reference: Option<String>,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let is_url = args.source.starts_with("http://") || args.source.starts_with("https://");
    let from = if is_url { args.source.as_str() } else { "-" };
    let reference = args.reference.as_deref().unwrap_or("");
    let (repository, tag) = match reference.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (reference, ""),
    };
    let mut query = Query::new()
        .set("fromSrc", from)
        .text("repo", repository)
        .text("tag", tag)
        .text("message", &args.message)
        .text("platform", &args.platform);
    for change in &args.change {
        query = query.set("changes", change);
    }
    let (reader, size): (Box<dyn AsyncRead + Send + Unpin>, Option<u64>) = match args.source.as_str() {
        "-" => (Box::new(tokio::io::stdin()), None),
        _ if is_url => (Box::new(tokio::io::empty()), None),
        path => {
            let error = |source| CommandError::File { operation: "open", object: path.to_owned(), source };
            let file = File::open(path).await.map_err(error)?;
            let size = file.metadata().await.map_err(error)?.len();
            (Box::new(file), Some(size))
        }
    };
    let bar = transfer(size, "Sending");
    let sent = bar.clone();
    let body = if is_url { Body::empty() } else { Body::tar(reader, move |len| sent.inc(len as u64)) };
    let call = Call { method: http::Method::POST, path: "/images/create", query, headers: &[] };
    let response = context.client.send(call, body).await;
    bar.finish_and_clear();
    let mut messages = JsonStream::<JsonMessage>::new("POST /images/create", response?);
    let mut progress = Progress::new(false);
    while let Some(message) = messages.next().await? {
        progress.show(&message).map_err(CommandError::InStream)?;
    }
    progress.finish();
    Ok(0)
}
