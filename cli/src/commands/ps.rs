//! `hull ps`.

use hull_api::{ContainerSummary, Port};
use serde_json::json;

use super::listing::{self, ListFlags};
use super::{Context, Outcome};
use crate::client::Query;
use crate::output::format::{LABEL_MAP, List, Row, labels, row};
use crate::output::table::{ellipsis, short_id};
use crate::output::{time, units};
use crate::request::values;

pub(super) const LIST: List = List {
    titles: &[
        ("ID", "CONTAINER ID"),
        ("Names", "NAMES"),
        ("Image", "IMAGE"),
        ("Command", "COMMAND"),
        ("CreatedAt", "CREATED AT"),
        ("RunningFor", "CREATED"),
        ("Ports", "PORTS"),
        ("State", "STATE"),
        ("Status", "STATUS"),
        ("Size", "SIZE"),
        ("Labels", "LABELS"),
        ("Mounts", "MOUNTS"),
        ("LocalVolumes", "LOCAL VOLUMES"),
        ("Networks", "NETWORKS"),
        ("Platform", "PLATFORM"),
    ],
    table: "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}",
    quiet: "{{.ID}}",
    raw: "container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\ncreated_at: {{.CreatedAt}}\nstate: {{- pad .State 1 0}}\nstatus: {{- pad .Status 1 0}}\nnames: {{.Names}}\nlabels: {{- pad .Labels 1 0}}\nports: {{- pad .Ports 1 0}}\n",
};

const LIST_WITH_SIZE: List = List {
    table: "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}\t{{.Size}}",
    ..LIST
};

/// List containers
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull ps [OPTIONS]")]
#[command(after_help = "Examples:
  hull ps -a                                         stopped ones too
  hull ps -f label=tier=front -f status=running
  hull ps --format '{{.Names}}: {{.Status}}'         also: json, 'table {{.ID}}\\t{{.Names}}'
  hull rm $(hull ps -aqf status=exited)")]
pub(crate) struct Args {
    /// Show all containers (default shows just running)
    #[arg(short, long)]
    all: bool,
    #[command(flatten)]
    list: ListFlags,
    /// Show n last created containers (includes all states)
    #[arg(short = 'n', long, value_name = "int", value_parser = values::int, allow_hyphen_values = true)]
    last: Option<i64>,
    /// Show the latest created container (includes all states)
    #[arg(short, long)]
    latest: bool,
    /// Display total file sizes
    #[arg(short, long)]
    size: bool,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let last = if args.latest { 1 } else { args.last.unwrap_or(-1) };
    let asks_for_size = |format: &str| format.contains(".Size") || format.replace(' ', "") == "{{json.}}";
    let size = args.size || args.list.format.as_deref().is_some_and(asks_for_size);
    let mut format = args.list.format.as_deref();
    if args.list.quiet && format.is_some_and(|format| !format.is_empty()) {
        eprintln!("WARNING: Ignoring custom format, because both --format and --quiet are set.");
        format = None;
    }
    let mut query = Query::new().flag("all", args.all).flag("size", size).filters(&args.list.filters());
    if last > 0 {
        query = query.set("limit", last.to_string());
    }
    let containers: Vec<ContainerSummary> = context.client.get("/containers/json", query).await?;
    let rows = containers.iter().map(|c| container_row(c, !args.list.no_trunc)).collect();
    let list = if args.size { LIST_WITH_SIZE } else { LIST };
    listing::print(&list, format, args.list.quiet, rows)
}

pub(super) fn container_row(c: &ContainerSummary, truncate: bool) -> Row {
    let names: Vec<&str> = c
        .names
        .iter()
        .map(|name| name.trim_start_matches('/'))
        // Names under another container are links.
        .filter(|name| !truncate || !name.contains('/'))
        .collect();
    let command = if truncate { ellipsis(&c.command, 20) } else { c.command.clone() };
    let (label_text, label_map) = labels(&c.labels);
    let mounts: Vec<String> = c
        .mounts
        .iter()
        .map(|m| if m.name.is_empty() { &m.source } else { &m.name })
        .map(|name| if truncate { ellipsis(name, 15) } else { name.clone() })
        .collect();
    let volumes = c.mounts.iter().filter(|m| m.driver == "local").count();
    let networks: Vec<&str> = c.network_settings.networks.keys().map(String::as_str).collect();
    row([
        ("ID", json!(if truncate { short_id(&c.id) } else { &c.id })),
        ("Names", json!(names.join(","))),
        ("Image", json!(image(c, truncate))),
        ("Command", json!(quote(&command))),
        ("CreatedAt", json!(time::local(c.created))),
        ("RunningFor", json!(format!("{} ago", time::age(c.created)))),
        ("Ports", json!(ports(&c.ports))),
        ("State", json!(c.state)),
        ("Status", json!(c.status)),
        ("Size", json!(size(c))),
        ("Labels", label_text),
        (LABEL_MAP, label_map),
        ("Mounts", json!(mounts.join(","))),
        ("LocalVolumes", json!(volumes.to_string())),
        ("Networks", json!(networks.join(","))),
        ("Platform", json!(null)),
    ])
}

fn image(c: &ContainerSummary, truncate: bool) -> String {
    if c.image.is_empty() {
        return "<no image>".to_owned();
    }
    if !truncate {
        return c.image.clone();
    }
    if short_id(&c.image) == short_id(&c.image_id) {
        return short_id(&c.image_id).to_owned();
    }
    match c.image.split_once('@') {
        Some((name, _)) if !name.is_empty() => name.to_owned(),
        _ => c.image.clone(),
    }
}

/// In double quotes, as Go quotes.
fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => out.push_str(&format!("\\x{:02x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn size(c: &ContainerSummary) -> String {
    let own = units::human_size(c.size_rw as f64);
    if c.size_root_fs > 0 { format!("{own} (virtual {})", units::human_size(c.size_root_fs as f64)) } else { own }
}

/// Ports with their ranges drawn together.
pub(super) fn ports(list: &[Port]) -> String {
    let mut list: Vec<&Port> = list.iter().collect();
    list.sort_by(|a, b| {
        (a.private_port, &a.ip, a.public_port, &a.kind).cmp(&(b.private_port, &b.ip, b.public_port, &b.kind))
    });
    let mut groups: Vec<(&str, &str, u16, u16)> = Vec::new();
    let mut done = Vec::new();
    let mut mapped = Vec::new();
    for port in list {
        if !port.ip.is_empty() && port.public_port != port.private_port {
            let host = join_host(&port.ip, &port.public_port.to_string());
            mapped.push(format!("{host}->{}/{}", port.private_port, port.kind));
            continue;
        }
        match groups.iter_mut().find(|(ip, kind, _, _)| *ip == port.ip && *kind == port.kind) {
            None => groups.push((&port.ip, &port.kind, port.private_port, port.private_port)),
            Some(group) if port.private_port == group.3.saturating_add(1) => group.3 = port.private_port,
            Some(group) => {
                done.push(group_text(*group));
                group.2 = port.private_port;
                group.3 = port.private_port;
            }
        }
    }
    done.extend(groups.into_iter().map(group_text));
    done.extend(mapped);
    done.join(", ")
}

fn group_text((ip, kind, first, last): (&str, &str, u16, u16)) -> String {
    let range = if first == last { first.to_string() } else { format!("{first}-{last}") };
    if ip.is_empty() { format!("{range}/{kind}") } else { format!("{}->{range}/{kind}", join_host(ip, &range)) }
}

fn join_host(ip: &str, port: &str) -> String {
    if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(ip: &str, private: u16, public: u16) -> Port {
        Port { ip: ip.into(), private_port: private, public_port: public, kind: "tcp".into() }
    }

    #[test]
    fn ranges_of_ports() {
        assert_eq!(ports(&[]), "");
        assert_eq!(ports(&[port("", 81, 0), port("", 80, 0), port("", 90, 0)]), "80-81/tcp, 90/tcp");
        assert_eq!(
            ports(&[port("0.0.0.0", 80, 8080), port("::", 80, 8080)]),
            "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp"
        );
        assert_eq!(ports(&[port("0.0.0.0", 80, 80), port("0.0.0.0", 81, 81)]), "0.0.0.0:80-81->80-81/tcp");
    }

    #[test]
    fn a_row() {
        let summary = ContainerSummary {
            id: "0123456789abcdef".into(),
            names: vec!["/web".into(), "/other/alias".into()],
            image: "nginx".into(),
            command: "/docker-entrypoint.sh \"nginx\"".into(),
            ..ContainerSummary::default()
        };
        let row = container_row(&summary, true);
        assert_eq!(row["ID"], "0123456789ab");
        assert_eq!(row["Names"], "web");
        assert_eq!(row["Command"], "\"/docker-entrypoint.…\"");
        let row = container_row(&summary, false);
        assert_eq!(row["Names"], "web,other/alias");
        assert_eq!(row["Command"], "\"/docker-entrypoint.sh \\\"nginx\\\"\"");
    }
}
