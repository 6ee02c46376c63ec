//! `hull stop`.

use super::containers::Containers;
use super::{Context, Outcome};
use crate::client::Query;
use crate::request::values;

/// Stop one or more running containers
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull stop [OPTIONS] CONTAINER [CONTAINER...]")]
#[command(
    after_help = "Examples:\n  hull stop web              SIGTERM (or the image's signal), and after 10 seconds SIGKILL\n  hull stop -t 1 web db"
)]
pub(crate) struct Args {
    #[command(flatten)]
    ending: EndingFlags,
    #[command(flatten)]
    containers: Containers,
}

/// How a container is asked to end, and for how long.
#[derive(Debug, clap::Args)]
pub(super) struct EndingFlags {
    /// Signal to send to the container
    #[arg(short, long, value_name = "string", default_value = "", hide_default_value = true)]
    signal: String,
    /// Seconds to wait before killing the container
    #[arg(short, long, visible_alias = "time", value_name = "int", value_parser = values::int, allow_hyphen_values = true)]
    timeout: Option<i64>,
}

impl EndingFlags {
    pub(super) fn query(&self) -> Query {
        let seconds = self.timeout.map(|t| t.to_string()).unwrap_or_default();
        Query::new().text("signal", &self.signal).text("t", &seconds)
    }
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    args.containers.post(context, "stop", args.ending.query()).await
}
