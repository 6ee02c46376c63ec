//! `hull rmi`.

use hull_api::{DeleteItem, decode};

use super::{CommandError, Context, Outcome};
use crate::client::{ClientError, Query, segment};
use crate::output;

/// Remove one or more images
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull rmi [OPTIONS] IMAGE [IMAGE...]")]
pub(crate) struct Args {
    /// Force removal of the image
    #[arg(short, long)]
    force: bool,
    /// Do not delete untagged parents
    #[arg(long)]
    no_prune: bool,
    /// The images
    #[arg(required = true)]
    images: Vec<String>,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let query = Query::new().flag("force", args.force).flag("noprune", args.no_prune);
    let mut errors = Vec::new();
    for image in &args.images {
        let path = format!("/images/{}", segment(image));
        match context.client.delete(&path, query.clone()).await {
            Ok(bytes) => {
                let items: Vec<DeleteItem> = decode::from_slice(&bytes)
                    .map_err(|source| ClientError::Decode { operation: format!("DELETE {path}"), source })?;
                for item in items {
                    if item.deleted.is_empty() {
                        output::print_line(&format!("Untagged: {}", item.untagged))?;
                    } else {
                        output::print_line(&format!("Deleted: {}", item.deleted))?;
                    }
                }
            }
            // What is gone already is what --force wants.
            Err(error) if args.force && error.is_status(http::StatusCode::NOT_FOUND) => {
                eprintln!("{error}");
            }
            Err(error) => errors.push(error.into()),
        }
    }
    if errors.is_empty() { Ok(0) } else { Err(CommandError::Several(errors)) }
}
