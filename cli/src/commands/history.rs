//! `hull history`.

use hull_api::HistoryItem;
use serde_json::json;

use super::{Context, Outcome, listing};
use crate::client::{Query, segment};
use crate::output::format::{List, row};
use crate::output::table::{ellipsis, short_id};
use crate::output::{time, units};

const LIST: List = List {
    titles: &[
        ("ID", "IMAGE"),
        ("CreatedSince", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("CreatedBy", "CREATED BY"),
        ("Size", "SIZE"),
        ("Comment", "COMMENT"),
    ],
    table: "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
    quiet: "{{.ID}}",
    raw: "",
};

const LIST_WITH_DATES: List =
    List { table: "{{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}", ..LIST };

/// Show the history of an image
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull history [OPTIONS] IMAGE")]
pub(crate) struct Args {
    /// Format output using a custom template: table, 'table TEMPLATE', json, TEMPLATE
    #[arg(long, value_name = "string")]
    format: Option<String>,
    /// Print sizes and dates in human readable format
    #[arg(short = 'H', long, value_name = "true|false", value_parser = crate::request::values::boolean, action = clap::ArgAction::Set, default_value = "true", default_missing_value = "true", num_args = 0..=1, require_equals = true)]
    human: bool,
    /// Don't truncate output
    #[arg(long)]
    no_trunc: bool,
    /// Only show image IDs
    #[arg(short, long)]
    quiet: bool,
    /// The image
    image: String,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let path = format!("/images/{}/history", segment(&args.image));
    let items: Vec<HistoryItem> = context.client.get(&path, Query::new()).await?;
    let rows = items
        .iter()
        .map(|item| {
            let by = item.created_by.replace('\t', " ");
            let at = time::local_rfc3339(item.created);
            let since = match item.created {
                // An image that is made reproducibly has no date.
                ..=0 => "N/A".to_owned(),
                created => format!("{} ago", time::age(created)),
            };
            let size = if args.human { units::human_size(item.size as f64) } else { item.size.to_string() };
            row([
                ("ID", json!(if args.no_trunc { &item.id } else { short_id(&item.id) })),
                ("CreatedSince", json!(since)),
                ("CreatedAt", json!(at)),
                ("CreatedBy", json!(if args.no_trunc { by } else { ellipsis(&by, 45) })),
                ("Size", json!(size)),
                ("Comment", json!(item.comment)),
            ])
        })
        .collect();
    let list = if args.human { LIST } else { LIST_WITH_DATES };
    listing::print(&list, args.format.as_deref(), args.quiet, rows)
}
