//! `hull tag`.

use super::{Context, Outcome};
use crate::client::{Query, segment};

/// Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]")]
pub(crate) struct Args {
    /// The image that is there
    source: String,
    /// Its further name
    target: String,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let (repository, tag) = match args.target.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (args.target.as_str(), "latest"),
    };
    let query = Query::new().set("repo", repository).text("tag", tag);
    context.client.act(&format!("/images/{}/tag", segment(&args.source)), query).await?;
    Ok(0)
}
