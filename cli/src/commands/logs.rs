//! `hull logs`.

use futures_util::TryStreamExt;
use http_body_util::{BodyExt, BodyStream};
use hull_api::ContainerInspect;
use tokio::io::AsyncWriteExt;
use tokio_util::io::StreamReader;

use super::attaching::copy_frames;
use super::{CommandError, Context, Outcome, container_path};
use crate::client::{Body, Call, Query};
use crate::output::time::since;

/// Fetch the logs of a container
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull logs [OPTIONS] CONTAINER")]
#[command(
    after_help = "Examples:\n  hull logs -f --tail 20 web\n  hull logs --since 10m -t web\n  hull logs --since 2024-05-01T12:00:00 --until 1h web"
)]
pub(crate) struct Args {
    /// Show extra details provided to logs
    #[arg(long)]
    details: bool,
    /// Follow log output
    #[arg(short, long)]
    follow: bool,
    /// Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    since: String,
    /// Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    until: String,
    /// Number of lines to show from the end of the logs
    #[arg(short = 'n', long, value_name = "string", default_value = "all", allow_hyphen_values = true)]
    tail: String,
    /// Show timestamps
    #[arg(short, long)]
    timestamps: bool,
    /// The container
    container: String,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let inspect: ContainerInspect = context.client.get(&container_path(&args.container, "json"), Query::new()).await?;
    let query = Query::new()
        .set("stdout", "1")
        .set("stderr", "1")
        .flag("follow", args.follow)
        .flag("timestamps", args.timestamps)
        .flag("details", args.details)
        .text("since", &since(&args.since).map_err(|reason| CommandError::Value { flag: "since", reason })?)
        .text("until", &since(&args.until).map_err(|reason| CommandError::Value { flag: "until", reason })?)
        .set("tail", &args.tail);
    let path = container_path(&inspect.id, "logs");
    let call = Call { method: http::Method::GET, path: &path, query, headers: &[] };
    let response = context.client.send(call, Body::empty()).await?;
    if inspect.config.tty {
        let mut body = response.into_body();
        let mut out = tokio::io::stdout();
        while let Some(frame) = body.frame().await {
            let frame =
                frame.map_err(|source| crate::client::ClientError::Transport { operation: path.clone(), source })?;
            if let Ok(data) = frame.into_data() {
                out.write_all(&data).await?;
                out.flush().await?;
            }
        }
    } else {
        let pieces = BodyStream::new(response.into_body())
            .try_filter_map(|frame| std::future::ready(Ok(frame.into_data().ok())))
            .map_err(std::io::Error::other);
        copy_frames(StreamReader::new(pieces), tokio::io::stdout(), tokio::io::stderr()).await?;
    }
    Ok(0)
}
