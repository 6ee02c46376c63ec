//! `hull volume create`.

use hull_api::{Volume, VolumeCreateRequest};

use super::{Context, Outcome};
use crate::client::Query;
use crate::output;
use crate::request::{env, values};

/// Create a volume
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull volume create [OPTIONS] [VOLUME]")]
#[command(
    after_help = "Examples:\n  hull volume create data\n  hull volume create -d local -o type=tmpfs -o device=tmpfs -o o=size=10m scratch"
)]
pub(crate) struct Args {
    /// Specify volume driver name
    #[arg(short, long, value_name = "string", default_value = "local")]
    driver: String,
    /// Set metadata for a volume
    #[arg(long, value_name = "list", value_parser = values::label)]
    label: Vec<String>,
    /// Set driver specific options
    #[arg(short, long, value_name = "map", value_parser = values::key_value)]
    opt: Vec<(String, String)>,
    /// Its name; without one it gets a random one
    name: Option<String>,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let request = VolumeCreateRequest {
        name: args.name.unwrap_or_default(),
        driver: args.driver,
        driver_opts: args.opt.into_iter().collect(),
        labels: env::labels(&[], &args.label)?,
    };
    let volume: Volume = context.client.post("/volumes/create", Query::new(), &request).await?;
    output::print_line(&volume.name)?;
    Ok(0)
}
