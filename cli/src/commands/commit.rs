//! `hull commit`.

use hull_api::IdResponse;

use super::{Context, Outcome};
use crate::client::{Body, Call, Query};
use crate::output;
use crate::request::RequestError;

/// Create a new image from a container's changes
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull commit [OPTIONS] CONTAINER [REPOSITORY[:TAG]]")]
#[command(
    after_help = "Examples:\n  hull commit web site:2\n  hull commit -c 'CMD [\"nginx\"]' -c 'ENV A=b' -m 'with a theme' web site:2\n\nWhat is in volumes is not part of an image."
)]
pub(crate) struct Args {
    /// Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")
    #[arg(short, long, value_name = "string", default_value = "", hide_default_value = true)]
    author: String,
    /// Apply Dockerfile instruction to the created image
    #[arg(short, long, value_name = "list")]
    change: Vec<String>,
    /// Commit message
    #[arg(short, long, value_name = "string", default_value = "", hide_default_value = true)]
    message: String,
    /// Pause container during commit
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true", action = clap::ArgAction::Set)]
    pause: bool,
    /// The container
    container: String,
    /// The name of the image
    reference: Option<String>,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let reference = args.reference.as_deref().unwrap_or("");
    let (repository, tag) = match reference.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (reference, ""),
    };
    // A registry's host may be written in any case.
    let path = match repository.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => path,
        _ => repository,
    };
    if path.contains(|c: char| c.is_ascii_uppercase()) {
        let library = if repository.contains('/') { "" } else { "library/" };
        return Err(RequestError::Uppercase(format!("{library}{repository}")).into());
    }
    let mut query = Query::new()
        .set("container", &args.container)
        .text("repo", repository)
        .text("tag", tag)
        .text("comment", &args.message)
        .text("author", &args.author)
        .set("pause", if args.pause { "1" } else { "0" });
    for change in &args.change {
        query = query.set("changes", change);
    }
    let call = Call { method: http::Method::POST, path: "/commit", query, headers: &[] };
    let made: IdResponse = context.client.json(call, Body::empty()).await?;
    output::print_line(&made.id)?;
    Ok(0)
}
