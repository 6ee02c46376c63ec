//! `hull container|image|volume prune`.

use std::io::Write;

use hull_api::{ContainersPruneReport, ImagesPruneReport, VolumesPruneReport};

use super::{Context, Outcome};
use crate::client::{Body, Call, Filters, Query};
use crate::output::{self, units};
use crate::request::values;

/// Remove everything of this kind that is not used
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Provide filter values (e.g. "until=<timestamp>")
    #[arg(long, value_name = "filter", value_parser = values::filter)]
    filter: Vec<String>,
    /// Do not prompt for confirmation
    #[arg(short, long)]
    force: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ImageArgs {
    #[command(flatten)]
    common: Args,
    /// Remove all unused images, not just dangling ones
    #[arg(short, long)]
    all: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct VolumeArgs {
    #[command(flatten)]
    common: Args,
    /// Remove all unused volumes, not just anonymous ones
    #[arg(short, long)]
    all: bool,
}

pub(crate) async fn run_containers(context: &Context, args: Args) -> Outcome {
    if !confirmed(args.force, "This will remove all stopped containers.")? {
        return Ok(1);
    }
    let report: ContainersPruneReport = prune(context, "/containers/prune", Filters::from_flags(&args.filter)).await?;
    show("Deleted Containers:", &report.containers_deleted, report.space_reclaimed)
}

pub(crate) async fn run_images(context: &Context, args: ImageArgs) -> Outcome {
    let warning = match args.all {
        true => "This will remove all images without at least one container associated to them.",
        false => "This will remove all dangling images.",
    };
    if !confirmed(args.common.force, warning)? {
        return Ok(1);
    }
    let mut filters = Filters::from_flags(&args.common.filter);
    filters.add("dangling", if args.all { "false" } else { "true" });
    let report: ImagesPruneReport = prune(context, "/images/prune", filters).await?;
    let lines: Vec<String> = report
        .images_deleted
        .iter()
        .map(|item| match item.untagged.is_empty() {
            true => format!("deleted: {}", item.deleted),
            false => format!("untagged: {}", item.untagged),
        })
        .collect();
    show("Deleted Images:", &lines, report.space_reclaimed)
}

pub(crate) async fn run_volumes(context: &Context, args: VolumeArgs) -> Outcome {
    let warning = match args.all {
        true => "This will remove all local volumes not used by at least one container.",
        false => "This will remove anonymous local volumes not used by at least one container.",
    };
    if !confirmed(args.common.force, warning)? {
        return Ok(1);
    }
    let mut filters = Filters::from_flags(&args.common.filter);
    if args.all {
        filters.add("all", "true");
    }
    let report: VolumesPruneReport = prune(context, "/volumes/prune", filters).await?;
    show("Deleted Volumes:", &report.volumes_deleted, report.space_reclaimed)
}

async fn prune<T: serde::de::DeserializeOwned>(
    context: &Context,
    path: &str,
    filters: Filters,
) -> Result<T, super::CommandError> {
    let query = Query::new().filters(&filters);
    let call = Call { method: http::Method::POST, path, query, headers: &[] };
    Ok(context.client.json(call, Body::empty()).await?)
}

fn confirmed(force: bool, warning: &str) -> std::io::Result<bool> {
    if force {
        return Ok(true);
    }
    let mut out = std::io::stdout().lock();
    write!(out, "WARNING! {warning}\nAre you sure you want to continue? [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}

fn show(title: &str, deleted: &[String], reclaimed: u64) -> Outcome {
    let mut text = String::new();
    if !deleted.is_empty() {
        text = format!("{title}\n{}\n\n", deleted.join("\n"));
    }
    output::print_line(&format!("{text}Total reclaimed space: {}", units::human_size_long(reclaimed as f64)))?;
    Ok(0)
}
