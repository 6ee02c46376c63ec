//! `hull system df`.

mod verbose;

use hull_api::SystemDf;
use serde_json::json;

use super::{Context, Outcome, listing};
use crate::client::Query;
use crate::output::format::{List, Row, row};
use crate::output::units;

const LIST: List = List {
    titles: &[
        ("Type", "TYPE"),
        ("TotalCount", "TOTAL"),
        ("Active", "ACTIVE"),
        ("Size", "SIZE"),
        ("Reclaimable", "RECLAIMABLE"),
    ],
    table: "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
    quiet: "{{.Type}}",
    raw: "type: {{.Type}}\ntotal: {{.TotalCount}}\nactive: {{.Active}}\nsize: {{.Size}}\nreclaimable: {{.Reclaimable}}\n",
};

/// Show disk usage
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull system df [OPTIONS]")]
#[command(after_help = "\
RECLAIMABLE is what `hull system prune -a --volumes` could give back.

Examples:
  hull system df                    one line for each kind
  hull system df -v                 each image, container and volume
  hull system df -v --format '{{range .Volumes}}{{.Name}} {{.Size}}{{println}}{{end}}'")]
pub(crate) struct Args {
    /// Format output using a custom template: table, 'table TEMPLATE', json, TEMPLATE
    #[arg(long, value_name = "string")]
    format: Option<String>,
    /// Show detailed information on space usage
    #[arg(short, long)]
    verbose: bool,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let df: SystemDf = context.client.get("/system/df", Query::new()).await?;
    if args.verbose {
        return verbose::print(&df, args.format.as_deref().unwrap_or_default());
    }
    listing::print(&LIST, args.format.as_deref(), false, rows(&df))
}

fn rows(df: &SystemDf) -> Vec<Row> {
    let used: Vec<_> = df.images.iter().filter(|image| image.containers > 0).collect();
    // What images share with each other is counted once in the total, so it is not freed by removing one.
    let in_use: i64 = used.iter().map(|image| image.size - image.shared_size.max(0)).sum();
    let running = |state: &str| matches!(state, "running" | "paused" | "restarting");
    let active = df.containers.iter().filter(|c| running(&c.state)).count();
    let size: i64 = df.containers.iter().map(|c| c.size_rw).sum();
    let idle: i64 = df.containers.iter().filter(|c| !running(&c.state)).map(|c| c.size_rw).sum();
    let usage = |volume: &hull_api::Volume| volume.usage_data.as_ref().map_or((0, 0), |u| (u.ref_count, u.size.max(0)));
    let volumes: Vec<(i64, i64)> = df.volumes.iter().map(usage).collect();
    let volumes_size: i64 = volumes.iter().map(|(_, size)| size).sum();
    let volumes_idle: i64 = volumes.iter().filter(|(refs, _)| *refs == 0).map(|(_, size)| size).sum();
    let mounted = volumes.iter().filter(|(refs, _)| *refs > 0).count();
    vec![
        line("Images", df.images.len(), used.len(), df.layers_size, (df.layers_size - in_use).max(0)),
        line("Containers", df.containers.len(), active, size, idle),
        line("Local Volumes", volumes.len(), mounted, volumes_size, volumes_idle),
        line("Build Cache", df.build_cache.len(), 0, 0, 0),
    ]
}

fn line(kind: &str, total: usize, active: usize, size: i64, reclaimable: i64) -> Row {
    let mut freed = units::human_size_long(reclaimable as f64);
    if size > 0 && kind != "Build Cache" {
        freed.push_str(&format!(" ({}%)", reclaimable * 100 / size));
    }
    row([
        ("Type", json!(kind)),
        ("TotalCount", json!(total.to_string())),
        ("Active", json!(active.to_string())),
        ("Size", json!(units::human_size_long(size as f64))),
        ("Reclaimable", json!(freed)),
    ])
}

#[cfg(test)]
mod tests {
    use hull_api::ContainerSummary;

    use super::*;

    #[test]
    fn what_stopped_containers_hold_can_be_had_back() {
        let container =
            |state: &str, size| ContainerSummary { state: state.into(), size_rw: size, ..ContainerSummary::default() };
        let df =
            SystemDf { containers: vec![container("running", 1000), container("exited", 3000)], ..SystemDf::default() };
        let rows = rows(&df);
        assert_eq!(rows[1]["Reclaimable"], "3kB (75%)");
        assert_eq!((&rows[1]["TotalCount"], &rows[1]["Active"]), (&json!("2"), &json!("1")));
        assert_eq!(rows[0]["Reclaimable"], "0B");
    }
}
