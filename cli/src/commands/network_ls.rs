//! `hull network ls`.

use hull_api::Network;
use serde_json::json;

use super::{Context, Outcome, listing};
use crate::client::{Filters, Query};
use crate::output::format::{LABEL_MAP, List, labels, row};
use crate::output::table::short_id;
use crate::output::time;
use crate::request::values;

const LIST: List = List {
    titles: &[
        ("ID", "NETWORK ID"),
        ("Name", "NAME"),
        ("Driver", "DRIVER"),
        ("Scope", "SCOPE"),
        ("IPv4", "IPV4"),
        ("IPv6", "IPV6"),
        ("Internal", "INTERNAL"),
        ("Labels", "LABELS"),
        ("CreatedAt", "CREATED AT"),
    ],
    table: "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}",
    quiet: "{{.ID}}",
    raw: "network_id: {{.ID}}\nname: {{.Name}}\ndriver: {{.Driver}}\nscope: {{.Scope}}\n",
};

/// List networks
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull network ls [OPTIONS]")]
pub(crate) struct Args {
    /// Provide filter values (e.g. "driver=bridge")
    #[arg(short, long, value_name = "filter", value_parser = values::filter)]
    filter: Vec<String>,
    /// Format output using a custom template: table, 'table TEMPLATE', json, TEMPLATE
    #[arg(long, value_name = "string")]
    format: Option<String>,
    /// Do not truncate the output
    #[arg(long)]
    no_trunc: bool,
    /// Only display network IDs
    #[arg(short, long)]
    quiet: bool,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let query = Query::new().filters(&Filters::from_flags(&args.filter));
    let mut networks: Vec<Network> = context.client.get("/networks", query).await?;
    networks.sort_by(|a, b| a.name.cmp(&b.name));
    let rows = networks
        .iter()
        .map(|network| {
            let (text, map) = labels(&network.labels);
            row([
                ("ID", json!(if args.no_trunc { &network.id } else { short_id(&network.id) })),
                ("Name", json!(network.name)),
                ("Driver", json!(network.driver)),
                ("Scope", json!(network.scope)),
                ("IPv4", json!(network.enable_ipv4.to_string())),
                ("IPv6", json!(network.enable_ipv6.to_string())),
                ("Internal", json!(network.internal.to_string())),
                ("Labels", text),
                (LABEL_MAP, map),
                ("CreatedAt", json!(time::local_precise(&network.created))),
            ])
        })
        .collect();
    listing::print(&LIST, args.format.as_deref(), args.quiet, rows)
}
