//! `hull stats`.
//!
//! Every round asks for one sample of each container, all at once, and this side takes the difference to the round
//! before: containers that come and go need no bookkeeping, and nothing sleeps in the engine.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::join_all;
use http::StatusCode;
use hull_api::{ContainerInspect, ContainerSummary, Stats};
use serde_json::json;

use super::{CommandError, Context, Outcome, container_path};
use crate::client::Query;
use crate::output::format::{List, Row, Style, row};
use crate::output::table::short_id;
use crate::output::{self, units};

const LIST: List = List {
    titles: &[
        ("Container", "CONTAINER"),
        ("ID", "CONTAINER ID"),
        ("Name", "NAME"),
        ("CPUPerc", "CPU %"),
        ("MemUsage", "MEM USAGE / LIMIT"),
        ("MemPerc", "MEM %"),
        ("NetIO", "NET I/O"),
        ("BlockIO", "BLOCK I/O"),
        ("PIDs", "PIDS"),
    ],
    table: "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}",
    quiet: "{{.ID}}",
    raw: "",
};

/// Between two rounds.
const INTERVAL: Duration = Duration::from_secs(1);

/// Display a live stream of container(s) resource usage statistics
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull stats [OPTIONS] [CONTAINER...]")]
#[command(after_help = "Examples:\n  hull stats\n  hull stats --no-stream --format '{{.Name}} {{.CPUPerc}}' web db")]
pub(crate) struct Args {
    /// Show all containers (default shows just running)
    #[arg(short, long)]
    all: bool,
    /// Format output using a custom template: table, 'table TEMPLATE', json, TEMPLATE
    #[arg(long, value_name = "string")]
    format: Option<String>,
    /// Disable streaming stats and only pull the first result
    #[arg(long)]
    no_stream: bool,
    /// Do not truncate output
    #[arg(long)]
    no_trunc: bool,
    /// Only these
    containers: Vec<String>,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let mut before: HashMap<String, Stats> = HashMap::new();
    for name in &args.containers {
        // A name that is wrong is said once, at the start, and not shown as a row of dashes for ever.
        let _: ContainerInspect = context.client.get(&container_path(name, "json"), Query::new()).await?;
    }
    let style = Style { format: args.format.as_deref(), quiet: false };
    let live = !args.no_stream && args.format.is_none() && crate::tty::stdout_is_terminal();
    let mut first = true;
    loop {
        let names = match args.containers.is_empty() {
            true => running(context, args.all).await?,
            false => args.containers.clone(),
        };
        let samples = join_all(names.iter().map(|name| sample(context, name))).await;
        let samples = samples.into_iter().collect::<Result<Vec<_>, _>>()?;
        let named = names.iter().zip(samples).filter_map(|(name, sample)| Some((name, sample?)));
        let samples: Vec<(&String, Stats)> = named.collect();
        // CPU use is a difference: the first round only serves the second.
        if !first || samples.is_empty() {
            let rows = samples
                .iter()
                .map(|(name, stats)| stats_row(name, stats, before.get(&stats.id), !args.no_trunc))
                .collect();
            let text = LIST.render(&style, rows)?;
            // Home, each line cleared to its end, and what is below: without the flicker of a cleared screen.
            let text = if live { format!("\x1b[H{}\x1b[J", text.replace('\n', "\x1b[K\n")) } else { text };
            output::print(&text)?;
            if args.no_stream {
                return Ok(0);
            }
        } else if live {
            output::print("\x1b[2J\x1b[H")?;
        }
        before = samples.into_iter().map(|(_, stats)| (stats.id.clone(), stats)).collect();
        first = false;
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn running(context: &Context, all: bool) -> Result<Vec<String>, CommandError> {
    let list: Vec<ContainerSummary> = context.client.get("/containers/json", Query::new().flag("all", all)).await?;
    Ok(list.into_iter().map(|container| container.id).collect())
}

/// One sample; `None` of a container that is gone by now.
async fn sample(context: &Context, name: &str) -> Result<Option<Stats>, CommandError> {
    let query = Query::new().set("stream", "0").set("one-shot", "1");
    match context.client.get(&container_path(name, "stats"), query).await {
        Ok(stats) => Ok(Some(stats)),
        Err(error) if error.is_status(StatusCode::NOT_FOUND) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// `name`: what was asked for, or the id.
fn stats_row(name: &str, now: &Stats, before: Option<&Stats>, truncate: bool) -> Row {
    let used = memory_used(now) as f64;
    let limit = now.memory_stats.limit as f64;
    let share = if limit > 0.0 { used / limit * 100.0 } else { 0.0 };
    let (received, sent) = now.networks.values().fold((0, 0), |(r, t), n| (r + n.rx_bytes, t + n.tx_bytes));
    let (mut read, mut written) = (0, 0);
    for entry in &now.blkio_stats.io_service_bytes_recursive {
        match entry.op.to_ascii_lowercase().as_str() {
            "read" => read += entry.value,
            "write" => written += entry.value,
            _ => {}
        }
    }
    let pair = |a: u64, b: u64| format!("{} / {}", units::human_size(a as f64), units::human_size(b as f64));
    let id = if truncate { short_id(&now.id) } else { &now.id };
    row([
        ("Container", json!(if name == now.id { id } else { name })),
        ("ID", json!(id)),
        ("Name", json!(now.name.trim_start_matches('/'))),
        ("CPUPerc", json!(format!("{:.2}%", cpu_percent(now, before)))),
        ("MemUsage", json!(format!("{} / {}", units::bytes_size(used), units::bytes_size(limit)))),
        ("MemPerc", json!(format!("{share:.2}%"))),
        ("NetIO", json!(pair(received, sent))),
        ("BlockIO", json!(pair(read, written))),
        ("PIDs", json!(now.pids_stats.current.to_string())),
    ])
}

/// Without the cache that can be dropped at once: `total_inactive_file` of cgroup v1, `inactive_file` of v2.
fn memory_used(stats: &Stats) -> u64 {
    let memory = &stats.memory_stats;
    let cache = memory.stats.get("total_inactive_file").or_else(|| memory.stats.get("inactive_file"));
    match cache {
        Some(cache) if *cache < memory.usage => memory.usage - cache,
        _ => memory.usage,
    }
}

fn cpu_percent(now: &Stats, before: Option<&Stats>) -> f64 {
    let Some(before) = before else { return 0.0 };
    let used = now.cpu_stats.cpu_usage.total_usage.saturating_sub(before.cpu_stats.cpu_usage.total_usage) as f64;
    let system = now.cpu_stats.system_cpu_usage.saturating_sub(before.cpu_stats.system_cpu_usage) as f64;
    let cpus = match now.cpu_stats.online_cpus {
        0 => now.cpu_stats.cpu_usage.percpu_usage.len().max(1) as f64,
        n => f64::from(n),
    };
    if system > 0.0 { used / system * cpus * 100.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(used: u64, system: u64) -> Stats {
        let mut stats = Stats { id: "0123456789abcdef".into(), name: "/web".into(), ..Stats::default() };
        stats.cpu_stats.cpu_usage.total_usage = used;
        stats.cpu_stats.system_cpu_usage = system;
        stats.cpu_stats.online_cpus = 2;
        stats.memory_stats.usage = 100 << 20;
        stats.memory_stats.limit = 200 << 20;
        stats.memory_stats.stats = [("inactive_file".to_owned(), 50 << 20)].into();
        stats
    }

    #[test]
    fn the_formulas_are_dockers() {
        let row = stats_row("web", &stats(500, 4000), Some(&stats(0, 2000)), true);
        assert_eq!(row["CPUPerc"], "50.00%");
        assert_eq!(row["MemUsage"], "50MiB / 200MiB");
        assert_eq!(row["MemPerc"], "25.00%");
        assert_eq!(row["ID"], "0123456789ab");
        assert_eq!(stats_row("web", &stats(500, 4000), None, false)["CPUPerc"], "0.00%");
    }
}
