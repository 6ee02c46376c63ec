//! `hull network ls`.

use hull_api::Network;
use serde_json::json;

use super::listing::ListFlags;
use super::{Context, Outcome};
use crate::client::Query;
use crate::output::format::{LABEL_MAP, List, labels, row};
use crate::output::table::short_id;
use crate::output::time;

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
    #[command(flatten)]
    list: ListFlags,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let query = Query::new().filters(&args.list.filters());
    let mut networks: Vec<Network> = context.client.get("/networks", query).await?;
    networks.sort_by(|a, b| a.name.cmp(&b.name));
    let rows = networks
        .iter()
        .map(|network| {
            let (text, map) = labels(&network.labels);
            row([
                ("ID", json!(if args.list.no_trunc { &network.id } else { short_id(&network.id) })),
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
    args.list.print(&LIST, rows)
}
