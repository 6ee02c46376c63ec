//! `hull top`.

use hull_api::TopResponse;

use super::{Context, Outcome, container_path};
use crate::client::Query;
use crate::output::{self, table};

/// Display the running processes of a container
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull top CONTAINER [ps OPTIONS]")]
#[command(
    after_help = "Examples:\n  hull top web\n  hull top web -o pid,comm,rss\n\n`hull pids web` shows the PIDs inside the container too."
)]
pub(crate) struct Args {
    /// The container, and options for ps
    #[arg(required = true, trailing_var_arg = true, value_name = "CONTAINER [ps OPTIONS]")]
    container_and_options: Vec<String>,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let (container, options) = args.container_and_options.split_at(1);
    let query = Query::new().text("ps_args", &options.join(" "));
    let top: TopResponse = context.client.get(&container_path(&container[0], "top"), query).await?;
    let mut lines = vec![top.titles.join("\t")];
    lines.extend(top.processes.iter().map(|process| process.join("\t")));
    output::print(&table::columns_with(&lines, 20, 3))?;
    Ok(0)
}
