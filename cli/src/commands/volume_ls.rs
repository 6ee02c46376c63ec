//! `hull volume ls`.

use hull_api::{Volume, VolumeList};
use serde_json::json;

use super::{Context, Outcome, listing};
use crate::client::{Filters, Query};
use crate::output::format::{LABEL_MAP, List, Row, labels, row};
use crate::output::units;
use crate::request::values;

pub(super) const LIST: List = List {
    titles: &[
        ("Name", "VOLUME NAME"),
        ("Driver", "DRIVER"),
        ("Scope", "SCOPE"),
        ("Mountpoint", "MOUNTPOINT"),
        ("Labels", "LABELS"),
        ("Links", "LINKS"),
        ("Size", "SIZE"),
        ("Availability", "AVAILABILITY"),
        ("Group", "GROUP"),
        ("Status", "STATUS"),
    ],
    table: "{{.Driver}}\t{{.Name}}",
    quiet: "{{.Name}}",
    raw: "name: {{.Name}}\ndriver: {{.Driver}}\n",
};

/// List volumes
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull volume ls [OPTIONS]")]
pub(crate) struct Args {
    /// Provide filter values (e.g. "dangling=true")
    #[arg(short, long, value_name = "filter", value_parser = values::filter)]
    filter: Vec<String>,
    /// Format output using a custom template: table, 'table TEMPLATE', json, TEMPLATE
    #[arg(long, value_name = "string")]
    format: Option<String>,
    /// Only display volume names
    #[arg(short, long)]
    quiet: bool,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let query = Query::new().filters(&Filters::from_flags(&args.filter));
    let mut list: VolumeList = context.client.get("/volumes", query).await?;
    list.volumes.sort_by(|a, b| a.name.cmp(&b.name));
    let rows = list.volumes.iter().map(volume_row).collect();
    listing::print(&LIST, args.format.as_deref(), args.quiet, rows)
}

pub(super) fn volume_row(volume: &Volume) -> Row {
    let (text, map) = labels(&volume.labels);
    let usage = volume.usage_data.as_ref();
    row([
        ("Name", json!(volume.name)),
        ("Driver", json!(volume.driver)),
        ("Scope", json!(volume.scope)),
        ("Availability", json!("N/A")),
        ("Group", json!("N/A")),
        ("Status", json!("N/A")),
        ("Mountpoint", json!(volume.mountpoint)),
        ("Labels", text),
        (LABEL_MAP, map),
        ("Links", json!(usage.map_or_else(|| "N/A".to_owned(), |u| u.ref_count.to_string()))),
        ("Size", json!(usage.map_or_else(|| "N/A".to_owned(), |u| units::human_size_long(u.size as f64)))),
    ])
}
