//! `hull container|image|volume prune`.

use hull_api::{ContainersPruneReport, ImagesPruneReport, NetworksPruneReport, VolumesPruneReport};

use super::{CommandError, Context, Outcome};
use crate::client::{Body, Call, Filters, Query};
use crate::output::{self, units};
use crate::request::values;

/// Remove everything of this kind that is not used
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull container prune [OPTIONS]")]
pub(crate) struct Args {
    /// Provide filter values (e.g. "until=<timestamp>")
    #[arg(long, value_name = "filter", value_parser = values::filter)]
    filter: Vec<String>,
    /// Do not prompt for confirmation
    #[arg(short, long)]
    force: bool,
}

#[derive(Debug, clap::Args)]
#[command(override_usage = "hull image prune [OPTIONS]")]
pub(crate) struct ImageArgs {
    #[command(flatten)]
    common: Args,
    /// Remove all unused images, not just dangling ones
    #[arg(short, long)]
    all: bool,
}

#[derive(Debug, clap::Args)]
#[command(override_usage = "hull volume prune [OPTIONS]")]
pub(crate) struct VolumeArgs {
    #[command(flatten)]
    common: Args,
    /// Remove all unused volumes, not just anonymous ones
    #[arg(short, long)]
    all: bool,
}

pub(crate) async fn run_containers(context: &Context, args: Args) -> Outcome {
    if !confirmed(args.force, "WARNING! This will remove all stopped containers.\nAre you sure you want to continue?")?
    {
        return Err(CommandError::Cancelled("container prune has been cancelled"));
    }
    show(containers(context, Filters::from_flags(&args.filter)).await?)
}

pub(crate) async fn run_images(context: &Context, args: ImageArgs) -> Outcome {
    let warning = match args.all {
        true => "WARNING! This will remove all images without at least one container associated to them.",
        false => "WARNING! This will remove all dangling images.",
    };
    if !confirmed(args.common.force, &format!("{warning}\nAre you sure you want to continue?"))? {
        return Err(CommandError::Cancelled("image prune has been cancelled"));
    }
    show(images(context, Filters::from_flags(&args.common.filter), args.all).await?)
}

pub(crate) async fn run_volumes(context: &Context, args: VolumeArgs) -> Outcome {
    let warning = match args.all {
        true => "WARNING! This will remove all local volumes not used by at least one container.",
        false => "WARNING! This will remove anonymous local volumes not used by at least one container.",
    };
    if !confirmed(args.common.force, &format!("{warning}\nAre you sure you want to continue?"))? {
        return Err(CommandError::Cancelled("volume prune has been cancelled"));
    }
    let mut filters = Filters::from_flags(&args.common.filter);
    if args.all {
        filters.add("all", "true");
    }
    show(volumes(context, filters).await?)
}

/// What one kind of prune did.
#[derive(Default)]
pub(super) struct Pruned {
    /// The names of what is gone under a title; empty if nothing is.
    pub(super) text: String,
    pub(super) reclaimed: u64,
}

impl Pruned {
    fn new(title: &str, deleted: impl IntoIterator<Item = String>, reclaimed: u64) -> Self {
        let names: String = deleted.into_iter().map(|name| format!("{name}\n")).collect();
        let text = if names.is_empty() { names } else { format!("{title}\n{names}") };
        Self { text, reclaimed }
    }
}

pub(super) async fn containers(context: &Context, filters: Filters) -> Result<Pruned, CommandError> {
    let report: ContainersPruneReport = prune(context, "/containers/prune", filters).await?;
    Ok(Pruned::new("Deleted Containers:", report.containers_deleted, report.space_reclaimed))
}

pub(super) async fn networks(context: &Context, filters: Filters) -> Result<Pruned, CommandError> {
    let report: NetworksPruneReport = prune(context, "/networks/prune", filters).await?;
    Ok(Pruned::new("Deleted Networks:", report.networks_deleted, 0))
}

pub(super) async fn volumes(context: &Context, filters: Filters) -> Result<Pruned, CommandError> {
    let report: VolumesPruneReport = prune(context, "/volumes/prune", filters).await?;
    Ok(Pruned::new("Deleted Volumes:", report.volumes_deleted, report.space_reclaimed))
}

pub(super) async fn images(context: &Context, mut filters: Filters, all: bool) -> Result<Pruned, CommandError> {
    filters.add("dangling", if all { "false" } else { "true" });
    let report: ImagesPruneReport = prune(context, "/images/prune", filters).await?;
    let lines = report.images_deleted.into_iter().map(|item| match item.untagged.is_empty() {
        true => format!("deleted: {}", item.deleted),
        false => format!("untagged: {}", item.untagged),
    });
    Ok(Pruned::new("Deleted Images:", lines, report.space_reclaimed))
}

async fn prune<T: serde::de::DeserializeOwned>(
    context: &Context,
    path: &str,
    filters: Filters,
) -> Result<T, CommandError> {
    let query = Query::new().filters(&filters);
    let call = Call { method: http::Method::POST, path, query, headers: &[] };
    Ok(context.client.json(call, Body::empty()).await?)
}

/// Asks, unless it was forced.
pub(super) fn confirmed(force: bool, question: &str) -> std::io::Result<bool> {
    if force {
        return Ok(true);
    }
    output::print(&format!("{question} [y/N] "))?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}

fn show(pruned: Pruned) -> Outcome {
    if !pruned.text.is_empty() {
        output::print_line(&pruned.text)?;
    }
    total(pruned.reclaimed)
}

pub(super) fn total(reclaimed: u64) -> Outcome {
    output::print_line(&format!("Total reclaimed space: {}", units::human_size_long(reclaimed as f64)))?;
    Ok(0)
}
