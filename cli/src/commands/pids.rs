//! `hull pids`: which process is which, inside and outside.

use hull_api::{PidsResponse, Process};

use super::{Context, Outcome, container_path};
use crate::client::Query;
use crate::output::{self, json, table, time};

/// Show the processes of a container with their PIDs in every namespace
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull pids [OPTIONS] CONTAINER")]
#[command(after_help = "\
HOST PID is the process's PID where the engine runs, NAMESPACE PID the one that it has inside the
container (outermost first, where containers are nested). STALLED is how long its threads stood
still because the CPU limit was used up.

Examples:
  hull pids web
  hull pids --json web | jq '.Processes[].HostPid'")]
pub(crate) struct Args {
    /// Print the engine's answer as JSON: also start times, cgroup ids and namespaces' inodes
    #[arg(long)]
    json: bool,
    /// The container
    container: String,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let answer: PidsResponse = context.client.get(&container_path(&args.container, "pids"), Query::new()).await?;
    if args.json {
        output::print_line(&json::indent(&serde_json::to_string(&answer)?))?;
        return Ok(0);
    }
    output::print(&render(&answer))?;
    Ok(0)
}

fn render(answer: &PidsResponse) -> String {
    let mut lines = vec!["HOST PID\tNAMESPACE PID\tPARENT\tSTARTED\tSTALLED\tCOMMAND".to_owned()];
    lines.extend(answer.processes.iter().map(line));
    table::columns(&lines)
}

fn line(process: &Process) -> String {
    // The first level is the engine's own, which has a column.
    let inside: Vec<String> = match process.namespace_pids.as_slice() {
        [_, inner @ ..] if !inner.is_empty() => inner.iter().map(u32::to_string).collect(),
        all => all.iter().map(u32::to_string).collect(),
    };
    let started = time::unix(&process.started_at).map_or_else(|| "-".to_owned(), |t| format!("{} ago", time::age(t)));
    let stalled = process.throttled_seconds.map_or_else(|| "-".to_owned(), seconds);
    format!(
        "{}\t{}\t{}\t{started}\t{stalled}\t{}",
        process.host_pid,
        inside.join(" > "),
        process.parent_pid,
        process.command
    )
}

fn seconds(value: f64) -> String {
    match value {
        0.0 => "0s".to_owned(),
        v if v < 1.0 => format!("{:.0}ms", v * 1000.0),
        v if v < 100.0 => format!("{v:.2}s"),
        v => format!("{v:.0}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table() {
        let process = |host_pid, pids: &[u32], stalled| Process {
            host_pid,
            namespace_pids: pids.to_vec(),
            parent_pid: 7,
            command: "sh".into(),
            throttled_seconds: stalled,
            ..Process::default()
        };
        let answer = PidsResponse {
            processes: vec![
                process(4000, &[4000, 1], Some(0.25)),
                process(4001, &[4001, 9, 3], Some(12.0)),
                process(5000, &[5000], None),
            ],
            ..PidsResponse::default()
        };
        assert_eq!(
            render(&answer),
            "HOST PID   NAMESPACE PID   PARENT    STARTED   STALLED   COMMAND\n\
             4000       1               7         -         250ms     sh\n\
             4001       9 > 3           7         -         12.00s    sh\n\
             5000       5000            7         -         -         sh\n"
        );
    }
}
