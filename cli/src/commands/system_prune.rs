//! `hull system prune`.

use super::{CommandError, Context, Outcome, prune};
use crate::client::{Body, Call, Filters, Query};
use crate::output;
use crate::request::values;
use hull_api::BuildCachePruneReport;

/// Remove unused data
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull system prune [OPTIONS]")]
#[command(after_help = "\
Stopped containers go, networks without a container, and dangling images; with -a every image
without a container, with --volumes the volumes that nobody named. Named volumes stay.

Examples:
  hull system prune                              asks first
  hull system prune -af --filter until=24h       what is older than a day, without asking")]
pub(crate) struct Args {
    /// Remove all unused images not just dangling ones
    #[arg(short, long)]
    all: bool,
    /// Provide filter values (e.g. "label=<key>=<value>")
    #[arg(long, value_name = "filter", value_parser = values::filter)]
    filter: Vec<String>,
    /// Do not prompt for confirmation
    #[arg(short, long)]
    force: bool,
    /// Prune anonymous volumes
    #[arg(long)]
    volumes: bool,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let until = args.filter.iter().any(|filter| filter.split('=').next() == Some("until"));
    if args.volumes && until {
        return Err(CommandError::Refused("ERROR: The \"until\" filter is not supported with \"--volumes\""));
    }
    if !prune::confirmed(args.force, &question(&args))? {
        return Err(CommandError::Cancelled("system prune has been cancelled"));
    }
    let filters = Filters::from_flags(&args.filter);
    // In this order: a container that is gone frees what it used.
    let mut done = vec![prune::containers(context, filters.clone()).await?];
    done.push(prune::networks(context, filters.clone()).await?);
    if args.volumes {
        done.push(prune::volumes(context, filters.clone()).await?);
    }
    done.push(prune::images(context, filters.clone(), args.all).await?);
    let mut reclaimed = build_cache(context, &filters, args.all).await?;
    for pruned in done {
        if !pruned.text.is_empty() {
            output::print_line(&pruned.text)?;
        }
        reclaimed += pruned.reclaimed;
    }
    prune::total(reclaimed)
}

async fn build_cache(context: &Context, filters: &Filters, all: bool) -> Result<u64, CommandError> {
    let query = Query::new().flag("all", all).filters(filters);
    let call = Call { method: http::Method::POST, path: "/build/prune", query, headers: &[] };
    let report: BuildCachePruneReport = context.client.json(call, Body::empty()).await?;
    Ok(report.space_reclaimed)
}

fn question(args: &Args) -> String {
    let mut lines = vec!["all stopped containers", "all networks not used by at least one container"];
    if args.volumes {
        lines.push("all anonymous volumes not used by at least one container");
    }
    lines.push(match args.all {
        true => "all images without at least one container associated to them",
        false => "all dangling images",
    });
    lines.push(if args.all { "all build cache" } else { "unused build cache" });
    let mut text = "WARNING! This will remove:".to_owned();
    lines.iter().for_each(|line| text.push_str(&format!("\n  - {line}")));
    text.push('\n');
    if !args.filter.is_empty() {
        text.push_str("\n  Items to be pruned will be filtered with:");
        let mut filters = args.filter.clone();
        filters.sort();
        filters.iter().for_each(|filter| text.push_str(&format!("\n  - {filter}")));
        text.push('\n');
    }
    text.push_str("\nAre you sure you want to continue?");
    text
}
